"""Objects that are taken apart once and put together in each interpreter."""

from __future__ import annotations

import threading
from itertools import count

import numpy as np
import pytest

from sesha.errors import ReplicaUnloaded
from sesha.runtime import payload

_numbers = count(10**9)
"""Numbers that no replica of another test has."""


class _Counted:
    """Counts how often its object is made."""

    def __init__(self) -> None:
        self.made = 0

    def make(self) -> dict[str, int]:
        self.made += 1
        return {"made": self.made}


def test_arrays_are_parts_once_each() -> None:
    """Arrays stay what they are and are counted once; what is put together shares them."""
    array = np.arange(4.0)
    packed = payload.pack({"a": array, "again": [array], "text": "x"})
    assert len(packed.parts) == 1
    assert packed.parts[0] is array
    unpacked = payload.unpack(packed)
    assert unpacked["a"] is array
    assert unpacked["again"][0] is array
    assert unpacked["text"] == "x"


def test_arrays_of_objects_are_pickled() -> None:
    """An array whose elements are Python objects can't be lent and goes by value."""
    packed = payload.pack([np.array([{"k": 1}], dtype=object)])
    assert packed.parts == []
    assert payload.unpack(packed)[0][0] == {"k": 1}


def test_what_cannot_be_pickled_is_a_type_error() -> None:
    """An object that holds a lock is refused, by the name of its type."""
    with pytest.raises(TypeError, match="lock"):
        payload.pack({"lock": threading.Lock()})


def test_object_is_made_on_first_use_and_once() -> None:
    """Holding makes nothing; threads that ask at one time get one object."""
    number, source = next(_numbers), _Counted()
    payload.hold(number, source)
    assert source.made == 0
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(payload.get(number))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.made == 1
    assert all(result is results[0] for result in results)
    payload.drop(number)


def test_dropped_object_is_gone() -> None:
    """After `drop` the object can't be had, and dropping again does nothing."""
    number = next(_numbers)
    payload.hold(number, _Counted())
    payload.get(number)
    payload.drop(number)
    payload.drop(number)
    with pytest.raises(ReplicaUnloaded):
        payload.get(number)


def test_methods_are_called() -> None:
    """`call` calls the object itself or a method by name."""
    number = next(_numbers)
    payload.hold(number, payload.pack("a-b"))
    assert payload.call(number, "split", ("-",), {}) == ["a", "b"]
    with pytest.raises(TypeError, match="not callable"):
        payload.call(number, "__call__", (), {})
    payload.drop(number)
