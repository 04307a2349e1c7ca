"""How the interpreters of a pool are started, replaced and stopped."""

from __future__ import annotations

import itertools
import sys
import threading
import time

import pytest

import sesha
from sesha import InterpreterDied, InterpreterStartError, Pool
from sesha.runtime import interpreters, lifecycle
from tests.runtime import functions

MODULE = "def answer():\n    return 42\n"


def until(condition: object) -> None:
    while not condition():  # type: ignore[operator]
        time.sleep(0.001)


def initialize(value: int) -> None:
    functions.mark("initialized", (value, "colorsys" in sys.modules))


def fail_to_initialize() -> None:
    raise ValueError("not today")


def test_interpreters_are_prepared_before_their_first_call() -> None:
    """Preload comes first, then the initializer with its arguments."""
    with Pool(2, preload=("colorsys",), initializer=initialize, initargs=(7,)) as pool:
        assert pool.broadcast(functions.marked, "initialized") == [(7, True)] * 2


def test_a_failing_initializer_fails_the_pool_whole() -> None:
    """One error names the cause, and what was started has been stopped."""
    before = set(threading.enumerate())
    with pytest.raises(InterpreterStartError, match="not today") as caught:
        Pool(2, initializer=fail_to_initialize)
    assert isinstance(caught.value.__cause__, ValueError)
    assert set(threading.enumerate()) <= before


def test_a_missing_preload_fails_the_pool_whole() -> None:
    """A module that can't be imported is named."""
    with pytest.raises(InterpreterStartError, match="no_such_module"):
        Pool(2, preload=("no_such_module",))


def test_when_one_interpreter_does_not_start_the_others_are_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool starts all its interpreters or none."""
    attempts = itertools.count(1)
    started: list[int] = []
    stopped: list[int] = []
    real_start, real_stop = interpreters.start_interpreter, sesha._native.stop_interpreter

    def start() -> int:
        if next(attempts) == 3:
            raise sesha.ImageError("no room; make some")
        started.append(real_start())
        return started[-1]

    def stop(index: int) -> None:
        stopped.append(index)
        real_stop(index)

    monkeypatch.setattr(interpreters, "start_interpreter", start)
    monkeypatch.setattr(sesha._native, "stop_interpreter", stop)
    with pytest.raises(InterpreterStartError, match="no room; make some"):
        Pool(3)
    assert sorted(stopped) == sorted(started)
    assert started


def test_an_interpreter_that_died_is_replaced() -> None:
    """The call that died fails; a new interpreter with all that was registered takes over."""
    with Pool(2, initializer=initialize, initargs=(1,)) as pool:
        pool.register_module("replaced.answers", MODULE)
        before = set(pool.interpreters)
        with pytest.raises(InterpreterDied):
            pool.run(functions.die)
        until(lambda: len(pool.interpreters) == 2)
        assert pool.broadcast("replaced.answers:answer") == [42, 42]
        assert pool.broadcast(functions.marked, "initialized") == [(1, False)] * 2
        with pytest.raises(InterpreterDied):
            pool.submit(functions.die).result()
        until(lambda: len(pool.interpreters) == 2)
        assert pool.statistics().deaths == 2
        assert set(pool.interpreters) - before


def test_calls_that_wait_go_to_the_replacement() -> None:
    """Calls queued behind one that dies are not lost."""
    with Pool(1) as pool:
        died = pool.submit(functions.die)
        waiting = [pool.submit(functions.square, value) for value in range(20)]
        assert [future.result() for future in waiting] == [value * value for value in range(20)]
        assert isinstance(died.exception(), InterpreterDied)


def test_a_pool_without_interpreters_fails_its_calls(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When no replacement can be started either, calls fail and do not wait for ever."""
    with Pool(1) as pool:
        monkeypatch.setattr(lifecycle, "_RETRY_AFTER", (0.0, 0.0))

        def start() -> int:
            raise sesha.ImageError("the disk is full")

        monkeypatch.setattr(interpreters, "start_interpreter", start)
        died = pool.submit(functions.die)
        waiting = pool.submit(functions.square, 2)
        assert isinstance(died.exception(), InterpreterDied)
        assert isinstance(waiting.exception(), InterpreterDied)
        with pytest.raises(InterpreterDied):
            pool.run(functions.square, 2)
    assert "the disk is full" in caplog.text


def test_a_registered_module_is_importable_everywhere() -> None:
    """Modules are found by name, with packages above them, and tracebacks show their lines."""
    with Pool(2) as pool:
        pool.register_module("made.up.deep", MODULE + "\ndef broken():\n    return 1 / 0\n")
        assert pool.broadcast("made.up.deep:answer") == [42, 42]
        with pytest.raises(ZeroDivisionError) as caught:
            pool.run("made.up.deep:broken")
        assert "return 1 / 0" in str(caught.value.__cause__)
        with pool.session() as session:
            pool.register_module("made.later", MODULE)
            assert session.import_module("made.later").answer().get() == 42


@pytest.mark.parametrize("name", ["", ".", "a..b", "1a", "a-b", "a."])
def test_a_module_needs_a_name(single: Pool, name: str) -> None:
    """A name that can't be imported is refused."""
    with pytest.raises(ValueError, match="name of a module"):
        single.register_module(name, "")


def test_a_module_must_be_python(single: Pool) -> None:
    """A source that can't be compiled is a SyntaxError, at once."""
    with pytest.raises(SyntaxError):
        single.register_module("broken", "def")
