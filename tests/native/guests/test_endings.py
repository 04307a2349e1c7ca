"""What native code of a guest does at the end of a thread, of the process, and when it gives up."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import sesha
from tests.native.images import probe
from tests.native.images.conftest import Compiler

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def build(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_destructors_of_a_thread_s_data_run_when_it_ends(build: Compiler) -> None:
    """A thread_local object of an image is destroyed at the end of each thread that made it."""
    path = build("libexits.so", "exits.cpp")
    with sesha.Pool(interpreters=2) as pool:
        assert pool.broadcast(probe.call, path, "exits_run_thread") == [5, 5]
        assert pool.broadcast(probe.call, path, "exits_run_thread") == [10, 10]


EXIT = """
import sys, sesha
from tests.native.images import probe
pool = sesha.Pool(interpreters=2)
assert pool.broadcast("tests.native.images.probe:call", sys.argv[1], "exits_register") == [0, 0]
if sys.argv[2] == "closed":
    pool.shutdown()
print("end", flush=True)
"""


@pytest.mark.parametrize("state", ["closed", "open"])
def test_no_destructors_of_guests_run_at_exit(state: str, build: Compiler) -> None:
    """Static destructors and atexit functions of images do not run when the process ends."""
    done = run(EXIT, build("libexits.so", "exits.cpp"), state)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "end\n"


DIE = """
import sys, sesha
from tests.native.images import probe
path, function, *arguments = sys.argv[1:]
with sesha.Pool(interpreters=1) as pool:
    (before,) = pool.interpreters
    try:
        pool.submit(probe.call, path, function, *map(int, arguments), result="none").result()
    except sesha.InterpreterDied as error:
        print("died:", error)
    print(pool.submit(pow, 2, 10).result(), pool.interpreters[0] != before)
"""


@pytest.mark.parametrize(
    ("function", "arguments", "cause"),
    [
        ("fatal_abort", [], "abort() was called"),
        ("fatal_assert", ["4"], "an assertion failed"),
        ("fatal_noexcept", [], "an uncaught C++ exception"),
    ],
)
def test_fatal_error_ends_the_interpreter_alone(
    function: str, arguments: list[str], cause: str, build: Compiler
) -> None:
    """A call whose code aborts fails with InterpreterDied, and another interpreter goes on."""
    done = run(DIE, build("libfatal.so", "fatal.cpp"), function, *arguments)
    assert done.returncode == 0, done.stderr
    died, after = done.stdout.splitlines()
    assert died.startswith("died:")
    assert cause in died
    assert after == "1024 True"


def test_assertion_that_holds_is_no_end(build: Compiler) -> None:
    """An assertion that holds passes without effect."""
    path = build("libfatal.so", "fatal.cpp")
    with sesha.Pool(interpreters=1) as pool:
        nothing: Any = pool.submit(probe.call, path, "fatal_assert", 3, result="none").result()
        assert nothing is None


def test_abort_in_the_host_ends_the_process(build: Compiler) -> None:
    """The host's own code aborts as ever, also while a pool is open."""
    script = """
import sys, sesha
from tests.native.images import probe
with sesha.Pool(interpreters=1) as pool:
    pool.run(pow, 2, 2)
    probe.call(sys.argv[1], "fatal_abort")
"""
    done = run(script, build("libfatal.so", "fatal.cpp"))
    assert done.returncode == -6
