"""Values that cross natively, by themselves and in each other."""

from __future__ import annotations

import math
import mmap
import sys
import threading
from array import array
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesha import _native
from tests.runtime.crossing import call, cross, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

Point = namedtuple("Point", "x y")  # noqa: PYI024 - both kinds of named tuples cross


class Colour(Enum):
    """Goes by pickle."""

    RED = 1


@dataclass
class Box:
    """A dataclass, which goes by pickle."""

    content: Any


class OddList(list):  # type: ignore[type-arg]
    """Refuses to be iterated over."""

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("an odd list")


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs"]))
    | st.binary()
    | st.just(...)
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
)
keys = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner),
    max_leaves=5,
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner)
        | st.sets(keys)
        | st.frozensets(keys)
        | st.binary().map(bytearray)
        | st.builds(slice, inner, inner, inner)
        | st.builds(Box, inner)
    ),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equal, with the same types throughout (True is not 1, nor 1.0)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, Box):
        return same(left.content, right.content)
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@settings(max_examples=300, deadline=None)
@given(values)
def test_nested_values_arrive_equal_and_of_the_same_types(value: Any) -> None:
    """Any nesting of plain values arrives as it was."""
    assert same(cross(value), value)


@settings(max_examples=100, deadline=None)
@given(st.lists(values, max_size=3), st.dictionaries(st.text(), values, max_size=3))
def test_arguments_arrive_as_they_were_given(args: list[Any], kwargs: dict[str, Any]) -> None:
    """A function receives its arguments, by position and by name."""
    assert same(call(_arguments, *args, **kwargs), (tuple(args), kwargs))


def _arguments(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1,
        2**63,
        -(2**63),
        -(2**63) - 1,
        2**64,
        -(2**64),
        255 << 200,
        -(128 << 200),
        "é" * 100,
        "€" * 100,
        "😀" * 100,
        "\ud800",
        "\0",
        bytes(range(256)) * 1000,
        -0.0,
        math.inf,
        (),
        frozenset(),
        Point(1, [2]),
        Colour.RED,
        Decimal("1.5"),
        Path("a/b"),
        OrderedDict(a=1),
        array("d", [1.0, 2.0]),
        int,
        len,
        math,
    ],
)
def test_a_value_arrives_as_it_was(value: Any) -> None:
    """Edges of the native types, and types that go by pickle."""
    arrived = cross(value)
    assert arrived == value
    assert type(arrived) is type(value)


def test_nan_arrives_as_nan() -> None:
    """The one value that does not equal itself."""
    assert math.isnan(cross(math.nan))


def test_one_list_in_two_places_arrives_as_one_list() -> None:
    """Sharing is kept natively, through pickles and between both."""
    shared: list[int] = [1]
    for value in ([shared, shared], (shared, {"x": shared}), [Box(shared), shared]):
        arrived: Any = cross(value)
        first = arrived[0].content if isinstance(arrived[0], Box) else arrived[0]
        second = arrived[1]["x"] if isinstance(arrived[1], dict) else arrived[1]
        assert first is second


def test_arguments_share_what_they_shared() -> None:
    """A list that is given twice is one list to the function."""
    shared = [1]
    assert call(_is_one, shared, shared)
    assert call(_is_one, shared, other=shared)
    assert not call(_is_one, [1], [1])


def _is_one(first: object, other: object) -> bool:
    return first is other


def test_many_shared_objects_keep_their_identities() -> None:
    """The memo works beyond the size at which it is searched from end to end."""
    shared = [[i] for i in range(100)]
    arrived = cross([shared, shared[::-1]])
    assert all(a is b for a, b in zip(arrived[0], arrived[1][::-1], strict=True))


def test_containers_that_contain_themselves_arrive() -> None:
    """A list in itself, a dict in itself, a tuple in its own list."""
    own: list[Any] = [1]
    own.append(own)
    assert cross(own)[1] is not own
    arrived = cross(own)
    assert arrived[1] is arrived
    table: dict[str, Any] = {}
    table["self"] = table
    arrived_table = cross(table)
    assert arrived_table["self"] is arrived_table
    inner: list[Any] = []
    pair = (inner,)
    inner.append(pair)
    arrived_pair = cross(pair)
    assert arrived_pair[0][0] is arrived_pair


def test_a_tower_of_shared_tuples_does_not_grow_exponentially() -> None:
    """Tuples are remembered too: 2**60 leaves take 60 steps."""
    tower: Any = ()
    for _ in range(60):
        tower = (tower, tower)
    message = _native.encode_value(tower)
    assert message.size < 10_000
    _native.decode(message)


def test_too_deep_a_nesting_is_a_recursion_error() -> None:
    """Neither side runs out of stack."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        cross(deep)
    while deep:  # or its deallocation would be as deep
        deep = deep.pop()


def test_subclasses_with_odd_iteration_go_by_pickle_and_fail_there() -> None:
    """What a subclass does when it is asked for its items is an error of the send."""
    with pytest.raises(TypeError, match=r"^value: cannot send .*OddList.*an odd list"):
        cross(OddList([1]))


@pytest.mark.parametrize("mutable", [{}, [], set()])
def test_a_container_that_changes_while_it_is_sent_is_an_error(mutable: Any) -> None:
    """Foreign code that runs during the encoding may change anything, but break nothing."""

    class Changes:
        def __dlpack__(self, **_: Any) -> Any:
            (mutable.clear if mutable else mutable.append)()
            raise BufferError

        def __reduce__(self) -> Any:
            return int, ()

    item = Changes()
    if isinstance(mutable, dict):
        mutable.update({item: 1, "b": 2, "c": 3})
    elif isinstance(mutable, set):
        mutable.update([item, "b", "c"])
    else:
        mutable.extend([item, "b", "c"])
    try:
        cross(mutable)
    except (RuntimeError, TypeError) as error:
        assert "changed size" in str(error)  # noqa: PT017 - a set or list may also be sent as it is by then
    assert not mutable


def test_other_threads_may_change_what_is_sent() -> None:
    """A dict, list and set that others change all the time: an error or some state of them."""
    shared: dict[Any, Any] = {}
    done = threading.Event()

    def change() -> None:
        i = 0
        while not done.is_set():
            shared[i % 97] = [i]
            shared.pop((i * 31) % 97, None)
            i += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2000):
            try:
                cross([shared, Box(1)])
            except (RuntimeError, TypeError) as error:
                assert "changed size" in str(error)  # noqa: PT017 - either way is right
    finally:
        done.set()
        thread.join()


def test_memoryviews_share_their_memory() -> None:
    """Format, shape and writability arrive, and no byte is copied."""
    memory = bytearray(range(24))
    view = memoryview(memory).cast("I", (2, 3))
    arrived = cross(view)
    assert (arrived.format, arrived.shape, arrived.readonly) == ("I", (2, 3), False)
    assert arrived.tolist() == view.tolist()
    memory[0] = 99
    assert arrived[0, 0] & 0xFF == 99
    backwards = cross(memoryview(bytes(range(10)))[::-3])
    assert bytes(backwards) == bytes(range(10))[::-3]
    assert backwards.readonly
    assert cross(memoryview(b"")).tobytes() == b""


def test_lent_memory_keeps_its_owner_from_resizing() -> None:
    """A bytearray whose view is lent can't move until the view is gone."""
    memory = bytearray(8)
    arrived = cross(memoryview(memory))
    with pytest.raises(BufferError):
        memory.append(1)
    arrived.release()
    del arrived
    settle()
    memory.append(1)


def test_mmaps_and_pickle_buffers_arrive_as_memoryviews() -> None:
    """Both lend their memory."""
    with mmap.mmap(-1, 4096) as mapping:
        arrived = cross(mapping)
        arrived[5] = 7
        assert mapping[5] == 7
        del arrived
        settle()
    assert bytes(cross(PickleBuffer(b"abc"))) == b"abc"
    assert bytes(cross(Box(PickleBuffer(b"abc"))).content) == b"abc"


def test_bytes_and_bytearrays_are_copies() -> None:
    """What the receiver owns does not change with what was sent."""
    memory = bytearray(b"abc")
    arrived = cross(memory)
    memory[0] = 0
    assert arrived == b"abc"
    large = bytes(1 << 20)
    assert cross(large) is not large
    assert settle() == 0


def test_a_released_memoryview_is_a_value_error() -> None:
    """There is nothing to lend any more."""
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released"):
        cross(view)


def test_reference_counts_are_as_before() -> None:
    """Encoding, decoding and failing leave no reference behind."""
    tracked = object()
    items: list[Any] = [[1], "x" * 100, (1, [2]), {"k": [3]}, b"y" * 100]
    before = [sys.getrefcount(item) for item in items]
    for _ in range(100):
        cross(items)
        call(_arguments, *items)
        with pytest.raises(TypeError):
            cross([*items, (i for i in [1])])
    assert settle() == 0
    assert [sys.getrefcount(item) for item in items] == before
    count = sys.getrefcount(tracked)
    for _ in range(100):
        with pytest.raises(TypeError):
            _native.encode_value([memoryview(b"abc"), tracked, sys._getframe()])
    assert settle() == 0
    assert sys.getrefcount(tracked) == count


def test_a_message_is_decoded_once() -> None:
    """A second time is an error, and a call is not a value."""
    message = _native.encode_value(1)
    assert _native.decode(message) == 1
    with pytest.raises(ValueError, match="before"):
        _native.decode(message)
    with pytest.raises(ValueError, match="served"):
        _native.decode(_native.encode_call(len, ()))
    with pytest.raises(ValueError, match="only a call"):
        _native.serve(_native.encode_value(1))
    with pytest.raises(TypeError):
        _native.decode(1)  # type: ignore[arg-type]


def test_a_message_that_is_never_decoded_gives_its_leases_back() -> None:
    """A cancelled call lends nothing."""
    message = _native.encode_value(memoryview(bytearray(8)))
    assert _native.live_leases() >= 1
    del message
    assert settle() == 0
