"""References: objects that stay in a session's interpreter.

Thread safety: a reference may be used and dropped by any thread; the object there is freed soon
after the last handle to it is gone, without waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sesha.errors import SeshaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sesha._native import Handle, Hold

_GUEST = "sesha.runtime.guest"

# Python itself and libraries look for special names (copying, pickling, array protocols) that
# would not
# mean the same from afar; these few do.
_SPECIAL_NAMES = frozenset(
    {"__name__", "__qualname__", "__version__", "__file__", "__dict__", "__all__", "__wrapped__"}
)


class Reference:
    """Stands for an object in the interpreter of a session.

    Attributes, calls and items of a reference are references; iterating gives references. ``get()``
    copies the object out. ``len``, ``in``, ``bool``, ``str``, ``hasattr``, setting and deleting
    work there, at once. As an argument of a call of the same session it arrives as the object
    itself.

    Raises (every operation):
        SessionClosed: The session or its pool has ended.
        InterpreterDied: The interpreter died.
        Exception: What the operation raises there, as its own type.
    """

    __slots__ = ("__weakref__", "_handle", "_hold")

    _handle: Handle
    _hold: Hold

    def __init__(self, hold: Hold, handle: Handle) -> None:
        object.__setattr__(self, "_hold", hold)
        object.__setattr__(self, "_handle", handle)

    def get(self) -> Any:
        """Return the object by value (arrays and tensors share memory).

        Raises:
            TypeError: It can't leave its interpreter; the text says what in it can't.
        """
        return self._hold.run(f"{_GUEST}:identity", self._handle)

    def __call__(self, *args: Any, **kwargs: Any) -> Reference:
        """Call the object and return a reference to the result."""
        return keep(self._hold, self, *args, **kwargs)

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__") and name.endswith("__") and name not in _SPECIAL_NAMES:
            raise AttributeError(
                f"special attributes such as {name} are not reached from afar; "
                "use session.call('builtins:getattr', reference, name)"
            )
        return keep(self._hold, "builtins:getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._hold.run("builtins:setattr", self._handle, name, unwrap(value))

    def __delattr__(self, name: str) -> None:
        self._hold.run("builtins:delattr", self._handle, name)

    def __getitem__(self, key: Any) -> Reference:
        return keep(self._hold, f"{_GUEST}:get_item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._hold.run(f"{_GUEST}:set_item", self._handle, unwrap(key), unwrap(value))

    def __delitem__(self, key: Any) -> None:
        self._hold.run(f"{_GUEST}:delete_item", self._handle, unwrap(key))

    def __len__(self) -> int:
        return cast("int", self._hold.run("builtins:len", self._handle))

    def __bool__(self) -> bool:
        return cast("bool", self._hold.run("builtins:bool", self._handle))

    def __contains__(self, item: Any) -> bool:
        return cast("bool", self._hold.run(f"{_GUEST}:contains", self._handle, unwrap(item)))

    def __iter__(self) -> Iterator[Reference]:
        return ReferenceIterator(keep(self._hold, "builtins:iter", self))

    def __str__(self) -> str:
        return cast("str", self._hold.run("builtins:str", self._handle))

    def __repr__(self) -> str:
        try:
            what = self._hold.run(f"{_GUEST}:describe", self._handle)
        except SeshaError as error:
            what = type(error).__name__
        return f"<sesha.Reference to {what}>"

    def __dir__(self) -> list[str]:
        return cast("list[str]", self._hold.run("builtins:dir", self._handle))

    def __reduce_ex__(self, protocol: Any) -> Any:
        # For a reference inside an argument of a call of its session: the handle arrives there as
        # the object.
        del protocol
        from sesha.runtime.guest import identity

        return identity, (self._handle,)


class ReferenceIterator:
    """Iterates in the interpreter, one call an item."""

    def __init__(self, iterator: Reference) -> None:
        self._iterator = iterator

    def __iter__(self) -> ReferenceIterator:
        return self

    def __next__(self) -> Reference:
        try:
            return keep(self._iterator._hold, "builtins:next", self._iterator)
        except StopIteration:
            raise StopIteration from None


def unwrap(value: Any) -> Any:
    """Return the handle of a reference, anything else as it is."""
    return value._handle if type(value) is Reference else value


def unwrap_all(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments with references replaced by their handles."""
    return [unwrap(value) for value in args], {
        name: unwrap(value) for name, value in kwargs.items()
    }


def keep(
    hold: Hold, fn: Callable[..., Any] | str | Reference, /, *args: Any, **kwargs: Any
) -> Reference:
    """Call in a held interpreter and return a reference to the result."""
    positional, named = unwrap_all(args, kwargs)
    return Reference(hold, hold.keep(unwrap(fn), *positional, **named))
