import importlib
import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sesha.package import PackageExporter, PackageImporter, pickles
from sesha.package.errors import PickleError
from tests.package.conftest import Project

numpy = pytest.importorskip("numpy")


class Tensors:
    """Keeps what is taken out in a list."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def add(self, tensor: Any, hint: str) -> Any:
        del hint
        self.taken.append(tensor)
        return ("member", len(self.taken) - 1)


class Exporter:
    """Does what a pickler asks of an exporter."""

    def reduce_package(self, obj: Any) -> tuple[Any, ...]:
        return tuple(obj.__reduce_package__(self))

    def save_script_module(self, module: Any) -> str:
        raise AssertionError(module)


def dump(obj: Any, protocol: int = 5) -> tuple[pickles.Pickled, list[Any]]:
    tensors = Tensors()
    return pickles.dump(obj, tensors=tensors, exporter=Exporter(), protocol=protocol), tensors.taken


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_globals_are_told(protocol: int) -> None:
    """The globals that a pickle refers to are told, each once, but for modules as values."""
    pickled, _ = dump([OrderedDict(a=1), Fraction, OrderedDict(), json_module()], protocol)
    names = [(each.module, each.name) for each in pickled.globals]
    assert ("collections", "OrderedDict") in names
    assert ("fractions", "Fraction") in names
    assert len(names) == len(set(names))
    assert all(name for _, name in names)


def test_strings_that_look_like_names_are_none() -> None:
    """Only what is looked up counts as a global, not a string that spells one."""
    pickled, _ = dump(["os", "system", Fraction.from_float, "os"], 4)
    names = {(each.module, each.name) for each in pickled.globals}
    assert ("os", "system") not in names
    assert ("fractions", "Fraction") in names


def test_arrays_are_taken_out() -> None:
    """Arrays are taken out, one array once; those of Python objects stay in the pickle."""
    array = numpy.arange(3)
    objects = numpy.array([{}, []], dtype=object)
    pickled, taken = dump([array, {"again": array}, objects])
    assert len(taken) == 1
    assert taken[0] is array
    assert b"numpy" in pickled.data
    assert "numpy" not in {each.module for each in dump(array)[0].globals}


def test_modules_are_named() -> None:
    """A module as a value is written as an import, and told."""
    pickled, _ = dump({"m": json_module()})
    assert pickled.modules == ("json",)
    assert pickle.loads(pickled.data)["m"] is json_module()


def iter_nothing() -> Iterator[int]:
    yield from ()


def json_module() -> Any:
    return importlib.import_module("json")


def test_same_object_gives_the_same_pickle() -> None:
    """Pickling is repeatable, with functions by value too."""

    def outer(x: int) -> int:
        return len([x, {"a", "b"}])

    assert dump([outer, 1, "a"])[0].data == dump([outer, 1, "a"])[0].data


def test_unpicklable_is_told_with_its_type() -> None:
    """What can't be pickled is a PickleError with the type of the whole and the cause."""
    with pytest.raises(PickleError, match=r"a list can't be pickled: .*generator"):
        dump([iter_nothing()])


def test_lock_is_refused() -> None:
    """A lock in an object is a PickleError."""
    import threading  # noqa: PLC0415

    with pytest.raises(PickleError, match="lock"):
        dump({"lock": threading.Lock()})


def test_names_of_opened_packages_lose_their_prefix(project: Project, tmp_path: Path) -> None:
    """A pickle of objects of an opened package names modules as that package does."""
    project({"thing.py": "class Thing:\n    class Inner:\n        pass\n    def m(self): pass\n"})
    thing = importlib.import_module("thing")
    with PackageExporter(tmp_path / "a.sesha") as exporter:
        exporter.save_pickle("saved", "x.pkl", [thing.Thing(), thing.Thing.Inner])
    with PackageImporter(tmp_path / "a.sesha") as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        for protocol in (3, 4, 5):
            pickled = pickles.dump(
                [*loaded, "x" * 300],
                tensors=Tensors(),
                exporter=Exporter(),
                importer=importer,
                protocol=protocol,
            )
            assert "thing" in {each.module for each in pickled.globals}
            assert b"_sesha_package" not in pickled.data
            pickletools.dis(pickled.data, io.StringIO())
            assert type(pickle.loads(pickled.data)[0]) is thing.Thing
