"""Sending values and calls as between two interpreters, inside this one."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, TypeVar

from sesha import _native

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def cross(value: T) -> T:
    """Encode a value and decode it."""
    received: T = _native.decode(_native.encode_value(value))
    return received


def call(fn: Callable[..., Any] | str | _native.Handle, /, *args: Any, **kwargs: Any) -> Any:
    """Call ``fn`` the way an interpreter is called."""
    return _native.decode(_native.serve(_native.encode_call(fn, args, kwargs)))


def keep(fn: Callable[..., Any] | str, /, *args: Any, **kwargs: Any) -> _native.Handle:
    """Call ``fn`` so that its result stays there."""
    request = _native.encode_call(fn, args, kwargs, keep=True)
    handle: _native.Handle = _native.decode(_native.serve(request))
    return handle


_counted = {"before": 0}


def start_counting() -> None:
    """Count leases from now on: interpreters of earlier tests that ended may have kept some."""
    _counted["before"] = 0
    _counted["before"] = settle()


def lent() -> int:
    """Return how many leases are live that were not when counting began."""
    return _native.live_leases() - _counted["before"]


def settle() -> int:
    """Give back all that nobody refers to any more; return how many leases are left."""
    for _ in range(3):
        gc.collect()
        _native.drain()
    return lent()
