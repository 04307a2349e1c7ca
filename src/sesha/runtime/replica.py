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


class Replica:
    """An object of which each interpreter of a pool has a copy of its own.

    Made by `Pool.replicate`, which reads the object once. Each interpreter makes its copy when it
    is first used there, so do interpreters that are started later. Arrays and tensors are the same
    memory for all copies, the host's object included; everything else is separate, so what a call
    changes in its copy is seen by later calls in the same interpreter only.

    ``replica(…)``, `submit` and `acall` call the object; ``replica.method("encode")`` is a callable
    for one of its methods, which has `submit` and `acall` too. The copies go with `unload`, or when
    the replica is no longer referred to.

    Thread safety: every method may be called by any thread.
    """

    def __init__(self, pool: Pool, obj: Any) -> None:
        self._number = next(_numbers)
        self._pool = pool
        lifecycle = pool._lifecycle
        lifecycle.do_everywhere(
            f"replica {self._number}",
            "sesha.runtime.payload:hold",
            (self._number, payload.pack(obj)),
        )
        self._unload = weakref.finalize(self, lifecycle.forget_replica, self._number)
        self._unload.atexit = False
        # Without the replica: the two would be a cycle, and unload late.
        self._target = ReplicaMethod(pool, self._number, "__call__", None)

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

    @property
    def unloaded(self) -> bool:
        """Whether the copies are gone."""
        return not self._unload.alive

    def unload(self) -> None:
        """Free the copies in all interpreters; later calls raise ReplicaUnloaded. Idempotent."""
        self._unload()

    def __reduce__(self) -> Any:
        raise TypeError("a replica can't be pickled: each interpreter has its copy already")


class ReplicaMethod:
    """A method of the copies; made by `Replica.method`. Keeps its replica."""

    __slots__ = ("_name", "_number", "_pool", "_replica")

    def __init__(self, pool: Pool, number: int, name: str, replica: Replica | None) -> None:
        self._pool = pool
        self._number = number
        self._name = name
        self._replica = replica

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method in a free interpreter, in the calling thread, and return the result."""
        return self._pool.run(_CALL, self._number, self._name, args, kwargs)

    def submit(self, /, *args: Any, **kwargs: Any) -> CallFuture[Any]:
        """Queue a call of the method and return its future."""
        return self._pool.submit(_CALL, self._number, self._name, args, kwargs)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method in a free interpreter and await its result."""
        return await self._pool.arun(_CALL, self._number, self._name, args, kwargs)
