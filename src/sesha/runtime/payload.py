"""An object taken apart once, and put together in each interpreter that needs it."""

from __future__ import annotations

import io
import pickle
import sys
import threading
from dataclasses import dataclass
from typing import Any, Protocol

from sesha.errors import ReplicaUnloaded


class Makes(Protocol):
    """What an interpreter makes its copy of an object from."""

    def make(self) -> Any:
        """Make the object. Called once, by one thread."""


@dataclass
class Payload:
    """A pickle, and the arrays and tensors that it refers to by number."""

    stream: bytes
    parts: list[Any]

    def make(self) -> Any:
        """Put the object together; see `unpack`."""
        return unpack(self)


def pack(obj: Any) -> Payload:
    """Take an object apart: arrays and tensors stay what they are, everything else is pickled.

    Raises:
        TypeError: It can't be pickled.
    """
    import cloudpickle

    parts: list[Any] = []
    numbers: dict[int, int] = {}

    class Packer(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, value: Any) -> int | None:
            if not _is_array(value):
                return None
            if id(value) not in numbers:
                numbers[id(value)] = len(parts)
                parts.append(value)
            return numbers[id(value)]

    stream = io.BytesIO()
    try:
        Packer(stream, protocol=5).dump(obj)
    except (pickle.PicklingError, AttributeError) as error:
        raise TypeError(f"cannot replicate a {type(obj).__qualname__}: {error}") from error
    return Payload(stream.getvalue(), parts)


def unpack(payload: Payload) -> Any:
    """Put the object together again, around the same arrays and tensors."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, number: int) -> Any:
            return payload.parts[number]

    return Unpacker(io.BytesIO(payload.stream)).load()


def _is_array(value: Any) -> bool:
    """Tell values that cross by themselves, of exact types: subclasses are pickled around those."""
    cls = type(value)
    root = cls.__module__.partition(".")[0]
    if root == "numpy":
        return cls is sys.modules["numpy"].ndarray and not value.dtype.hasobject
    if root == "torch":
        torch = sys.modules["torch"]
        return (
            cls in (torch.Tensor, torch.nn.Parameter)
            and value.layout is torch.strided
            and not value.is_quantized
        )
    return False


class _Spent:
    """Takes the place of what an object was made from: the object has what it needs of it."""

    def make(self) -> Any:
        raise AssertionError("an object is made once")


_lock = threading.Lock()
_held: dict[int, Makes] = {}
_made: dict[int, Any] = {}


def hold(number: int, payload: Makes) -> None:
    """Keep here, for its first use, what an object is made from."""
    _held[number] = payload


def drop(number: int) -> None:
    """Forget an object and what it is made from."""
    with _lock:
        _held.pop(number, None)
        _made.pop(number, None)


def get(number: int) -> Any:
    """Return the object, which is made if this is its first use.

    Raises:
        ReplicaUnloaded: It was dropped.
    """
    try:
        return _made[number]
    except KeyError:
        return _make(number)


def call(number: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of the object."""
    target = get(number)
    if method == "__call__":
        return target(*args, **kwargs)
    return getattr(target, method)(*args, **kwargs)


def _make(number: int) -> Any:
    with _lock:
        if number in _made:
            return _made[number]
        if number not in _held:
            raise ReplicaUnloaded(
                "it was unloaded from this pool; replicate the object or load the package again"
            )
        target = _made[number] = _held[number].make()
        _held[number] = _Spent()
        return target
