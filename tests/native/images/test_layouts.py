"""However a library is laid out into segments, its code is shared and its data private."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.native.images import elf, probe
from tests.native.images.elf import Elf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.native.images.conftest import Compiler

    Everywhere = Callable[..., list[Any]]

LAYOUTS = {
    "many segments": ["-Wl,-z,separate-code"],
    "two segments": ["-Wl,-z,noseparate-code"],
    "one segment": ["-nostdlib", "-Wl,-N"],
    "bound at once": ["-Wl,-z,now", "-Wl,-z,relro"],
    "bound lazily": ["-Wl,-z,lazy", "-Wl,-z,norelro"],
    "huge pages": ["-Wl,-z,max-page-size=2097152", "-Wl,-z,separate-code"],
    "largest pages": ["-Wl,-z,max-page-size=16777216"],
    "only a System V hash table": ["-Wl,--hash-style=sysv"],
    "both hash tables": ["-Wl,--hash-style=both"],
    "relative relocations packed": ["-Wl,-z,pack-relative-relocs"],
    "symbolic": ["-Wl,-Bsymbolic"],
    "by the gold linker": ["-fuse-ld=gold"],
    "no section headers": ["-Wl,-z,separate-code", "-s"],
    "bss of its own": ["-Wl,-z,separate-code", "-fno-zero-initialized-in-bss"],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_data_is_private_and_starts_as_in_the_file(
    name: str, build: Compiler, everywhere: Everywhere
) -> None:
    """Each interpreter counts for itself, from the value in the file, at its own addresses."""
    path = build("liblayout.so", "layout.c", *LAYOUTS[name])
    if name == "relative relocations packed":
        assert Elf.open(path).entry(elf.DT_RELR) is not None
    if name == "only a System V hash table":
        assert Elf.open(path).gnu_hash is None
    if name == "one segment" and len(Elf.open(path).loads) != 1:
        pytest.fail("the linker did not make one segment")
    functions = ["layout_bump", "layout_bump", "layout_sum"]
    assert everywhere(probe.calls, path, functions) == [[101, 102, 106]] * 3
    assert everywhere(probe.call, path, "layout_bump") == [103] * 3
    assert len(set(everywhere(probe.call, path, "layout_data", result="address"))) == 3
    assert len(set(everywhere(probe.call, path, "layout_code", result="address"))) == 3


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "one segment"])
def test_code_is_mapped_from_the_original_file(
    name: str, build: Compiler, everywhere: Everywhere
) -> None:
    """The pages of the code are the original file's in every interpreter, at one offset."""
    path = build("liblayout.so", "layout.c", *LAYOUTS[name])
    host, *guests = everywhere(probe.mapping_of_function, path, "layout_bump")
    status = os.stat(path)  # noqa: PTH116 - the inode is what counts
    for _, _, inode, file in [host, *guests]:
        assert int(inode) == status.st_ino
        assert file == path


def test_library_whose_code_is_relocated_works(build: Compiler, everywhere: Everywhere) -> None:
    """Addresses in code (text relocations) lead each interpreter's code to its own data."""
    path = build("libtextrel.so", "textrel.c", "-fno-pic", "-mcmodel=large", "-Wl,-z,notext")
    assert Elf.open(path).needs_code_while_loading()
    assert everywhere(probe.calls, path, ["textrel_bump", "textrel_bump"]) == [[42, 43]] * 3
    places = everywhere(probe.call, path, "textrel_place", result="address")
    assert len(set(places)) == 3


def test_thread_local_data_works_in_every_model(build: Compiler, everywhere: Everywhere) -> None:
    """Thread-local data of all models is private to each interpreter and to each of its threads."""
    path = build("libtls.so", "tls.c", "-ftls-model=global-dynamic")
    functions = ["tls_bump_general", "tls_bump_local", "tls_bump_initial", "tls_bump_general"]
    first = everywhere(probe.calls, path, functions)
    assert first == [[11, 21, 31, 12]] * 3
    for function, value in (
        ("tls_bump_general", 11),
        ("tls_bump_local", 21),
        ("tls_bump_initial", 31),
    ):
        assert everywhere(probe.call_in_thread, path, function) == [value] * 3


def test_indirect_functions_are_resolved_in_each_interpreter(
    build: Compiler, everywhere: Everywhere
) -> None:
    """IFUNC symbols and IRELATIVE relocations lead to the image's own functions and data."""
    path = build("libifunc.so", "ifunc.c")
    assert Elf.open(path).needs_code_while_loading()
    assert everywhere(probe.call, path, "ifunc_call") == [708] * 3
    assert everywhere(probe.call, path, "ifunc_call_pointer") == [7] * 3
    probe.call(path, "ifunc_choose", 3, result="none")
    assert everywhere(probe.call, path, "ifunc_call") == [304, 708, 708]
