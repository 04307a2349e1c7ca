"""Calls in the calling thread, and what a pool is made of."""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

import sesha
from sesha import CallTimeout, Pool, PoolClosed, QueueFull, RemoteError
from sesha.runtime.pool import default_interpreters
from tests.runtime import functions
from tests.runtime.scripts import environment, run_script

if TYPE_CHECKING:
    from pathlib import Path


def until(condition: object) -> None:
    """Wait for what another thread is about to do."""
    while not condition():  # type: ignore[operator]
        time.sleep(0.001)


def test_run_returns_the_result(pool: Pool) -> None:
    """A call gives the value that the function returns."""
    assert pool.run(math.sqrt, 16) == 4.0
    assert pool.run("math:sqrt", 16) == 4.0
    assert pool.run(functions.add, 1, right=2) == 3
    captured = 5
    assert pool.run(lambda value: value + captured, 2) == 7


def test_run_stays_in_the_calling_thread(pool: Pool) -> None:
    """A synchronous call runs in the OS thread that made it."""
    assert pool.run(functions.thread_id) == threading.get_native_id()


def test_interpreters_share_no_modules(pool: Pool) -> None:
    """Each interpreter has modules of its own, and the host its own."""
    pool.broadcast(functions.mark, "state", None)
    with pool.session() as session:
        session.run(functions.mark, "state", session.interpreter)
    assert sorted(pool.broadcast(functions.marked, "state"), key=str) == [
        session.interpreter,
        None,
    ]
    assert functions.marked("state") is None


def test_an_exception_arrives_as_its_own_type(pool: Pool) -> None:
    """What a call raises is raised here, and shows the remote traceback."""
    with pytest.raises(ValueError, match="broken") as caught:
        pool.run(functions.fail, "broken")
    assert "in fail" in str(caught.value.__cause__)


def test_a_system_exit_is_an_error_of_the_call(pool: Pool) -> None:
    """SystemExit in a call does not end the process."""
    with pytest.raises(RemoteError, match="SystemExit: 3"):
        pool.run(functions.leave, 3)
    assert pool.run(functions.square, 3) == 9


def test_broadcast_calls_each_interpreter_once(pool: Pool) -> None:
    """A broadcast gives results in order of the interpreters' indexes."""
    assert pool.broadcast(sesha.current_interpreter) == pool.interpreters


def test_broadcast_raises_the_failure(pool: Pool) -> None:
    """A broadcast that fails raises what failed."""
    with pytest.raises(ValueError, match="everywhere"):
        pool.broadcast(functions.fail, "everywhere")


def test_two_calls_run_at_the_same_time(pool: Pool, tmp_path: Path) -> None:
    """Two callers are in two interpreters at once."""
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    future = pool.submit(functions.announce_and_wait, here, there)
    first = pool.run(functions.announce_and_wait, there, here)
    assert {first, future.result()} == set(pool.interpreters)


def test_threads_of_one_interpreter_take_calls_side_by_side(tmp_path: Path) -> None:
    """With two threads an interpreter runs two calls at a time."""
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    with Pool(1, threads_per_interpreter=2) as pool:
        future = pool.submit(functions.announce_and_wait, here, there)
        assert pool.run(functions.announce_and_wait, there, here) == future.result()
        assert pool.statistics().idle + pool.statistics().busy == 2


def test_a_call_waits_no_longer_than_its_time_out(single: Pool) -> None:
    """A caller that gets no interpreter in time gives up."""
    with single.session(), pytest.raises(CallTimeout):
        single.with_timeout(0.01).run(functions.square, 2)
    assert single.with_timeout(60).run(functions.square, 2) == 4
    assert single.with_timeout(None).run(functions.square, 2) == 4
    assert single.statistics().timed_out == 1


def test_functions_that_look_at_their_caller(single: Pool) -> None:
    """Built-in functions that need the frame of Python code have one, with globals of its own."""
    assert list(single.map(eval, ["1 + 1", "len('abc')"])) == [2, 3]
    assert single.run("builtins:exec", "x = 1") is None
    assert "x" not in single.run("builtins:dir")


def test_a_time_out_ends_a_running_call(single: Pool) -> None:
    """Python code that runs too long gets CallTimeout, and the interpreter goes on."""
    with pytest.raises(CallTimeout, match="took longer"):
        single.with_timeout(0.05).run(functions.spin)
    assert single.run(functions.square, 2) == 4


@pytest.mark.parametrize("seconds", ["soon", float("nan"), object()])
def test_a_time_out_must_be_a_number(single: Pool, seconds: float) -> None:
    """A time-out that is no number of seconds is refused."""
    with pytest.raises((TypeError, ValueError)):
        single.with_timeout(seconds).run(functions.square, 2)


def test_a_full_queue_refuses_calls(tmp_path: Path) -> None:
    """A bounded queue takes as many calls as it may, and has room again when one is cancelled."""
    release = str(tmp_path / "release")
    with Pool(1, queue_limit=1) as pool:
        busy = pool.submit(functions.wait_for, release)
        waiting = pool.submit(functions.square, 2)
        with pytest.raises(QueueFull, match="queue_limit"):
            pool.submit(functions.square, 3)
        with pytest.raises(QueueFull):
            pool.run(functions.square, 3)
        assert waiting.cancel()
        replaced = pool.submit(functions.square, 4)
        (tmp_path / "release").touch()
        assert replaced.result() == 16
        assert busy.result() in pool.interpreters
        assert pool.statistics().rejected == 2


def test_a_map_that_does_not_fit_is_cancelled(tmp_path: Path) -> None:
    """A map that overflows the queue leaves nothing of itself there."""
    with Pool(1, queue_limit=2) as pool:
        busy = pool.submit(functions.wait_for, str(tmp_path / "release"))
        with pytest.raises(QueueFull):
            pool.map(functions.square, range(10))
        assert pool.statistics().queued == 0
        (tmp_path / "release").touch()
        busy.result()


def test_arun_awaits_the_result(pool: Pool) -> None:
    """A coroutine gets results and exceptions of calls."""

    async def calls() -> list[int]:
        return await asyncio.gather(*(pool.arun(functions.square, value) for value in range(8)))

    assert asyncio.run(calls()) == [value * value for value in range(8)]
    with pytest.raises(ValueError, match="soon"):
        asyncio.run(pool.arun(functions.fail, "soon"))


def test_cancelling_arun_leaves_the_queue(single: Pool, tmp_path: Path) -> None:
    """A cancelled coroutine's call never runs."""

    async def cancel() -> None:
        busy = asyncio.ensure_future(single.arun(functions.wait_for, str(tmp_path / "release")))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(single.arun(functions.mark, "ran", 1))
        await asyncio.sleep(0)
        assert single.statistics().queued == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert single.statistics().queued == 0
        (tmp_path / "release").touch()
        await busy

    asyncio.run(cancel())
    assert single.run(functions.marked, "ran") is None


def test_callers_that_wait_fail_when_pending_calls_are_cancelled(tmp_path: Path) -> None:
    """Shutdown with cancel_futures ends blocked callers too."""
    pool = Pool(1)
    busy = pool.submit(functions.wait_for, str(tmp_path / "release"))
    failures: list[BaseException] = []

    def caller() -> None:
        try:
            pool.run(functions.square, 1)
        except PoolClosed as error:
            failures.append(error)

    thread = threading.Thread(target=caller)
    thread.start()
    until(lambda: pool.statistics().queued == 1)
    pool.shutdown(wait=False, cancel_futures=True)
    thread.join()
    assert len(failures) == 1
    (tmp_path / "release").touch()
    assert busy.result() is not None
    pool.shutdown()


def test_a_pool_that_is_shut_down_takes_no_calls() -> None:
    """Every use of a closed pool says that it is closed."""
    pool = Pool(1)
    pool.shutdown()
    pool.shutdown()
    for use in (
        lambda: pool.run(functions.square, 2),
        lambda: pool.submit(functions.square, 2),
        pool.session,
        lambda: asyncio.run(pool.arun(functions.square, 2)),
    ):
        with pytest.raises(PoolClosed):
            use()
    assert pool.interpreters == []
    assert "not usable" in repr(pool)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"interpreters": 0}, ValueError),
        ({"interpreters": -1}, ValueError),
        ({"interpreters": 1.5}, TypeError),
        ({"interpreters": True}, TypeError),
        ({"threads_per_interpreter": 0}, ValueError),
        ({"queue_limit": -1}, ValueError),
        ({"queue_limit": "many"}, TypeError),
        ({"preload": "numpy"}, TypeError),
        ({"initializer": 5}, TypeError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], error: type[Exception]) -> None:
    """A pool that can't be is refused before anything is started."""
    before = set(threading.enumerate())
    with pytest.raises(error):
        Pool(**{"interpreters": 1, **options})  # type: ignore[arg-type]
    assert set(threading.enumerate()) <= before


def test_run_needs_a_function(pool: Pool) -> None:
    """A call of nothing, or of what can't be called, is a TypeError."""
    with pytest.raises(TypeError):
        pool.run()  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        pool.run(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        pool._run_within()  # type: ignore[call-arg]


def test_a_pool_that_was_never_made_is_an_error() -> None:
    """A pool without its __init__ says so and does not crash."""
    with pytest.raises(RuntimeError, match="__init__"):
        Pool.__new__(Pool).run(functions.square, 2)


def test_a_pool_can_not_be_pickled(pool: Pool) -> None:
    """A pool stays where it is."""
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(pool)


def test_the_default_size_is_that_of_the_machine() -> None:
    """By default there is an interpreter for each core of this process."""
    assert default_interpreters() == len(os.sched_getaffinity(0))


def test_statistics_add_up(single: Pool) -> None:
    """The counts tell what the pool did."""
    for value in range(5):
        single.run(functions.square, value)
    statistics = single.statistics()
    assert (statistics.started, statistics.finished, statistics.busy) == (5, 5, 0)
    assert (statistics.interpreters, statistics.idle, statistics.queued) == (1, 1, 0)


def test_callers_of_many_threads_are_all_served(pool: Pool) -> None:
    """A pool is used by many threads at a time, and no call is lost or mixed up."""
    results: dict[int, list[int]] = {}

    def caller(number: int) -> None:
        results[number] = [pool.run(functions.add, number, k) for k in range(200)]

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number + k for k in range(200)] for number in range(8)}


def interrupt(source: str) -> subprocess.CompletedProcess[str]:
    """Run a program, send Ctrl-C once it printed a line, and return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "ready\n", first + process.stdout.read()
        time.sleep(0.1)  # into the call
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
    return subprocess.CompletedProcess([], process.returncode, output)


def test_ctrl_c_ends_the_wait_for_an_interpreter() -> None:
    """A caller that waits for an interpreter is interrupted by Ctrl-C and leaves the queue."""
    ended = interrupt(
        """
        from sesha import Pool
        with Pool(1) as pool:
            session = pool.session()
            print("ready", flush=True)
            try:
                pool.run(len, [])
            except KeyboardInterrupt:
                print("interrupted", pool.statistics().queued)
            session.close()
            print(pool.run(len, [1]))
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "interrupted 0\n1\n")


def test_ctrl_c_ends_a_call() -> None:
    """Python code that runs in an interpreter is interrupted by Ctrl-C."""
    ended = interrupt(
        """
        from sesha import Pool
        from tests.runtime import functions
        with Pool(1) as pool:
            print("ready", flush=True)
            try:
                pool.run(functions.spin)
            except KeyboardInterrupt:
                print("interrupted")
            print(pool.run(len, [1]))
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n1\n")


def test_a_forked_child_can_not_use_the_pool() -> None:
    """In a forked child every use is an error, and the child ends by itself."""
    ended = run_script(
        """
        import os, sys
        import sesha
        pool = sesha.Pool(2)
        session = pool.session()
        reference = session.eval("[1]")
        future = pool.submit(len, [])
        future.result()
        child = os.fork()
        if child == 0:
            uses = [
                lambda: pool.run(len, []), lambda: pool.submit(len, []), lambda:
                pool.broadcast(len, []),
                lambda: list(pool.map(len, [[]])), pool.session, pool.statistics, pool.shutdown,
                lambda: pool.register_module("a", ""), lambda: pool.replicate([]),
                lambda: session.eval("1"), reference.get, lambda: pool.with_timeout(1).run(len, []),
            ]
            for use in uses:
                try:
                    use()
                except sesha.ForkedProcessError:
                    continue
                sys.exit(f"no error from {uses.index(use)}")
            session.close()
            del reference, session, future, pool
            sys.exit(7)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), pool.run(len, [1]), reference.get())
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "7 1 [1]\n"), ended.stderr
