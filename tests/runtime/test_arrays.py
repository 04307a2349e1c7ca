"""numpy's arrays: no copy, and every kind of them."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from sesha import Tensor
from tests.runtime.crossing import call, cross, lent, settle

pytestmark = pytest.mark.usefixtures("nothing_lent_at_the_end")


def equal(left: Any, right: Any) -> bool:
    """Equal in type, dtype, shape and items, with NaN and NaT equal to themselves."""
    return (
        type(left) is type(right)
        and left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


def views(array: Any) -> Any:
    """Strategy: basic indexing of an array, with negative and missing steps."""
    return hnp.basic_indices(array.shape, allow_newaxis=True, allow_ellipsis=True).map(
        lambda index: np.asarray(array[index])
    )


dtypes = (
    hnp.scalar_dtypes()
    | hnp.byte_string_dtypes()
    | hnp.unicode_string_dtypes()
    | hnp.array_dtypes(allow_subarrays=False)
)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0, max_side=5)).flatmap(views))
def test_any_view_of_any_dtype_arrives_equal_and_shares_its_memory(array: Any) -> None:
    """Strides of both signs, zero sizes, no dimensions, both byte orders, records."""
    arrived = cross(array)
    assert equal(arrived, array)
    assert arrived.flags.writeable == array.flags.writeable
    if array.size:
        assert np.shares_memory(arrived, array)
        assert arrived.strides == array.strides or 1 in array.shape


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), "f4"),
        np.array(5, "i8"),
        np.array([1, 2], "datetime64[ms]"),
        np.array([1, 2], "timedelta64[D]"),
        np.array([True, False]),
        np.array([1 + 2j], "c8"),
        np.arange(6, dtype=">i4").reshape(2, 3).T,
        np.broadcast_to(np.arange(3), (4, 3)),
        np.zeros(2, [("a", "f4"), ("b", "M8[s]"), ("c", "i2", (2, 2))]),
        np.array(["a", "bcd"]),
        np.array(["a", None], dtype=object),
        np.array(["a", "bcd" * 100], dtype=np.dtypes.StringDType()),
        np.array([1.5], "f2"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_arrives_equal(array: Any) -> None:
    """One of each kind, also inside something that is pickled."""
    for arrived in (cross(array), cross({"x": [array]})["x"][0], cross((Path(), array))[1]):
        assert type(arrived) is np.ndarray
        assert arrived.dtype == array.dtype
        np.testing.assert_array_equal(arrived, array)


def test_writes_are_seen_on_both_sides() -> None:
    """The memory is one."""
    array = np.zeros((4, 4))
    arrived = cross(array[1:, ::-2])
    arrived[0, 0] = 7
    assert array[1, 3] == 7
    array[3, 1] = 8
    assert arrived[2, 1] == 8


def test_read_only_stays_read_only() -> None:
    """With items and without, natively and inside a pickle."""
    for array in (np.zeros(3), np.zeros(0)):
        array.flags.writeable = False
        assert not cross(array).flags.writeable
        pair: Any = cross((Path(), array))
        assert not pair[1].flags.writeable


def test_an_array_outlives_its_sender() -> None:
    """The lease keeps the owner alive, and dropping the last view frees it."""
    array = np.arange(1000.0)
    arrived = cross(array)
    del array
    assert arrived.sum() == 499500
    part = arrived[10:20]
    del arrived
    settle()
    assert part[0] == 10
    assert lent() == 1


def test_one_array_twice_arrives_as_one_array() -> None:
    """Natively and inside a pickle; views of one memory go on sharing it."""
    array = np.arange(4)
    first, second = cross([array, array])
    assert first is second
    _, first, second = cross((Path(), array, array))
    assert first is second
    whole, part = cross([array, array[1:]])
    part[0] = 9
    assert whole[1] == 9


def test_going_to_and_fro_builds_no_chain_of_leases() -> None:
    """What comes home is lent with the lease that it came with."""
    array = np.zeros(64)
    travelling = array
    for _ in range(1000):
        travelling = call(_identity, travelling)
    assert lent() == 1
    travelling[0] = 1
    assert array[0] == 1


def _identity(value: Any) -> Any:
    return value


def test_huge_arrays_are_neither_copied_nor_read() -> None:
    """A gigabyte of zero pages that nobody has touched stays untouched."""
    array = np.empty(1 << 27)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        arrived = call(_identity, array)
    assert arrived.ctypes.data == array.ctypes.data
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_memory_mapped_arrays_cross_without_a_copy(tmp_path: Path) -> None:
    """A memmap arrives as an array over the same mapping."""
    mapped = np.memmap(tmp_path / "data", "f4", "w+", shape=(1000,))
    arrived = cross(mapped)
    arrived[3] = 5
    assert mapped[3] == 5
    assert np.shares_memory(arrived, mapped)
    readonly = np.memmap(tmp_path / "data", "f4", "r")
    assert not cross(readonly).flags.writeable
    del arrived, mapped, readonly


def test_subclasses_arrive_as_themselves() -> None:
    """Masked arrays, matrices and records go by pickle."""
    masked = np.ma.masked_array([1, 2, 3], [False, True, False])
    arrived = cross(masked)
    assert type(arrived) is np.ma.MaskedArray
    assert arrived.mask.tolist() == [False, True, False]
    record = cross(np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
    assert type(record) is np.rec.recarray
    assert record.a[0] == 1


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(1.5),
        np.float64(-0.0),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool(True),
        np.complex64(1 + 2j),
        np.longdouble(1) / 3,
        np.datetime64("2020-01-01"),
        np.str_("abc"),
        np.bytes_(b"abc"),
        np.void(b"abc"),
    ],
    ids=lambda scalar: type(scalar).__name__,
)
def test_scalars_keep_their_types(scalar: Any) -> None:
    """A numpy scalar arrives as the same scalar."""
    arrived = cross(scalar)
    assert type(arrived) is type(scalar)
    assert arrived == scalar


class Exporter:
    """An array of a library that speaks DLPack and has no from_dlpack."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class OldExporter(Exporter):
    """One from before DLPack 1.0, which takes no version."""

    def __dlpack__(self, stream: Any = None) -> Any:  # type: ignore[override]
        return self.array.__dlpack__(stream=stream)


class NamespacedExporter(Exporter):
    """One that names the namespace that makes its kind."""

    def __array_namespace__(self) -> Any:
        return np


@pytest.mark.parametrize("kind", [Exporter, OldExporter])
def test_what_speaks_dlpack_arrives_as_a_tensor(kind: type[Exporter]) -> None:
    """A sesha.Tensor speaks DLPack and the buffer protocol, and can be sent on."""
    array = np.arange(6, dtype="f4").reshape(2, 3)[:, ::2]
    arrived: Any = cross(kind(array))
    for tensor in (arrived, cross(arrived), cross([Path(), arrived])[1]):
        assert type(tensor) is Tensor
        assert (tensor.shape, tensor.dtype, tensor.device) == ((2, 2), "float32", (1, 0))
        assert tensor.strides == (3, 2)
        assert not tensor.readonly
        assert np.shares_memory(np.from_dlpack(tensor), array)
        assert np.shares_memory(np.asarray(tensor), array)
        assert memoryview(tensor).tolist() == array.tolist()
    assert "(2, 2)" in repr(arrived)


def test_a_read_only_tensor_stays_read_only() -> None:
    """DLPack before 1.0 can't say so, and is refused."""
    array = np.arange(3)
    array.flags.writeable = False
    arrived: Any = cross(Exporter(array))
    assert arrived.readonly
    assert not np.from_dlpack(arrived).flags.writeable
    assert memoryview(arrived).readonly
    with pytest.raises(BufferError, match="read-only"):
        arrived.__dlpack__()
    with pytest.raises(BufferError, match="copies"):
        arrived.__dlpack__(copy=True)
    with pytest.raises(BufferError, match="device"):
        arrived.__dlpack__(dl_device=(2, 0))


def test_arrays_that_name_their_namespace_arrive_as_its_own() -> None:
    """``__array_namespace__`` tells whose ``from_dlpack`` makes the type."""
    array = np.arange(3)
    arrived: Any = cross(NamespacedExporter(array))
    assert type(arrived) is np.ndarray


def test_an_unused_capsule_gives_its_memory_back() -> None:
    """A capsule that nobody consumed frees its tensor."""
    arrived: Any = cross(Exporter(np.arange(3)))
    arrived.__dlpack__()
    arrived.__dlpack__(max_version=(1, 0))


def test_a_hundred_thousand_round_trips_leave_nothing_behind() -> None:
    """Memory and leases are as before."""
    array = np.zeros((1, 128), "f4")

    def rounds(count: int) -> int:
        for _ in range(count):
            call(_identity, array)
            call(_identity, array.copy())
        settle()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = rounds(5_000)
    assert rounds(50_000) - before < 8 * 1024  # KiB
