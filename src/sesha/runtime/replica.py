"""Replicas: one object, a copy of it in each interpreter, its weights held once."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from sesha.runtime import payload

if TYPE_CHECKING:
    from sesha.runtime.futures import CallFuture
    from sesha.runtime.pool import Pool

_numbers = itertools.count(1)
_CALL = "sesha.runtime.payload:call"


def new_number() -> int:
    """Return a number that no other replicated object of this process has."""
    return next(_numbers)


class ReplicatedObject:
    """An object of which each interpreter of a pool has a copy, as the host sees it.

    ``replicated(…)``, `submit` and `acall` call the object; ``replicated.method("encode")`` is a
    callable for one of its methods, which has `submit` and `acall` too.
    ``session.load(replicated)`` is the copy in the interpreter of a session.

    Thread safety: every method may be called by any thread.
    """

    def __init__(self, pool: Pool, number: int, keeps: object = None) -> None:
        self._number = number
        self._pool = pool
        self._keeps = keeps
        # Without the object itself: the two would be a cycle, and unload late.
        self._target = ReplicaMethod(pool, number, "__call__", keeps)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object in a free interpreter, in the calling thread, and return the result."""
        return self._target(*args, **kwargs)

    def submit(self, /, *args: Any, **kwargs: Any) -> CallFuture[Any]:
        """Queue a call of the object and return its future."""
        return self._target.submit(*args, **kwargs)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the object in a free interpreter and await its result."""
        return await self._target.acall(*args, **kwargs)

    def method(self, name: str) -> ReplicaMethod:
        """Return a callable for a method of the object."""
        return ReplicaMethod(self._pool, self._number, name, self)

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {type(self).__name__} can't be pickled: each interpreter has its copy already"
        )


class Replica(ReplicatedObject):
    """A copy of an object in each interpreter, around one set of arrays and tensors.

    Made by `Pool.replicate`, which reads the object once. Each interpreter makes its copy when it
    is first used there, so do interpreters that are started later. Arrays and tensors are the same
    memory for all copies, the host's object included; everything else is separate, so what a call
    changes in its copy is seen by later calls in the same interpreter only. The copies go with
    `unload`, or when the replica is no longer referred to.
    """

    def __init__(self, pool: Pool, obj: Any) -> None:
        number = new_number()
        lifecycle = pool._lifecycle
        key = f"replica {number}"
        lifecycle.do_everywhere(key, "sesha.runtime.payload:hold", (number, payload.pack(obj)))
        super().__init__(pool, number)
        self._unload = weakref.finalize(
            self, lifecycle.forget, (key,), "sesha.runtime.payload:drop", (number,)
        )
        self._unload.atexit = False

    @property
    def unloaded(self) -> bool:
        """Whether the copies are gone."""
        return not self._unload.alive

    def unload(self) -> None:
        """Free the copies in all interpreters; later calls raise ReplicaUnloaded. Idempotent."""
        self._unload()


class ReplicaMethod:
    """A method of the copies; made by `ReplicatedObject.method`. Keeps the object loaded."""

    __slots__ = ("_keeps", "_name", "_number", "_pool")

    def __init__(self, pool: Pool, number: int, name: str, keeps: object) -> None:
        self._pool = pool
        self._number = number
        self._name = name
        self._keeps = keeps

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method in a free interpreter, in the calling thread, and return the result."""
        return self._pool.run(_CALL, self._number, self._name, args, kwargs)

    def submit(self, /, *args: Any, **kwargs: Any) -> CallFuture[Any]:
        """Queue a call of the method and return its future."""
        return self._pool.submit(_CALL, self._number, self._name, args, kwargs)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method in a free interpreter and await its result."""
        return await self._pool.arun(_CALL, self._number, self._name, args, kwargs)
