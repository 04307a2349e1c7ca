"""References lead to the definitions to which they would lead in a process of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests.native.images import elf, probe
from tests.native.images.elf import Elf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.native.images.conftest import Compiler

    Everywhere = Callable[..., list[Any]]


def shapes(build: Compiler) -> tuple[str, str]:
    library = build("libshapes.so", "shapes.cpp")
    user = build("libuser.so", "shapes_user.cpp", library, "-Wl,-rpath,$ORIGIN")
    return library, user


def test_exceptions_are_caught_by_type_across_libraries(
    build: Compiler, everywhere: Everywhere
) -> None:
    """What one library throws another catches by its type, its own types and the standard's."""
    _, user = shapes(build)
    assert everywhere(probe.call, user, "user_catch", 42) == [42] * 3
    assert everywhere(probe.call, user, "user_catch_standard") == [1] * 3


def test_dynamic_casts_and_type_information_work_across_libraries(
    build: Compiler, everywhere: Everywhere
) -> None:
    """An object that one library made is of the same class to another."""
    _, user = shapes(build)
    assert everywhere(probe.call, user, "user_cast") == [41] * 3


def test_unique_symbols_are_unique_within_an_interpreter(
    build: Compiler, everywhere: Everywhere
) -> None:
    """STB_GNU_UNIQUE data is one to the libraries of an interpreter, and another in the next."""
    library, user = shapes(build)
    original = Elf.open(library)
    assert (original.symbols["info"] >> 4 == elf.STB_GNU_UNIQUE).any()
    for name in ("entries", "counter"):
        inside = everywhere(probe.call, library, f"shapes_{name}", result="address")
        beside = everywhere(probe.call, user, f"user_{name}", result="address")
        assert inside == beside
        assert len(set(inside)) == 3


def test_weak_symbols_resolve_as_in_a_process(build: Compiler, everywhere: Everywhere) -> None:
    """A weak reference finds what a needed library defines, or nothing; a weak definition holds."""
    strong = build("libstrong.so", "weak_strong.c")
    weak = build("libweak.so", "weak.c", "-Wl,--no-as-needed", strong, "-Wl,-rpath,$ORIGIN")
    functions = ["weak_has_nowhere", "weak_call_elsewhere", "weak_call_here"]
    assert everywhere(probe.calls, weak, functions) == [[0, 6, 5]] * 3


def test_each_reference_gets_the_version_it_was_linked_to(
    build: Compiler, everywhere: Everywhere
) -> None:
    """Of two versions of a name an old user gets the old one, a new user and dlsym the default."""
    folder = str(build.folder)
    fixtures = os.path.join(os.path.dirname(__file__), "..", "fixtures")  # noqa: PTH118, PTH120 - a linker's option
    script = f"-Wl,--version-script,{fixtures}/versions"
    library = build("libversions.so", "versions_old.c", f"{script}_old.map")
    use = ["-L" + folder, "-lversions", "-Wl,-rpath,$ORIGIN"]
    old = build("libold.so", "versions_user.c", "-DUSER=use_old", *use)
    library = build("libversions.so", "versions.c", f"{script}.map")
    new = build("libnew.so", "versions_user.c", "-DUSER=use_new", *use)
    assert everywhere(probe.call, old, "use_old") == [1] * 3
    assert everywhere(probe.call, new, "use_new") == [2] * 3
    assert everywhere(probe.call, library, "versioned") == [2] * 3


def test_dlvsym_finds_each_version(build: Compiler, everywhere: Everywhere) -> None:
    """Dlvsym leads to the version that it is asked for, or to nothing."""
    fixtures = os.path.join(os.path.dirname(__file__), "..", "fixtures")  # noqa: PTH118, PTH120 - a linker's option
    library = build("libversions.so", "versions.c", f"-Wl,--version-script,{fixtures}/versions.map")
    opener = build("libopener.so", "opener.c")
    for version, value in (("V1", 1), ("V2", 2), ("V3", -1)):
        assert everywhere(versioned, opener, library, version) == [value] * 3


def versioned(opener: str, library: str, version: str) -> int:
    handle = probe.call(opener, "opener_open", library, os.RTLD_NOW, result="address")
    found = probe.call(opener, "opener_call_version", handle, "versioned", version)
    assert isinstance(found, int)
    return found
