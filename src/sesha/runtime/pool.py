"""A pool of interpreters: the front of the runtime."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import weakref
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from sesha._native import PoolBase
from sesha.errors import ForkedProcessError
from sesha.runtime import model
from sesha.runtime.futures import CallFuture
from sesha.runtime.lifecycle import Lifecycle, Preparation
from sesha.runtime.replica import Replica
from sesha.runtime.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from sesha.runtime.model import Model

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class PoolStatistics:
    """What a pool did so far and does now. Slots are interpreters times threads of each."""

    interpreters: int
    """Interpreters that calls can go to now."""
    busy: int
    """Slots that are held by a call or a session."""
    idle: int
    """Slots that are free."""
    queued: int
    """Calls and sessions that wait for a slot."""
    started: int
    """Calls and sessions that got a slot, ever."""
    finished: int
    """Of those, the ones that are over."""
    cancelled: int
    """Calls that were cancelled, or interrupted by Ctrl-C, while they waited."""
    timed_out: int
    """Calls whose time ran out while they waited."""
    rejected: int
    """Calls that were refused because the queue was full."""
    failed: int
    """Calls that waited when the pool was shut down or an interpreter died."""
    deaths: int
    """Interpreters that died."""


def default_interpreters() -> int:
    """Return how many CPU cores this process may use: the default size of a pool."""
    count: Callable[[], int | None] | None = getattr(os, "process_cpu_count", None)
    if count is not None:
        return count() or 1
    return len(os.sched_getaffinity(0)) or 1


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


class Pool(PoolBase, Executor):
    """N complete Python interpreters in this process, each with a GIL of its own.

    A pool is a `concurrent.futures.Executor`, and a context manager that ends it. Functions are
    callables or ``"module:qualname"``; those that can't be imported by name (lambdas, closures,
    what ``__main__`` defines) are sent by value. Arguments and results cross as `docs/api.md` says:
    arrays and tensors without a copy, everything else by value.

    A pool that nobody refers to any more ends by itself, after the calls that were submitted; so
    does one that is open when Python exits. In a process forked off this one, every use of the pool
    raises `ForkedProcessError`.

    Thread safety: every method may be called by any thread, `shutdown` also by a future's callback.

    Args:
        interpreters: How many; by default as many as there are cores for this process.
        threads_per_interpreter: How many calls one interpreter may run at a time. They share its
            GIL, so more than one helps only calls that let go of it: numeric kernels, waiting.
        preload: Names of modules that each interpreter imports before its first call.
        queue_limit: How many calls may wait for a free interpreter; more raise `QueueFull`. None:
            any number. 0: a call that finds no free interpreter is refused.
        initializer: Called in each interpreter before its first call, a replacement's too.
        initargs: Arguments of ``initializer``.
        stream_prefix: Put before each line that an interpreter prints, warns or logs to its stdout
            or stderr; ``{interpreter}`` in it becomes the interpreter's index.

    Raises:
        InterpreterStartError: One interpreter could not be started, or its preload or initializer
            failed (the ``__cause__``); those already started have been stopped.
    """

    def __init__(  # noqa: PLR0913 - all but one by keyword
        self,
        interpreters: int | None = None,
        *,
        threads_per_interpreter: int = 1,
        preload: Iterable[str] = (),
        queue_limit: int | None = None,
        initializer: Callable[..., object] | str | None = None,
        initargs: Iterable[Any] = (),
        stream_prefix: str | None = None,
    ) -> None:
        count = default_interpreters() if interpreters is None else interpreters
        _check_count("interpreters", count, 1)
        _check_count("threads_per_interpreter", threads_per_interpreter, 1)
        if queue_limit is not None:
            _check_count("queue_limit", queue_limit, 0)
        if isinstance(preload, str):
            raise TypeError(f"preload is a sequence of module names: write preload=({preload!r},)")
        if (
            initializer is not None
            and not callable(initializer)
            and not isinstance(initializer, str)
        ):
            raise TypeError("initializer must be a callable or 'module:qualname'")
        preparation = Preparation(tuple(preload), initializer, tuple(initargs), stream_prefix)
        self._lifecycle = Lifecycle(preparation, threads_per_interpreter, queue_limit)
        super().__init__(self._lifecycle.dispatcher)
        self._lifecycle.start(count)
        # At exit `lifecycle` ends the pools itself, at the right moment.
        weakref.finalize(self, self._lifecycle.abandon).atexit = False

    @overload
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> CallFuture[T]: ...
    @overload
    def submit(self, fn: str, /, *args: Any, **kwargs: Any) -> CallFuture[Any]: ...
    def submit(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> CallFuture[Any]:
        """Queue ``fn(*args, **kwargs)``, whose arguments are read now, and return its future.

        Raises:
            PoolClosed: After `shutdown`; a RuntimeError, as for every executor.
            QueueFull: ``queue_limit`` calls wait already.
            TypeError: An argument can't cross; the text names the path to it.
        """
        return self._submit_to(None, fn, args, kwargs)

    def _submit_to(
        self,
        interpreter: int | None,
        fn: Callable[..., Any] | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        unbounded: bool = False,
    ) -> CallFuture[Any]:
        lifecycle = self._lifecycle
        lifecycle.ensure_workers()
        future: CallFuture[Any] = CallFuture()
        future._task = lifecycle.dispatcher.submit(future, interpreter, unbounded, fn, args, kwargs)
        return future

    def map(
        self,
        fn: Callable[..., T] | str,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[T]:
        """Return an iterator of ``fn`` applied to the items of the iterables, in order.

        All calls are submitted at once. With a ``chunksize`` above 1 that many items make one call.
        Closing the iterator cancels calls that still wait.

        Raises:
            TimeoutError: From the iterator, if a result is not there ``timeout`` seconds after
                `map`.
            QueueFull: More calls than fit in a bounded queue; those already submitted are
                cancelled.
        """
        if options:
            raise TypeError(f"map() got an unexpected keyword argument {next(iter(options))!r}")
        _check_count("chunksize", chunksize, 1)
        deadline = None if timeout is None else time.monotonic() + timeout
        calls: Iterable[tuple[Any, ...]] = zip(*iterables, strict=False)
        if chunksize == 1:
            return self._results(self._submit_all(fn, calls), deadline)
        chunks = ((fn, chunk) for chunk in _batched(calls, chunksize))
        futures = self._submit_all("sesha.runtime.guest:run_chunk", chunks)
        return _flatten(self._results(futures, deadline))

    def _submit_all(
        self, fn: Callable[..., Any] | str, calls: Iterable[tuple[Any, ...]]
    ) -> list[CallFuture[Any]]:
        futures: list[CallFuture[Any]] = []
        try:
            for arguments in calls:
                futures.append(self._submit_to(None, fn, arguments, {}))  # noqa: PERF401 - kept on failure
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return futures

    @staticmethod
    def _results(futures: list[CallFuture[T]], deadline: float | None) -> Iterator[T]:
        # Popped from the end, so that the iterator keeps no result alive.
        futures.reverse()
        try:
            while futures:
                remaining = None if deadline is None else deadline - time.monotonic()
                result = futures[-1].result(remaining)
                futures.pop()
                yield result
                del result
        finally:
            for future in futures:
                future.cancel()

    @overload
    async def arun(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def arun(self, fn: str, /, *args: Any, **kwargs: Any) -> Any: ...
    async def arun(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Call ``fn(*args, **kwargs)`` in a free interpreter and await its result.

        Cancelling takes the call out of the queue; one that has begun runs to its end unobserved.
        """
        return await asyncio.wrap_future(self._submit_to(None, fn, args, kwargs))

    def with_timeout(self, seconds: float | None) -> TimeLimitedPool:
        """Return a view of the pool whose `run` raises `CallTimeout` after so many seconds.

        The time counts from the call, waiting included. A call that is running then gets
        CallTimeout raised in its Python code; code that is in a C function gets it when that
        returns.
        """
        return TimeLimitedPool(self, seconds)

    @overload
    def broadcast(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> list[T]: ...
    @overload
    def broadcast(self, fn: str, /, *args: Any, **kwargs: Any) -> list[Any]: ...
    def broadcast(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> list[Any]:
        """Call ``fn(*args, **kwargs)`` in each interpreter; return results in order of index.

        Waits for each interpreter to be free, so not while this thread has a session of the pool.
        ``queue_limit`` does not apply. When calls fail, the first failure is raised after all are
        over.
        """
        futures: list[CallFuture[Any]] = []
        try:
            for index in self.interpreters:
                futures.append(self._submit_to(index, fn, args, kwargs, unbounded=True))  # noqa: PERF401 - kept on failure
            wait(futures)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return [future.result() for future in futures]

    def session(self, timeout: float | None = None) -> Session:
        """Take an interpreter and keep it until the session is closed.

        Raises:
            CallTimeout: None became free within ``timeout`` seconds.
        """
        return Session(self, self._lifecycle.hold(timeout))

    def register_module(self, name: str, source: str) -> None:
        """Make a module importable by that name in all interpreters, also in later ones.

        It goes before modules of that name on ``sys.path``. An interpreter that has imported the
        name already keeps what it has. ``a.b`` makes ``a`` a package.

        Raises:
            SyntaxError: The source can't be compiled.
            ValueError: The name is not a dotted name.
        """
        if not name or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"{name!r} is not the name of a module")
        compile(source, f"<registered module {name}>", "exec", dont_inherit=True)
        self._lifecycle.do_everywhere(
            f"module {name}", "sesha.runtime.sources:register", ({name: source},)
        )

    def replicate(self, obj: Any) -> Replica:
        """Give each interpreter a copy of an object, made there when it is first used.

        The object is read once, now; arrays and tensors in it are shared by all copies.
        """
        return Replica(self, obj)

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        warm: bool = False,
        verify: bool = False,
        trusted_keys: Iterable[Any] | None = None,
    ) -> Model:
        """Load a package into all interpreters, for objects that each makes when it is first used.

        The file is opened once. It, this environment and the externs are checked before any code
        of the package runs; interpreters then open the very file that was checked, whatever the
        path leads to by then.

        Args:
            path: A ``.sesha`` file, or the folder that one was unpacked to.
            warm: Make the objects in each interpreter now, and run the packaged example inputs.
            verify: Compare all members with their digests first; reads the whole file.
            trusted_keys: Refuse the package unless one of these keys signed it and nothing was
                altered: public keys as PEM files, their bytes, or keys of `cryptography`.

        Raises:
            FormatError: The file is no package, or a damaged one.
            EnvironmentMismatchError: This Python or platform is not one that it runs on.
            DependencyError: Externs are missing or others.
            SignatureError: It is unsigned, altered, or signed by none of `trusted_keys`.
            OSError: It can't be read.
        """
        return model.load(self, path, warm=warm, verify=verify, trusted_keys=trusted_keys)

    def statistics(self) -> PoolStatistics:
        """Return the pool's counts."""
        return PoolStatistics(
            **self._lifecycle.dispatcher.statistics(), deaths=self._lifecycle.deaths
        )

    @property
    def interpreters(self) -> list[int]:
        """Indexes of the interpreters that calls can go to now."""
        return self._lifecycle.alive

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Executor's signature
        """Refuse calls from now on, and end the interpreters after the last call.

        Open sessions are closed. May be called again, to wait for what was begun without waiting.

        Args:
            wait: Return when all is over; else everything goes on in the background.
            cancel_futures: Cancel calls that have not begun (blocked `run` calls raise
            `PoolClosed`).
        """
        lifecycle = self._lifecycle
        if lifecycle.dispatcher.forked:
            raise ForkedProcessError("this pool belongs to the parent process, which shuts it down")
        lifecycle.close(cancel_pending=cancel_futures)
        if wait:
            lifecycle.finish()
        else:
            lifecycle.finish_in_background()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A forked child that runs to the end of the block has nothing to end.
        if not self._lifecycle.dispatcher.forked:
            self.shutdown(wait=True)

    def __reduce__(self) -> Any:
        raise TypeError("a pool can't be pickled or copied")

    def __repr__(self) -> str:
        lifecycle = getattr(self, "_lifecycle", None)
        if lifecycle is None or lifecycle.dispatcher.forked or lifecycle.closed:
            return "<sesha.Pool (not usable)>"
        return f"<sesha.Pool of {len(lifecycle.alive)} interpreters>"


class TimeLimitedPool:
    """A pool with a time limit for each call; see `Pool.with_timeout`."""

    __slots__ = ("_pool", "_seconds")

    def __init__(self, pool: Pool, seconds: float | None) -> None:
        self._pool = pool
        self._seconds = seconds

    @overload
    def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def run(self, fn: str, /, *args: Any, **kwargs: Any) -> Any: ...
    def run(self, fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """Like `Pool.run`; raises `CallTimeout` (a TimeoutError) when the time is up."""
        return self._pool._run_within(self._seconds, fn, *args, **kwargs)


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _flatten(lists: Iterator[list[T]]) -> Iterator[T]:
    try:
        for items in lists:
            items.reverse()
            while items:
                yield items.pop()
    finally:
        close = getattr(lists, "close", None)
        if close is not None:
            close()
