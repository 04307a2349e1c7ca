import dataclasses
import pickle
from collections import OrderedDict
from typing import Any

import pytest

from sesha.package.comparing import differences

numpy = pytest.importorskip("numpy")


@dataclasses.dataclass
class Point:
    """Is compared field by field."""

    x: float
    tags: list[str]


class Bag:
    """Is compared by its attributes."""

    def __init__(self, v: Any) -> None:
        self.v = v


NAN = float("nan")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1),
        (NAN, NAN),
        ("a", "a"),
        ([1, (2.5, None)], [1, (2.5, None)]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (OrderedDict(a=1), OrderedDict(a=1)),
        (Point(1.0, ["a"]), Point(1.0, ["a"])),
        (Bag([1]), Bag([1])),
        ({1, 2}, {2, 1}),
        (numpy.array([1.0, NAN]), numpy.array([1.0, NAN])),
        (numpy.float32(2), numpy.float32(2)),
        (numpy.array([{"a": 1}], dtype=object), numpy.array([{"a": 1}], dtype=object)),
        (numpy.array([(1, 2.0)], dtype="i4,f8"), numpy.array([(1, 2.0)], dtype="i4,f8")),
    ],
)
def test_equal(expected: Any, actual: Any) -> None:
    """Values that are alike in all their parts have no differences."""
    assert differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        (1, 2, "output is 2, not 1"),
        (1, True, "output is a bool, not a int"),
        ([1, 2], [1], "output has 1 items, not 2"),
        ({"a": [0.5]}, {"a": [0.25]}, "output['a'][0] is 0.25, not 0.5"),
        ({"a": 1}, {"b": 1}, "output has the keys ['b'], not ['a']"),
        (Point(1.0, ["a"]), Point(1.0, ["b"]), "output.tags[0] is 'b', not 'a'"),
        (Bag(1), Bag(2), "output['v'] is 2, not 1"),
        (numpy.zeros(3), numpy.array([0.0, 1, 2]), "output: 2 of 3 elements differ"),
        (numpy.zeros(3), numpy.zeros(4), "output is (4,) float64, not (3,) float64"),
        (numpy.zeros(2, int), numpy.ones(2, int), "output: its elements differ"),
    ],
)
def test_different(expected: Any, actual: Any, line: str) -> None:
    """A difference is named with the path to its place."""
    assert differences(expected, actual) == [line]


def test_tolerance() -> None:
    """Numbers may be apart as far as the tolerance says, relative and absolute."""
    assert differences(100.0, 100.5, 0.01) == []
    assert differences(100.0, 102.0, 0.01) != []
    assert differences(numpy.array([100.0]), numpy.array([100.5]), 0.01) == []
    assert differences(1.0, float("inf"), 0.5) != []


def test_caches_are_no_difference() -> None:
    """Objects are compared by what pickle keeps of them, not by what they have cached."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    again = pickle.loads(pickle.dumps(frame))
    assert differences(frame, again) == []
    assert differences(frame, again.assign(a=[1, 3])) != []


def test_functions_and_classes() -> None:
    """Functions and classes are compared by name."""
    assert differences(len, len) == []
    assert differences(len, print) == ["output is builtins.print, not builtins.len"]
    assert differences(Bag, Point) == [
        f"output is {__name__}.Point, not {__name__}.Bag",
    ]


def test_values_that_hold_themselves() -> None:
    """A comparison of values that contain themselves ends."""
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1]
    other.append(other)
    assert differences(one, other) == []


def test_at_most_twenty_lines() -> None:
    """Of many differences the first twenty are told."""
    assert len(differences(list(range(100)), list(range(1, 101)))) == 20


@pytest.mark.torch
def test_tensors() -> None:
    """Tensors are compared by dtype, shape and value, in every layout."""
    torch = pytest.importorskip("torch")
    a = torch.tensor([1.0, 2.0])
    assert differences(a, a.clone()) == []
    assert differences(a, a + 0.5) == ["output: 2 of 2 elements differ, by 0.5 at most"]
    assert differences(a, a + 1e-7, 1e-5) == []
    assert differences(a, a.double()) == ["output is (2,) torch.float64, not (2,) torch.float32"]
    assert differences(a.to_sparse(), (a + 1).to_sparse()) != []
    eight = a.to(torch.float8_e4m3fn)
    assert differences(eight, eight.clone()) == []
