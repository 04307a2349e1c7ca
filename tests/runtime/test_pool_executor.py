"""The contract of `concurrent.futures.Executor`, as CPython's own tests of executors state it."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from concurrent import futures
from typing import TYPE_CHECKING

import pytest

from sesha import Pool
from tests.runtime import functions
from tests.runtime.scripts import run_script

if TYPE_CHECKING:
    from pathlib import Path


def test_a_pool_is_an_executor(pool: Pool) -> None:
    """What takes an executor takes a pool."""
    assert isinstance(pool, futures.Executor)


def test_submit_gives_a_future(pool: Pool) -> None:
    """A submitted call's result comes by its future, also with keywords named like parameters."""
    future = pool.submit(functions.add, 1, right=3)
    assert isinstance(future, futures.Future)
    assert future.result() == 4
    assert future.done()
    assert not future.running()
    assert not future.cancel()
    assert pool.submit(dict, fn=1, self=2).result() == {"fn": 1, "self": 2}
    with pytest.raises(TypeError):
        pool.submit()  # type: ignore[call-overload]


def test_an_exception_comes_by_the_future(pool: Pool) -> None:
    """A failing call fails its future, with the remote traceback."""
    error = pool.submit(functions.fail, "later").exception()
    assert isinstance(error, ValueError)
    assert "in fail" in str(error.__cause__)


def test_what_can_not_be_sent_fails_the_submit(pool: Pool) -> None:
    """An argument that can't cross is an error of submit, and nothing is queued."""
    with pytest.raises(TypeError, match="args"):
        pool.submit(functions.square, threading.Lock())  # type: ignore[call-overload]
    assert pool.statistics().queued == 0


def test_a_queued_call_can_be_cancelled(single: Pool, tmp_path: Path) -> None:
    """Cancel takes a call that waits, and not one that runs."""
    running = single.submit(functions.wait_for, str(tmp_path / "release"))
    waiting = single.submit(functions.square, 2)
    called: list[futures.Future[int]] = []
    waiting.add_done_callback(called.append)
    assert running.running()
    assert not running.cancel()
    assert not waiting.running()
    assert waiting.cancel()
    assert waiting.cancel()
    assert waiting.cancelled()
    assert called == [waiting]
    with pytest.raises(futures.CancelledError):
        waiting.result()
    (tmp_path / "release").touch()
    assert running.result() in single.interpreters
    assert single.statistics().cancelled == 1


def test_a_result_that_is_late_times_out(single: Pool, tmp_path: Path) -> None:
    """A future's time-out leaves the call alone."""
    future = single.submit(functions.wait_for, str(tmp_path / "release"))
    with pytest.raises(futures.TimeoutError):
        future.result(timeout=0.01)
    (tmp_path / "release").touch()
    assert future.result() in single.interpreters


def test_callbacks_run_in_order_and_may_submit(pool: Pool) -> None:
    """A callback can use the pool."""
    chained: futures.Future[int] = futures.Future()

    def submit_next(done: futures.Future[int]) -> None:
        pool.submit(functions.square, done.result()).add_done_callback(
            lambda last: chained.set_result(last.result())
        )

    pool.submit(functions.square, 3).add_done_callback(submit_next)
    assert chained.result(timeout=60) == 81


def test_wait_and_as_completed_see_every_future(single: Pool, tmp_path: Path) -> None:
    """The module's functions work on a pool's futures, cancelled ones too."""
    running = single.submit(functions.wait_for, str(tmp_path / "release"))
    waiting = [single.submit(functions.square, value) for value in range(3)]
    waiting[1].cancel()
    first = futures.wait([running, *waiting], return_when=futures.FIRST_COMPLETED)
    assert first.done == {waiting[1]}
    (tmp_path / "release").touch()
    assert set(futures.as_completed([running, *waiting], timeout=60)) == {running, *waiting}
    assert [waiting[0].result(), waiting[2].result()] == [0, 4]


@pytest.mark.parametrize("chunksize", [1, 2, 3, 100])
def test_map_gives_results_in_order(pool: Pool, chunksize: int) -> None:
    """Map does what the built-in does, in whatever chunks."""
    values = range(10)
    assert list(pool.map(pow, values, values, chunksize=chunksize)) == list(
        map(pow, values, values)
    )
    assert list(pool.map(functions.square, [], chunksize=chunksize)) == []
    assert list(pool.map("builtins:abs", [-1, -2], chunksize=chunksize)) == [1, 2]
    assert list(pool.map(lambda value: value + 1, [1, 2], chunksize=chunksize)) == [2, 3]


@pytest.mark.parametrize("chunksize", [1, 2])
def test_map_raises_at_the_failing_item(pool: Pool, chunksize: int) -> None:
    """Results before the failure are given, then it is raised."""
    results = pool.map(functions.fail_on_two, [0, 1, 2, 3], chunksize=chunksize)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_map_times_out(single: Pool, tmp_path: Path) -> None:
    """Map's time-out counts from its call, and ends what waits."""
    paths = [str(tmp_path), str(tmp_path / "release"), str(tmp_path)]
    results = single.map(functions.wait_for, paths, timeout=0.5)
    assert next(results) in single.interpreters
    with pytest.raises(futures.TimeoutError):
        next(results)
    assert single.statistics().queued == 0
    (tmp_path / "release").touch()


def test_closing_a_map_cancels_what_waits(single: Pool, tmp_path: Path) -> None:
    """Who stops iterating takes the rest of the calls out of the queue."""
    for chunksize in (1, 2):
        paths = [str(tmp_path)] * 2 + [str(tmp_path / f"release{chunksize}")] * 6
        results = single.map(functions.wait_for, paths, chunksize=chunksize)
        next(results)
        results.close()  # type: ignore[attr-defined]
        (tmp_path / f"release{chunksize}").touch()
        assert single.statistics().queued == 0


@pytest.mark.parametrize("chunksize", [0, -1])
def test_map_needs_a_chunksize(pool: Pool, chunksize: int) -> None:
    """A chunk holds at least one item."""
    with pytest.raises(ValueError, match="chunksize"):
        pool.map(functions.square, [1], chunksize=chunksize)


def test_shutdown_runs_what_was_submitted() -> None:
    """Leaving the block waits for all calls."""
    with Pool(2) as pool:
        results = [pool.submit(functions.square, value) for value in range(50)]
    assert [future.result() for future in results] == [value * value for value in range(50)]


def test_shutdown_without_waiting_returns_at_once(tmp_path: Path) -> None:
    """Calls go on after shutdown(wait=False), and none is taken any more."""
    pool = Pool(1)
    running = pool.submit(functions.wait_for, str(tmp_path / "release"))
    waiting = pool.submit(functions.square, 2)
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        pool.submit(functions.square, 3)
    assert not running.done()
    (tmp_path / "release").touch()
    assert waiting.result() == 4
    pool.shutdown()


def test_shutdown_cancels_pending_calls(tmp_path: Path) -> None:
    """With cancel_futures what waits is cancelled, what runs is not."""
    pool = Pool(1)
    running = pool.submit(functions.wait_for, str(tmp_path / "release"))
    waiting = [pool.submit(functions.square, value) for value in range(5)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    assert futures.wait(waiting, timeout=60).not_done == set()
    (tmp_path / "release").touch()
    pool.shutdown()
    assert running.done()
    assert not running.cancelled()


def test_a_callback_may_shut_the_pool_down() -> None:
    """Shutdown in a callback, which is part of a call, does not wait for itself."""
    pool = Pool(1)
    done = threading.Event()

    def shut_down(_: futures.Future[int]) -> None:
        pool.shutdown(wait=True)
        done.set()

    pool.submit(functions.square, 2).add_done_callback(shut_down)
    assert done.wait(60)
    pool.shutdown()


def test_an_unreferenced_pool_ends(tmp_path: Path) -> None:
    """A pool that is collected finishes its calls, then its threads end."""
    pool = Pool(1)
    future = pool.submit(functions.wait_for, str(tmp_path / "release"))
    collected = weakref.ref(pool)
    workers = pool._lifecycle._workers
    del pool
    gc.collect()
    assert collected() is None
    (tmp_path / "release").touch()
    assert future.result() is not None
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)


def test_results_are_not_kept(pool: Pool) -> None:
    """Neither the pool nor a map's iterator keeps a result alive."""

    class Big(list[int]):
        """Can be referred to weakly."""

    results = pool.map(functions.square, [1, 2])
    next(results)
    seen = []
    for value in pool.map(Big, [[1], [2]]):
        seen.append(weakref.ref(value))
        del value
    gc.collect()
    until = time.monotonic() + 60
    while any(ref() is not None for ref in seen) and time.monotonic() < until:
        time.sleep(0.001)
    assert [ref() for ref in seen] == [None, None]


def test_many_calls_of_many_threads(pool: Pool) -> None:
    """Futures of many submitters all come true."""
    gathered: list[futures.Future[int]] = []

    def submitter(start: int) -> None:
        gathered.extend(pool.submit(functions.square, value) for value in range(start, start + 200))

    threads = [threading.Thread(target=submitter, args=(k * 200,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(future.result() for future in gathered) == [value * value for value in range(800)]


def test_python_s_exit_runs_what_was_submitted() -> None:
    """A program that ends with an open pool finishes its calls; the interpreters exit in order."""
    ended = run_script(
        """
        import sesha
        pool = sesha.Pool(2)
        def leave_word():
            import atexit
            atexit.register(print, "guest's exit")
        def slow():
            import time
            time.sleep(0.3)
            print("done", flush=True)
        pool.run(leave_word)
        pool.submit(slow)
        print("end of program", flush=True)
        """
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == ["end of program", "done", "guest's exit"]


def test_python_s_exit_does_not_wait_for_daemon_threads() -> None:
    """A daemon thread that is in a call for ever, and an open session, do not keep the process."""
    ended = run_script(
        """
        import threading, time
        import sesha
        from tests.runtime import functions
        pool = sesha.Pool(2)
        session = pool.session()
        threading.Thread(target=pool.run, args=(functions.spin,), daemon=True).start()
        while pool.statistics().busy < 2:
            time.sleep(0.001)
        print("end")
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "end\n"), ended.stderr


def test_an_exception_ends_the_program_as_usual() -> None:
    """A traceback out of the block ends the pool and the program."""
    ended = run_script(
        """
        import sesha
        with sesha.Pool(1) as pool:
            pool.submit(len, [])
            raise KeyError("out")
        """
    )
    assert ended.returncode == 1
    assert ended.stderr.endswith("KeyError: 'out'\n")


def test_pools_do_not_pile_up() -> None:
    """Many pools one after the other leave no thread."""
    before = set(threading.enumerate())
    for _ in itertools.repeat(None, 5):
        with Pool(2) as pool:
            assert pool.submit(functions.square, 2).result() == 4
    assert set(threading.enumerate()) <= before
