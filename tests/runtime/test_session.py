"""Sessions: one interpreter, held."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

import sesha
from sesha import InterpreterDied, Pool, SessionClosed
from tests.runtime import functions

if TYPE_CHECKING:
    from pathlib import Path


def test_a_session_stays_in_one_interpreter(pool: Pool) -> None:
    """All calls of a session go to its interpreter."""
    with pool.session() as session:
        assert {session.run(sesha.current_interpreter) for _ in range(5)} == {session.interpreter}


def test_names_stay_between_sources(pool: Pool) -> None:
    """What exec binds, later exec and eval find; another session does not."""
    with pool.session() as session:
        session.exec("value = 20\ndef double(x):\n    return 2 * x\n")
        session.exec("value += 1")
        assert session.eval("double(value)").get() == 42
        with pool.session() as other, pytest.raises(NameError):
            other.eval("value")


def test_modules_are_imported_there(pool: Pool) -> None:
    """import_module gives a reference to the interpreter's own module."""
    with pool.session() as session:
        math = session.import_module("math")
        assert math.sqrt(16).get() == 4.0
        assert math.__name__.get() == "math"
        with pytest.raises(ModuleNotFoundError):
            session.import_module("no_such_module")


def test_an_error_in_a_source_shows_its_line(pool: Pool) -> None:
    """The remote traceback has the line of the source that failed."""
    with pool.session() as session, pytest.raises(ZeroDivisionError) as caught:
        session.exec("one = 1\nbroken = one / 0\n")
    assert "broken = one / 0" in str(caught.value.__cause__)


def test_sources_are_forgotten_with_their_session(single: Pool) -> None:
    """What sessions ran is not kept for tracebacks once nothing of them is left."""
    for _ in range(20):
        with single.session() as session:
            session.exec("def double(x):\n    return 2 * x\n")
    del session
    with single.session() as session:
        session.exec("import gc, linecache\ngc.collect()")
        kept = session.eval("[name for name in linecache.cache if name.startswith('<session ')]")
        assert len(kept.get()) <= 2


def test_a_function_that_outlives_its_session_shows_its_lines(single: Pool) -> None:
    """Lines are remembered for as long as a function from a session's source is there."""
    with single.session() as session:
        session.exec("def fail():\n    broken = 1 / 0\n")
        session.exec("import builtins\nbuiltins.kept_function = fail")
    del session
    with single.session() as session:
        session.exec("import gc\ngc.collect()")
        with pytest.raises(ZeroDivisionError) as caught:
            session.exec("import builtins\nbuiltins.kept_function()")
        assert "broken = 1 / 0" in str(caught.value.__cause__)
        session.exec("del builtins.kept_function")


def test_a_source_that_is_no_python_is_a_syntax_error(pool: Pool) -> None:
    """A SyntaxError arrives as one."""
    with pool.session() as session:
        with pytest.raises(SyntaxError):
            session.exec("def")
        with pytest.raises(SyntaxError):
            session.eval("a = 1")


def test_call_keeps_and_run_copies(pool: Pool) -> None:
    """Call gives a reference to the result, run its value."""
    with pool.session() as session:
        kept = session.call(sorted, [3, 1, 2])
        assert session.run("builtins:len", kept) == 3
        assert session.run("builtins:sorted", kept, reverse=True) == [3, 2, 1]
        assert session.reference({"a": 1})["a"].get() == 1


def test_a_closed_session_says_so(pool: Pool) -> None:
    """After close every use is SessionClosed, and the interpreter is free."""
    session = pool.session()
    kept = session.eval("[1, 2]")
    session.close()
    session.close()
    assert session.closed
    for use in (
        lambda: session.exec("1"),
        lambda: session.eval("1"),
        lambda: session.run(len, []),
        lambda: session.call(len, []),
        lambda: session.import_module("math"),
        kept.get,
        lambda: len(kept),
    ):
        with pytest.raises(SessionClosed, match="closed"):
            use()
    assert pool.statistics().busy == 0


def test_a_forgotten_session_ends(single: Pool) -> None:
    """A session that nobody refers to gives its interpreter back."""
    session = single.session()
    kept = session.eval("[1]")
    del session
    gc.collect()
    assert kept.get() == [1]
    del kept
    gc.collect()
    assert single.run(len, [1]) == 1


def test_shutdown_closes_sessions() -> None:
    """A pool that ends does not wait for open sessions, and they say so."""
    pool = Pool(1)
    session = pool.session()
    kept = session.eval("{}")
    pool.shutdown()
    with pytest.raises(SessionClosed):
        session.eval("1")
    with pytest.raises(SessionClosed):
        kept.get()


def test_a_session_keeps_its_pool() -> None:
    """A pool that only its session refers to goes on."""
    session = Pool(1).session()
    gc.collect()
    assert session.eval("6 * 7").get() == 42
    session.close()


def test_a_session_whose_interpreter_dies_says_so(single: Pool) -> None:
    """The call that died, and all later ones, are InterpreterDied; the pool goes on."""
    session = single.session()
    kept = session.eval("[1]")
    for use in (lambda: session.run(functions.die), lambda: session.eval("1"), kept.get):
        with pytest.raises(InterpreterDied):
            use()
    assert single.run(len, [1]) == 1
    session.close()


def test_a_session_closed_during_a_call_ends_after_it(single: Pool, tmp_path: Path) -> None:
    """Close lets the call that runs in another thread go on to its end."""
    session = single.session()
    results: list[int] = []
    thread = threading.Thread(
        target=lambda: results.append(
            session.run(
                functions.announce_and_wait, str(tmp_path / "in"), str(tmp_path / "release")
            )
        )
    )
    thread.start()
    while not (tmp_path / "in").exists():
        time.sleep(0.001)
    session.close()
    assert single.statistics().busy == 1
    (tmp_path / "release").touch()
    thread.join()
    assert results == [session.interpreter]
    assert single.statistics().busy == 0


def test_a_session_opens_no_sooner_than_there_is_room(single: Pool) -> None:
    """A second session of one interpreter waits, as long as it may."""
    with single.session(), pytest.raises(sesha.CallTimeout):
        single.session(timeout=0.01)
    with single.session(timeout=60) as session:
        assert "interpreter" in repr(session)
    assert "closed" in repr(session)
