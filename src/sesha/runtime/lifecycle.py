"""The interpreters of one pool over its life: started, replaced when they die, stopped.

**Guarantees:**

- A call reaches an interpreter only after it has been prepared: its output marked, modules
  preloaded and registered, the initializer run. That holds for replacements too.
- An interpreter is stopped exactly once, after the last call in it is over, or never if it died.
- Once `finish` has returned, the pool's interpreters, workers and starters are gone.
- Nothing here refers to the `Pool`, so that an unreferenced pool can be collected while calls of it
  run.

**This code assumes:** that `on_death` may be called by any thread, and `abandon` by the garbage
collector: both take no lock that their thread could not already hold, and wait for nothing.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sesha import _native
from sesha.errors import InterpreterDied, InterpreterStartError, PoolClosed
from sesha.runtime import interpreters

if TYPE_CHECKING:
    from collections.abc import Callable

_GUEST = "sesha.runtime.guest"
_RETRY_AFTER = (0.0, 0.5, 2.0)
"""Seconds before each attempt to replace an interpreter that died."""

_log = logging.getLogger("sesha")


@dataclass(frozen=True)
class Preparation:
    """What is done in each interpreter before its first call."""

    preload: tuple[str, ...] = ()
    initializer: Callable[..., object] | str | None = None
    initargs: tuple[Any, ...] = ()
    stream_prefix: str | None = None


@dataclass
class _Closing:
    """How far the end of a pool has come."""

    begun: bool = False
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Lifecycle:
    """Starts, replaces and stops the interpreters of a pool. Thread-safe."""

    def __init__(
        self, preparation: Preparation, threads_per_interpreter: int, queue_limit: int | None
    ) -> None:
        self.dispatcher = _native.Dispatcher(queue_limit, self._on_death)
        self._preparation = preparation
        self._threads_per_interpreter = threads_per_interpreter
        self._lock = threading.RLock()
        self._alive: list[int] = []
        self._slots: dict[int, tuple[object, ...]] = {}
        self._everywhere: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._workers: list[threading.Thread] = []
        self._working = False
        self._starters: set[threading.Thread] = set()
        self._closing = _Closing()
        self._holds: weakref.WeakSet[_native.Hold] = weakref.WeakSet()
        self.deaths = 0

    @property
    def alive(self) -> list[int]:
        """Indexes of the interpreters that calls can go to, in order."""
        with self._lock:
            return sorted(self._alive)

    def start(self, count: int) -> None:
        """Start that many interpreters side by side; all or none.

        Raises:
            InterpreterStartError: One could not be started or prepared; the others have been
            stopped.
        """
        # Found once and kept; not by several threads at a time, since sysconfig fills its table
        # without a lock.
        interpreters.python_library()
        failures: list[BaseException] = []
        threads = [
            threading.Thread(
                target=self._start_one, args=(failures,), name=f"sesha-start-{k}", daemon=True
            )
            for k in range(count)
        ]
        try:
            # More at a time than there are cores gains nothing, and takes memory for all at once.
            gate = max(2, os.cpu_count() or 1)
            for k, thread in enumerate(threads):
                if k >= gate:
                    threads[k - gate].join()
                if failures:
                    break
                thread.start()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        except BaseException:
            self._give_up(threads)
            raise
        if failures:
            self._give_up(threads)
            failure = failures[0]
            if isinstance(failure, InterpreterStartError):
                raise failure
            raise InterpreterStartError(
                f"an interpreter of the pool could not be made ready: "
                f"{type(failure).__name__}: {failure}"
            ) from failure
        _pools.add(self)

    def _give_up(self, threads: list[threading.Thread]) -> None:
        """Stop what `start` started."""
        self.close(cancel_pending=True)
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        self.finish()

    def _start_one(self, failures: list[BaseException]) -> None:
        try:
            self._start_and_admit()
        except PoolClosed:
            pass  # another one failed first
        except BaseException as error:  # noqa: BLE001 - `start` raises it in its own thread
            failures.append(error)

    def _start_and_admit(self) -> None:
        """Start an interpreter, prepare it and let calls come to it."""
        index = interpreters.start_interpreter()
        try:
            prepare = self._preparation
            self._call(index, f"{_GUEST}:prepare", prepare.preload, prepare.stream_prefix)
            done: set[str] = set()
            # Twice: what takes long is done without the lock, what came meanwhile under it.
            self._apply(index, done)
            if prepare.initializer is not None:
                self._call(index, prepare.initializer, *prepare.initargs)
            if prepare.preload or prepare.initializer is not None:
                # Imports free much of what they allocate: a few MiB for torch.
                _native.trim_memory()
            with self._lock:
                self._apply(index, done)
                slots = self.dispatcher.add(index, self._threads_per_interpreter)
                self._alive.append(index)
                self._slots[index] = slots
                if self._working:
                    self._start_workers(index)
        except BaseException:
            self._stop(index)
            raise

    def _apply(self, index: int, done: set[str]) -> None:
        with self._lock:
            missing = {key: call for key, call in self._everywhere.items() if key not in done}
        for key, (function, arguments) in missing.items():
            self._call(index, function, *arguments)
            done.add(key)

    @staticmethod
    def _call(index: int, function: Callable[..., object] | str, *arguments: object) -> Any:
        return _native.call_interpreter(index, function, arguments)

    @classmethod
    def _stop(cls, index: int) -> None:
        # One that died can't be ended in order: what it holds stays in memory.
        with contextlib.suppress(ValueError, InterpreterDied):
            cls._call(index, f"{_GUEST}:become_main_thread")
            _native.stop_interpreter(index)

    def do_everywhere(self, key: str, function: str, arguments: tuple[Any, ...]) -> None:
        """Call a function of `sesha.runtime` in each interpreter, and in all later ones.

        It needs no free slot. A later call with the same key takes this one's place.
        """
        with self._lock:
            self._everywhere[key] = (function, arguments)
            self._beside(function, arguments)

    def do_in_later_ones(self, key: str, function: str, arguments: tuple[Any, ...]) -> None:
        """Call a function in each later interpreter, after what has an earlier key."""
        with self._lock:
            self._everywhere[key] = (function, arguments)

    def undo_everywhere(
        self, keys: tuple[str, ...], function: str, arguments: tuple[Any, ...]
    ) -> None:
        """Forget keys, and call a function in each interpreter if the first was still known."""
        with self._lock:
            known = [self._everywhere.pop(key, None) for key in keys]
            if known[0] is not None:
                self._beside(function, arguments)

    def _beside(self, function: str, arguments: tuple[Any, ...]) -> None:
        for index in list(self._alive):
            # Its replacement will do without.
            with contextlib.suppress(InterpreterDied):
                self.dispatcher.call_beside(index, function, arguments, {})

    def forget(
        self,
        keys: tuple[str, ...],
        function: str,
        arguments: tuple[Any, ...],
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Do `undo_everywhere` in a thread of its own: the garbage collector may be the caller.

        `then` is called once all interpreters have been told, or if they need not be.
        """
        if self.dispatcher.forked or self._closing.begun:
            then()
            return

        def tell() -> None:
            try:
                self.undo_everywhere(keys, function, arguments)
            finally:
                then()

        try:
            _thread.start_new_thread(tell, ())
        except RuntimeError:
            # The host is ending, and takes no new threads.
            then()

    def ensure_workers(self) -> None:
        """Start the threads that run tasks, if this is the first task."""
        if self._working:
            return
        with self._lock:
            if not self._working:
                self._working = True
                for index in self._alive:
                    self._start_workers(index)

    def _start_workers(self, index: int) -> None:
        for k, slot in enumerate(self._slots[index]):
            worker = threading.Thread(
                target=self.dispatcher.work,
                args=(slot,),
                name=f"sesha-worker-{index}-{k}",
                # Python's exit waits for them by way of `_finish_calls_at_exit`.
                daemon=True,
            )
            worker.start()
            self._workers.append(worker)

    def _on_death(self, index: int) -> None:
        with self._lock:
            self.deaths += 1
            if index in self._alive:
                self._alive.remove(index)
                del self._slots[index]
            if self._closing.begun:
                return
            starter = threading.Thread(
                target=self._replace, args=(index,), name=f"sesha-replace-{index}", daemon=True
            )
            self._starters.add(starter)
        try:
            starter.start()
        except RuntimeError:
            # The host is ending, and takes no new threads.
            self._starters.discard(starter)
            self._break_if_empty()

    def _replace(self, index: int) -> None:
        try:
            for pause in _RETRY_AFTER:
                time.sleep(pause)
                if self._closing.begun:
                    return
                try:
                    self._start_and_admit()
                except PoolClosed:
                    return
                except Exception:  # noqa: BLE001 - it is logged, and tried again
                    _log.exception(
                        "no interpreter could be started in place of %d, which died", index
                    )
                else:
                    return
            self._break_if_empty()
        finally:
            self._starters.discard(threading.current_thread())

    def _break_if_empty(self) -> None:
        with self._lock:
            empty = not self._alive
        if empty:
            self.dispatcher.break_up()

    def hold(self, timeout: float | None) -> _native.Hold:
        """Wait for a free slot and take it, until it is released or the pool closed."""
        hold = self.dispatcher.acquire(timeout)
        self._holds.add(hold)
        if self._closing.begun:
            hold.release()
        return hold

    def close(self, *, cancel_pending: bool) -> None:
        """Refuse calls from now on; those that wait are run, or cancelled. Sessions end."""
        self._closing.begun = True
        self.dispatcher.close(cancel_pending)
        for hold in list(self._holds):
            hold.release()

    def finish(self, timeout: float | None = None) -> bool:
        """Wait for the last call of a closed pool, then stop workers and interpreters.

        Returns whether that came to an end; with a time-out in seconds, calls may be left running.
        """
        if threading.current_thread() in self._workers:
            # A future's callback: its own call is not over before it returns.
            self.finish_in_background()
            return False
        if not self._closing.lock.acquire(timeout=-1 if timeout is None else timeout):
            return False
        try:
            if not self._closing.done and not self._finish(timeout):
                return False
            self._closing.done = True
        finally:
            self._closing.lock.release()
        _pools.discard(self)
        return True

    def _finish(self, timeout: float | None) -> bool:
        for starter in list(self._starters):
            starter.join(timeout)
        if not self.dispatcher.drain(timeout):
            return False
        for worker in self._workers:
            worker.join()
        remaining = self.alive
        for index in remaining:
            with contextlib.suppress(InterpreterDied):
                self.dispatcher.remove(index)
        # Short calls that need no slot may still be there.
        if not self.dispatcher.drain(timeout):
            return False
        for index in remaining:
            with self._lock:
                self._alive.remove(index)
                del self._slots[index]
            self._stop(index)
        return True

    def finish_calls(self) -> None:
        """Wait for the submitted calls of a closed pool."""
        for worker in list(self._workers):
            worker.join()

    def finish_in_background(self) -> None:
        """Like `finish`, in a thread of its own."""
        _pools.add(self)
        # Not threading.Thread, whose locks the interrupted code may hold if this is the garbage
        # collector.
        _thread.start_new_thread(self.finish, ())

    def abandon(self) -> None:
        """End the pool, which nobody refers to any more; submitted calls still run."""
        if self.dispatcher.forked or self._closing.begun:
            return
        self.close(cancel_pending=False)
        with contextlib.suppress(RuntimeError):
            self.finish_in_background()

    @property
    def closed(self) -> bool:
        """Whether calls are refused."""
        return self._closing.begun


_pools: set[Lifecycle] = set()
"""Every pool that has been started and has not finished."""


def _finish_calls_at_exit() -> None:
    """Let submitted calls end, as every executor does, while Python can still run threads."""
    for pool in list(_pools):
        if not pool.dispatcher.forked:
            pool.close(cancel_pending=False)
            pool.finish_calls()


def _finish_at_exit() -> None:
    """End the interpreters in order: their own functions for exit run, files are flushed.

    By now only daemon threads can still be inside; Python doesn't wait for those, and neither does
    this.
    """
    for pool in list(_pools):
        if not pool.dispatcher.forked:
            pool.finish(timeout=1.0)


def _register_at_exit() -> None:
    atexit.register(_finish_at_exit)
    # Before Python waits for its own threads; what is public, atexit, runs after that.
    register: Callable[[Callable[[], None]], object] = getattr(
        threading, "_register_atexit", atexit.register
    )
    try:
        register(_finish_calls_at_exit)
    except RuntimeError:
        atexit.register(_finish_calls_at_exit)


_register_at_exit()
os.register_at_fork(after_in_child=_pools.clear)
