"""A session: one interpreter of a pool, held for a while."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from sesha.runtime.references import Reference, keep, unwrap, unwrap_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sesha._native import Hold
    from sesha.runtime.pool import Pool
    from sesha.runtime.replica import ReplicatedObject

P = ParamSpec("P")
T = TypeVar("T")

_numbers = itertools.count(1)


class Session:
    """One interpreter, pinned: what calls leave there, later calls find.

    Made by `Pool.session`; a context manager. `run` gives values, as `Pool.run` does; `eval`,
    `call`, `import_module` and `reference` give a `Reference` to an object that stays there.

    The session ends with `close`, with the pool, or when neither it nor a reference of it is
    referred to any more. What is used after that raises `SessionClosed`; if the interpreter died,
    `InterpreterDied`.

    Thread safety: several threads may use a session; their calls run side by side under the
    interpreter's GIL, in whatever order.
    """

    def __init__(self, pool: Pool, hold: Hold) -> None:
        self._pool = pool  # a pool that only its session refers to goes on
        self._hold = hold
        self._number = next(_numbers)
        self._sources = itertools.count(1)
        self._namespace = keep(hold, "sesha.runtime.guest:new_namespace")

    @property
    def interpreter(self) -> int:
        """Index of the interpreter."""
        return self._hold.interpreter

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self._hold.released

    def exec(self, source: str) -> None:
        """Run statements; names they bind stay for later `exec` and `eval`."""
        filename = f"<session {self._number}, source {next(self._sources)}>"
        self._hold.run("sesha.runtime.guest:execute", unwrap(self._namespace), source, filename)

    def eval(self, source: str) -> Reference:
        """Return a reference to the value of an expression; ``.get()`` copies it out."""
        return keep(self._hold, "sesha.runtime.guest:evaluate", self._namespace, source)

    def import_module(self, name: str) -> Reference:
        """Import a module there and return a reference to it."""
        return keep(self._hold, "sesha.runtime.guest:import_module", name)

    def reference(self, value: Any) -> Reference:
        """Send a value there and return a reference to it."""
        return keep(self._hold, "sesha.runtime.guest:identity", value)

    def load(self, replicated: ReplicatedObject) -> Reference:
        """Return a reference to the copy here of a `Replica`, a `Model` or an entry point.

        The copy is made if this is its first use here.

        Raises:
            ReplicaUnloaded: It was unloaded.
            ValueError: It belongs to another pool.
        """
        if replicated._pool is not self._pool:
            raise ValueError("it was loaded into another pool than the one of this session")
        return keep(self._hold, "sesha.runtime.payload:get", replicated._number)

    def call(
        self, fn: Callable[..., Any] | str | Reference, /, *args: Any, **kwargs: Any
    ) -> Reference:
        """Call ``fn(*args, **kwargs)`` there and return a reference to the result."""
        return keep(self._hold, fn, *args, **kwargs)

    @overload
    def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def run(self, fn: str | Reference, /, *args: Any, **kwargs: Any) -> Any: ...
    def run(self, fn: Callable[..., Any] | str | Reference, /, *args: Any, **kwargs: Any) -> Any:
        """Call ``fn(*args, **kwargs)`` there and return the result by value.

        Arguments may be references of this session; they arrive as what they refer to.
        """
        positional, named = unwrap_all(args, kwargs)
        return self._hold.run(unwrap(fn), *positional, **named)

    def close(self) -> None:
        """End the session; calls that run go on to their end. Idempotent."""
        self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"interpreter {self.interpreter}"
        return f"<sesha.Session {self._number}, {state}>"
