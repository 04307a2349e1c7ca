"""Handles: objects that stay in their interpreter."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from pathlib import Path
from typing import Any, Self

import pytest

from sesha import _native
from tests.runtime.crossing import call, cross, keep, settle


class Kept:
    """What stays."""


class Named(_native.Handle):
    """A subclass, as a library on top may write it."""

    def __init__(self, handle: _native.Handle, name: str = "") -> None:
        super().__init__()
        self.handle_given = handle
        self.name = name

    def __new__(cls, handle: _native.Handle, _name: str = "") -> Self:
        return super().__new__(cls, handle)


def test_a_handle_leads_back_to_the_very_object() -> None:
    """As an argument, inside containers, inside a pickle, as the function."""
    handle = keep(Kept)
    assert handle.interpreter == 0
    assert call(type, handle) is Kept
    assert call(lambda first, second: first is second, handle, handle)
    assert call(lambda pair: pair[0] is pair[1]["x"], [handle, {"x": handle}])
    assert call(lambda _, first, second: first is second, Path(), handle, handle)
    function = keep(lambda: abs)
    assert call(function, -3) == 3
    assert handle.token != function.token


def test_a_handle_keeps_its_object_alive_until_it_is_gone() -> None:
    """The drop is queued, and run by whoever next enters the interpreter."""
    handle = keep(Kept)
    watched = _weak(handle)
    assert watched() is not None
    del handle
    assert settle() == 0
    assert watched() is None


def _weak(handle: _native.Handle) -> Any:
    found: list[Any] = []
    register[id(found)] = found
    call(_note, handle, id(found))
    return register.pop(id(found))[0]


register: dict[int, list[Any]] = {}


def _note(value: Any, number: int) -> None:
    register[number].append(weakref.ref(value))


def test_a_closed_handle_is_a_clear_error() -> None:
    """Closing is idempotent, and another handle to the object goes on."""
    handle = keep(dict, a=1)
    other = _native.Handle(handle)
    states = [handle.closed]
    handle.close()
    handle.close()
    assert [*states, handle.closed] == [False, True]
    with pytest.raises(ValueError, match="is closed"):
        cross(handle)
    with pytest.raises(ValueError, match="is closed"):
        _native.Handle(handle)
    assert call(lambda table: table["a"], other) == 1


def test_a_message_keeps_what_it_refers_to() -> None:
    """A handle that is dropped between send and arrival still leads to its object."""
    handle = keep(dict, a=1)
    request = _native.encode_call(len, (handle,))
    assert request.target == 0
    handle.close()
    gc.collect()
    _native.drain()
    assert _native.decode(_native.serve(request)) == 1
    assert settle() == 0


def test_a_handle_is_neither_copied_nor_pickled() -> None:
    """Only sending it to its own interpreter means anything."""
    handle = keep(Kept)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="can't be copied or pickled"):
            attempt(handle)
    with pytest.raises(TypeError, match="made from another Handle"):
        _native.Handle()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="made from another Handle"):
        _native.Handle(3)  # type: ignore[arg-type]


def test_a_handle_may_be_subclassed() -> None:
    """Attributes, weak references and cycles work as in any class."""
    named = Named(keep(dict, a=1), "table")
    assert named.name == "table"
    assert call(len, named) == 1
    reference = weakref.ref(named)
    named.own = named  # type: ignore[attr-defined]
    del named
    assert settle() == 0
    assert reference() is None
    plain = keep(Kept)
    assert weakref.ref(plain)() is plain


def test_handles_may_be_dropped_by_any_thread() -> None:
    """Many threads close handles while others make them."""

    def churn() -> None:
        for _ in range(500):
            keep(Kept).close()
            keep(Kept)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert settle() == 0


def test_an_exception_is_not_kept() -> None:
    """A call that raises raises, whether or not its result was to stay."""
    with pytest.raises(ZeroDivisionError):
        keep(lambda: 1 / 0)
