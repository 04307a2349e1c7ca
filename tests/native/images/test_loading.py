"""Libraries are found, ordered and opened as the process's own loader would.

Every test compares guests with the host, which that loader serves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.native.images import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    import sesha
    from tests.native.images.conftest import Compiler

    Everywhere = Callable[..., list[Any]]

NOLOAD = 4
NOW = os.RTLD_NOW


def value(build: Compiler, name: str, number: int, *options: str, **keywords: Any) -> str:
    """Build a library whose function `given` returns a number."""
    return build(name, "value.c", "-DNAME=given", f"-DVALUE={number}", *options, **keywords)


def forward(build: Compiler, name: str, function: str, target: str, *options: str) -> str:
    return build(name, "forward.c", f"-DNAME={function}", f"-DTARGET={target}", *options)


def test_constructors_run_after_those_of_what_is_needed(
    build: Compiler, everywhere: Everywhere
) -> None:
    """In a diamond constructors run from the bottom to the top, each once, by priority."""
    rpath = "-Wl,-rpath,$ORIGIN,--no-as-needed"
    log = build("liblog.so", "order_log.c")
    left = build("libleft.so", "order.c", '-DNAME="left"', "-DCORNER=left", rpath, log)
    right = build("libright.so", "order.c", '-DNAME="right"', "-DCORNER=right", rpath, log, left)
    top = build("libtop.so", "order.c", '-DNAME="top"', "-DCORNER=top", rpath, left, right)
    expected = "log left1 left2 right1 right2 top1 top2 "
    assert everywhere(probe.call, top, "top") == [1] * 3
    assert everywhere(probe.call, log, "order_text", result="text") == [expected] * 3


def test_constructors_get_the_program_s_arguments(build: Compiler, everywhere: Everywhere) -> None:
    """Constructors are called with argc, argv and envp, as the process's loader does."""
    log = build("libargumentlog.so", "order_log.c")
    top = build("libtop.so", "order.c", '-DNAME="x"', "-DCORNER=top", "-Wl,-rpath,$ORIGIN", log)
    everywhere(probe.call, top, "top")
    counts = everywhere(probe.call, log, "order_count")
    assert counts[0] >= 1
    assert counts == counts[:1] * 3
    for index in range(counts[0]):
        values = everywhere(probe.call, log, "order_value", index, result="text")
        assert values == values[:1] * 3
    assert everywhere(probe.call, log, "order_has_environment") == [1] * 3


def test_rpath_is_inherited_and_runpath_is_not(build: Compiler, everywhere: Everywhere) -> None:
    """What a needed library needs is found by its user's DT_RPATH, and not by its DT_RUNPATH."""
    hidden = build("deep/libhidden.so", "value.c", "-DNAME=hidden", "-DVALUE=1")
    middle = forward(build, "libmiddle.so", "middle", "hidden", hidden)
    folders = "-Wl,-rpath,$ORIGIN:$ORIGIN/deep"
    inherits = forward(
        build, "libinherits.so", "outer", "middle", middle, folders, "-Wl,--disable-new-dtags"
    )
    does_not = forward(
        build, "libdoesnot.so", "outer", "middle", middle, folders, "-Wl,--enable-new-dtags",
        "-Wl,-z,lazy", "-Wl,--allow-shlib-undefined",
    )  # fmt: skip
    errors = everywhere(probe.error_of, does_not)
    assert all("libhidden.so: cannot open shared object file" in error for error in errors)
    assert everywhere(probe.call, inherits, "outer") == [2001] * 3


@pytest.mark.parametrize("dtags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_library_opens_another_by_name_on_its_own_path(
    dtags: str, build: Compiler, everywhere: Everywhere
) -> None:
    """Dlopen of a bare name searches the calling library's RUNPATH or RPATH."""
    value(build, "plugins/libplugin.so", 3)
    opener = build("libopener.so", "opener.c", "-Wl,-rpath,$ORIGIN/plugins", f"-Wl,{dtags}")
    assert everywhere(probe.opened, opener, "libplugin.so", NOW, "given") == [(3, "")] * 3
    origin = "$ORIGIN/plugins/libplugin.so"
    assert everywhere(probe.opened, opener, origin, NOW, "given") == [(3, "")] * 3


def test_library_without_a_path_finds_only_what_is_loaded(
    build: Compiler, everywhere: Everywhere
) -> None:
    """A bare name that no search leads to is an error, until a library of that soname is loaded."""
    plugin = value(build, "plugins/anyname.so", 4, soname="libsomewhere.so.1")
    opener = build("libopener.so", "opener.c")
    for code, error in everywhere(probe.opened, opener, "libsomewhere.so.1", NOW, "given"):
        assert code == -1
        assert "libsomewhere.so.1: cannot open shared object file" in error
    everywhere(probe.call, plugin, "given")
    assert everywhere(probe.opened, opener, "libsomewhere.so.1", NOW, "given") == [(4, "")] * 3


def test_file_name_of_a_loaded_library_does_not_find_it(
    build: Compiler, everywhere: Everywhere
) -> None:
    """A library that was opened by its path is known by its soname, not by its file's name."""
    plugin = value(build, "plugins/libfilename.so", 4, soname="libother.so.1")
    opener = build("libopener.so", "opener.c")
    everywhere(probe.call, plugin, "given")
    results = everywhere(probe.opened, opener, "libfilename.so", NOW, "given")
    assert [code for code, _ in results] == [-1] * 3


def test_libraries_with_one_soname_are_two_when_opened_by_path(
    build: Compiler, everywhere: Everywhere
) -> None:
    """Two files of one soname are two libraries by path; by name it is the first."""
    first = value(build, "a/libsame.so", 1)
    second = value(build, "b/libsame.so", 2)
    user = forward(build, "libuser.so", "use", "given", second, "-Wl,-rpath,$ORIGIN/b")
    assert everywhere(probe.call, first, "given") == [1] * 3
    assert everywhere(probe.call, second, "given") == [2] * 3
    assert everywhere(probe.call, user, "use") == [1001] * 3


def test_link_and_file_are_one_library(build: Compiler, everywhere: Everywhere) -> None:
    """A library that is opened by two names of one file is loaded once."""
    path = build("liblayout.so", "layout.c")
    link = build.folder / "liblink.so"
    link.symlink_to(path)
    assert everywhere(probe.call, path, "layout_bump") == [101] * 3
    assert everywhere(probe.call, str(link), "layout_bump") == [102] * 3


def test_global_library_serves_those_loaded_after(build: Compiler, everywhere: Everywhere) -> None:
    """An undefined symbol is found in what was opened before with RTLD_GLOBAL, and only then."""
    name = f"shared_value_{os.getpid()}"
    lender = build("liblender.so", "value.c", f"-DNAME={name}", "-DVALUE=8")
    user = forward(build, "libuser.so", "use", name)
    errors = everywhere(probe.error_of, user, NOW)
    assert all(f"undefined symbol: {name}" in error for error in errors)
    assert not any("sesha_ccfmdbo" in error for error in errors)
    everywhere(probe.call, lender, name, mode=os.RTLD_GLOBAL)
    assert everywhere(probe.call, user, "use", mode=NOW) == [1008] * 3


def test_global_library_is_found_by_default_look_ups(
    build: Compiler, everywhere: Everywhere
) -> None:
    """RTLD_DEFAULT and dlopen(NULL) find a symbol of a library after RTLD_GLOBAL, not before."""
    name = f"default_value_{os.getpid()}"
    lender = build("liblender.so", "value.c", f"-DNAME={name}", "-DVALUE=9")
    opener = build("libopener.so", "opener.c")
    for function in ("opener_call_default", "opener_call_self"):
        everywhere(probe.call, lender, name)
        assert everywhere(probe.call, opener, function, name) == [-1] * 3
    everywhere(probe.call, lender, name, mode=os.RTLD_GLOBAL)
    for function in ("opener_call_default", "opener_call_self"):
        assert everywhere(probe.call, opener, function, name) == [9] * 3


def test_global_library_of_the_host_is_not_seen_in_guests(
    build: Compiler, pool: sesha.Pool
) -> None:
    """What the host loads with RTLD_GLOBAL captures nothing in a guest."""
    name = f"host_value_{os.getpid()}"
    lender = build("liblender.so", "value.c", f"-DNAME={name}", "-DVALUE=10")
    opener = build("libopener.so", "opener.c")
    probe.call(lender, name, mode=os.RTLD_GLOBAL)
    assert probe.call(opener, "opener_call_default", name) == 10
    assert pool.broadcast(probe.call, opener, "opener_call_default", name) == [-1, -1]
    assert pool.broadcast(probe.call, opener, "opener_call_self", name) == [-1, -1]


def test_next_definition_is_that_behind_the_caller(build: Compiler, everywhere: Everywhere) -> None:
    """RTLD_NEXT finds the definition in a library that the caller needs, not one of its own."""
    behind = value(build, "libbehind.so", 11)
    opener = build("libopener.so", "opener.c", "-Wl,--no-as-needed", behind, "-Wl,-rpath,$ORIGIN")
    assert everywhere(probe.call, opener, "opener_call_next", "given") == [11] * 3
    assert everywhere(probe.call, opener, "opener_call_next", "opener_error") == [-1] * 3


def test_handle_leads_to_the_library_and_what_it_needs(
    build: Compiler, everywhere: Everywhere
) -> None:
    """Dlsym with a handle finds symbols of the library and its needs alone."""
    inner = build("libinner.so", "value.c", "-DNAME=by_handle", "-DVALUE=12")
    outer = forward(build, "libouter.so", "outer", "by_handle", inner, "-Wl,-rpath,$ORIGIN")
    decoy = build("libdecoy.so", "value.c", "-DNAME=by_handle", "-DVALUE=13")
    everywhere(probe.call, decoy, "by_handle", mode=os.RTLD_GLOBAL)
    assert everywhere(probe.call, outer, "by_handle") == [12] * 3


def test_noload_finds_only_what_is_loaded(build: Compiler, everywhere: Everywhere) -> None:
    """RTLD_NOLOAD loads nothing, and gives a handle of what is loaded."""
    plugin = value(build, "libplugin.so", 14)
    opener = build("libopener.so", "opener.c")
    mode = NOW | NOLOAD
    assert [code for code, _ in everywhere(probe.opened, opener, plugin, mode, "given")] == [-1] * 3
    everywhere(probe.call, plugin, "given")
    assert everywhere(probe.opened, opener, plugin, mode, "given") == [(14, "")] * 3


def test_closed_library_stays_usable(build: Compiler, pool: sesha.Pool) -> None:
    """Dlclose of an image succeeds and unloads nothing: pointers into it stay good."""
    plugin = value(build, "libplugin.so", 15)
    opener = build("libopener.so", "opener.c")
    assert pool.broadcast(close_and_call, opener, plugin) == [(0, 15)] * 2


def close_and_call(opener: str, plugin: str) -> tuple[int, int]:
    handle = probe.call(opener, "opener_open", plugin, NOW, result="address")
    closed = probe.call(opener, "opener_close", handle)
    return closed, probe.call(opener, "opener_call", handle, "given")


def test_libraries_that_need_each_other_are_loaded(build: Compiler, everywhere: Everywhere) -> None:
    """Circles of DT_NEEDED load, whichever library of the circle is opened first."""
    folder, rpath = f"-L{build.folder}", "-Wl,-rpath,$ORIGIN,--no-as-needed"
    for name in ("one", "two", "three"):
        build(f"lib{name}.so", "value.c", f"-DNAME=base_{name}", "-DVALUE=1")
    following = {"one": "two", "two": "three", "three": "one"}
    for name, target in following.items():
        build(
            f"lib{name}.so", "circle.c", f"-DNAME={name}", f"-DTARGET={target}", folder, rpath,
            f"-l{target}", "-Wl,--unresolved-symbols=ignore-all",
        )  # fmt: skip
    outside = forward(
        build, "liboutside.so", "outside", "two", folder, rpath, "-ltwo",
        "-Wl,--unresolved-symbols=ignore-all",
    )  # fmt: skip
    assert everywhere(probe.call, outside, "outside") == [1111] * 3
    for name in following:
        path = str(build.folder / f"lib{name}.so")
        assert everywhere(probe.call, path, name) == [111] * 3
        assert everywhere(probe.call, path, f"bump_{name}") == [1] * 3


def test_failed_library_can_be_opened_once_it_is_mended(
    build: Compiler, everywhere: Everywhere
) -> None:
    """A library that failed for want of another loads as soon as the other is there."""
    inner = value(build, "libmended.so", 16)
    outer = forward(build, "libouter.so", "outer", "given", inner, "-Wl,-rpath,$ORIGIN")
    moved = Path(inner).rename(build.folder / "away.so")
    for error in everywhere(probe.error_of, outer):
        assert "libmended.so: cannot open shared object file" in error
    moved.rename(inner)
    assert everywhere(probe.call, outer, "outer") == [1016] * 3


def test_broken_dependency_does_not_spoil_its_siblings(
    build: Compiler, everywhere: Everywhere
) -> None:
    """After a failure the libraries not at fault load, as does all once it is mended."""
    good = value(build, "libgood.so", 17)
    bad = build("libbad.so", "value.c", "-DNAME=bad", "-DVALUE=1")
    contents = Path(bad).read_bytes()
    rpath = "-Wl,-rpath,$ORIGIN,--no-as-needed"
    outer = forward(build, "libouter.so", "outer", "given", rpath, good, bad)
    Path(bad).write_bytes(b"no library at all, but long enough for a header" * 10)
    assert all(everywhere(probe.error_of, outer))
    assert everywhere(probe.call, good, "given") == [17] * 3
    Path(bad).unlink()
    Path(bad).write_bytes(contents)
    assert everywhere(probe.call, outer, "outer") == [1017] * 3


def test_dladdr_names_the_original_file_and_symbol(build: Compiler, everywhere: Everywhere) -> None:
    """Dladdr of code in an image answers with the original's path and the symbol's own name."""
    plugin = value(build, "libplugin.so", 18)
    opener = build("libopener.so", "opener.c")
    assert everywhere(described, opener, plugin) == [(plugin, "given")] * 3


def described(opener: str, plugin: str) -> tuple[str, str]:
    handle = probe.call(opener, "opener_open", plugin, NOW, result="address")
    assert handle is not None
    import ctypes  # noqa: PLC0415 - runs in guests too

    address = ctypes.cast(ctypes.CDLL(plugin).given, ctypes.c_void_p).value
    return (
        probe.call(opener, "opener_file_of", address, result="text"),
        probe.call(opener, "opener_symbol_of", address, result="text"),
    )


def test_error_texts_name_the_library_as_the_user_does(
    build: Compiler, everywhere: Everywhere
) -> None:
    """Dlerror speaks of paths and symbols by their own names, and only once."""
    opener = build("libopener.so", "opener.c")
    plugin = value(build, "libplugin.so", 19)
    for said in everywhere(error_of_a_missing_symbol, opener, plugin):
        assert "undefined symbol: missing" in said
        assert "libplugin.so" in said
        assert "sesha_ccfmdbo" not in said
    gone = str(build.folder / "gone.so")
    for error in everywhere(probe.error_of, gone):
        assert error.startswith(f"{gone}: cannot open shared object file: No such file")
    for error in everywhere(probe.call, opener, "opener_error", gone, NOW, result="text"):
        assert error.startswith(f"{gone}: cannot open shared object file: No such file")
    assert (
        everywhere(probe.call, opener, "opener_error", plugin, NOW, result="text") == ["none"] * 3
    )


def error_of_a_missing_symbol(opener: str, plugin: str) -> str:
    handle = probe.call(opener, "opener_open", plugin, NOW, result="address")
    text = probe.call(opener, "opener_symbol_error", handle, "missing", result="text")
    assert isinstance(text, str)
    return text


def test_nothing_remains_of_a_process_that_is_killed_while_it_loads(
    build: Compiler, tmp_path: Path
) -> None:
    """Images in a folder have no names: kill -9 in the middle of loading leaves no file."""
    folder = tmp_path / "images"
    folder.mkdir()
    script = """
import os, signal, sys, threading
import sesha
from tests.native.images import probe
pool = sesha.Pool(interpreters=2)
print(sorted(os.listdir(os.environ["SESHA_IMAGE_DIR"])), flush=True)
sys.stdin.read(1)
load = lambda: pool.broadcast("tests.native.images.probe:call", sys.argv[1], "given")
threading.Thread(target=load).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, value(build, "libplugin.so", 20)],
        env={**os.environ, "SESHA_IMAGE_DIR": str(folder)},
        input="x",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert done.stdout == "[]\n"
    assert list(folder.iterdir()) == []
