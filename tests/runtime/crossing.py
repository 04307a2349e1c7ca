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


def settle() -> int:
    """Give back all that nobody refers to any more; return the number of leases that are left."""
    for _ in range(3):
        gc.collect()
        _native.drain()
    return _native.live_leases()
