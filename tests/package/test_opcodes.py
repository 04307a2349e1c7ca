from __future__ import annotations

import _compat_pickle
import ast
import collections
import datetime as dt
import decimal
import importlib
import io
import math
import os
import pickle
import warnings
from pathlib import PurePosixPath
from typing import Any, Self

import cloudpickle
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesha.package.errors import PickleError
from sesha.package.opcodes import scan_opcodes


class Calls:
    """Pickles itself as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


class Point:
    """A class of this module."""

    def __init__(self, x: int) -> None:
        self.x = x


class Slotted:
    """A class whose instances are made with keywords."""

    def __getnewargs_ex__(self) -> Any:
        return (), {"value": 3}

    def __new__(cls, *, value: int) -> Self:
        made = super().__new__(cls)
        made.value = value  # type: ignore[attr-defined]
        return made


def names(data: bytes) -> set[tuple[str, str]]:
    return {(found.module, found.name) for found in scan_opcodes(data).globals}


def names_by_fickling(data: bytes) -> set[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fickling.fickle import Pickled  # noqa: PLC0415 - it warns while it is imported

    found = set()
    for node in ast.walk(Pickled.load(data).ast):
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
    return found


OBJECTS = {
    "plain": [1, "a", b"b", 2.5, None, {"k": (1, 2, 3)}, {4}, frozenset({5}), -(2**70)],
    "class": Point(3),
    "class by keyword": Slotted(value=3),
    "reference": [math.sin, Point, collections.OrderedDict(a=1)],
    "dates": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), decimal.Decimal("1.5")],
    "path": PurePosixPath("/a/b"),
    "command": Calls(os.system, "true"),
    "evaluation": {"weights": [Calls(eval, "1 + 1")]},
    "nested": Calls(getattr, Calls(importlib.import_module, "os"), "system"),
}


# fickling does not know the opcodes of the oldest protocols.
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", OBJECTS)
def test_finds_what_fickling_finds(kind: str, protocol: int) -> None:
    """The globals of a pickle are those that fickling finds."""
    data = pickle.dumps(OBJECTS[kind], protocol)
    ours = {(module, name) for module, name in names(data) if name}
    assert ours == set(map(as_python_3, names_by_fickling(data)))


def as_python_3(name: tuple[str, str]) -> tuple[str, str]:
    """fickling gives names as the pickle has them; protocol 2 has those of Python 2."""
    module = _compat_pickle.IMPORT_MAPPING.get(name[0], name[0])
    return _compat_pickle.NAME_MAPPING.get(name, (module, name[1]))


def test_finds_what_the_unpickler_imports() -> None:
    """A real unpickler asks for exactly the globals that were found."""
    asked = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            asked.add((module, name))
            return super().find_class(module, name)

    scale = 3
    for data in (
        pickle.dumps(OBJECTS["dates"]),
        pickle.dumps(OBJECTS["class by keyword"]),
        cloudpickle.dumps(lambda x: math.sin(x) * scale),
    ):
        asked.clear()
        Recorder(io.BytesIO(data)).load()
        assert {name for name in names(data) if name[1]} == asked


def test_calls_are_told_from_references() -> None:
    """A function that is only referred to is not called; one that is reduced to is."""
    found = scan_opcodes(pickle.dumps([math.sin, Calls(os.system, "true")])).globals
    assert [(each.name, each.called) for each in found] == [("sin", False), ("system", True)]


def test_call_by_a_persistent_id_is_a_call() -> None:
    """A function that a persistent id carries counts as called: the loader calls it."""

    class Keeper(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("reduce_package", 0, os.system, ("true",)) if obj is keeper else None

    keeper = object()
    buffer = io.BytesIO()
    Keeper(buffer, protocol=5).dump([keeper])
    scan = scan_opcodes(buffer.getvalue())
    assert [(each.name, each.called) for each in scan.globals] == [("system", True)]
    assert scan.persistent == 1


def test_literal_import_is_a_global_of_its_own() -> None:
    """`importlib.import_module` with a literal shows the module that it imports."""
    found = scan_opcodes(pickle.dumps(Calls(importlib.import_module, "os.path"))).globals
    assert [(each.module, each.name, each.literal) for each in found] == [
        ("importlib", "import_module", True),
        ("os.path", "", False),
    ]


def test_computed_name_is_reported() -> None:
    """A global whose name comes out of a call has no name to show, so its place is shown."""
    data = (
        b"\x80\x04" + b"\x8c\x08builtins\x8c\x03str\x93" + b")R"  # str()
        b"\x8c\x06system\x93."
    )
    scan = scan_opcodes(data)
    assert scan.computed == (data.rindex(b"\x93"),)


def test_name_out_of_the_memo_is_found() -> None:
    """A name that is fetched from the memo, out of order, is found all the same."""
    data = b"\x80\x04\x8c\x06system\x94\x8c\x02os\x940h\x01h\x00\x93."
    assert ("posix", "system") not in names(data)
    assert names(data) == {("os", "system")} == names_by_fickling(data)


def test_bytes_after_the_end_are_counted() -> None:
    """What follows the end is nothing that an unpickler reads, and is reported."""
    assert scan_opcodes(pickle.dumps(1) + b"more").trailing == 4


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"no pickle at all", b"\x80\x04.", b"0.", b"h\x05.", b"(t0t.", b"\x80\x04}s."],
)
def test_damaged_pickle_is_a_named_error(data: bytes) -> None:
    """Bytes that no unpickler takes raise PickleError or are scanned, and nothing else."""
    try:
        pickle.loads(data)
    except Exception:  # noqa: BLE001 - whatever pickle makes of it
        if data != b"\x80\x04.":
            with pytest.raises(PickleError):
                scan_opcodes(data)


@given(st.binary(max_size=200), st.integers(0, 300))
@example(pickle.dumps(OBJECTS["dates"]), 3)
def test_any_bytes_are_scanned_or_refused(noise: bytes, place: int) -> None:
    """Whatever the bytes, a scan ends with a result or a PickleError."""
    good = pickle.dumps(OBJECTS["reference"])
    for data in (noise, good[:place] + noise + good[place:]):
        try:
            scan = scan_opcodes(data)
        except PickleError:
            continue
        assert 0 <= scan.trailing < max(len(data), 1)
