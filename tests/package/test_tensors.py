"""`TensorWriter` and `TensorReader` together, for arrays of numpy."""

import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors import safe_open

from sesha.package import canonical, safetensors
from sesha.package.container import Container
from sesha.package.errors import FormatError, MemberMissingError, TensorsError
from sesha.package.manifest import Manifest
from sesha.package.tensor_reader import TensorReader
from sesha.package.tensor_writer import VIEWS, TensorReference, TensorWriter
from sesha.package.writer import ContainerWriter

MEMBER = "m/m.safetensors"


def write(path: Path, *groups: Sequence[Any]) -> list[list[TensorReference]]:
    with ContainerWriter(path) as writer:
        tensors = TensorWriter(writer)
        references = []
        for number, objects in enumerate(groups):
            with tensors.group(f"m/{number}.safetensors") as group:
                references.append([group.add(obj, f"x{i}") for i, obj in enumerate(objects)])
        writer.finish(Manifest("m", "1"))
    return references


def read(path: Path, *groups: Sequence[Any]) -> list[list[Any]]:
    references = write(path, *groups)
    with Container.open(path) as container:
        container.verify()
        reader = TensorReader(container)
        return [[reader.get(reference) for reference in group] for group in references]


def assert_same(one: "np.ndarray[Any, Any]", other: "np.ndarray[Any, Any]") -> None:
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()
    assert one.flags.writeable == other.flags.writeable


BASE = np.arange(24).reshape(2, 3, 4)
ARRAYS: dict[str, Any] = {
    "plain": BASE,
    "transposed": BASE.T,
    "negative strides": BASE[::-1, :, ::-2],
    "slice": BASE[1, 1:],
    "scalar": np.array(5.5),
    "no elements": np.zeros((3, 0, 2)),
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j, 3]),
    "half": np.arange(5, dtype="f2"),
    "big-endian": np.arange(5, dtype=">i4"),
    "dates": np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "zero-size text": np.array(["", ""]).astype("U0"),
    "record": np.array([(1, 2.5)], dtype=[("a", "u1"), ("b", "<f8")]),
    "aligned record": np.zeros(3, np.dtype([("a", "u1"), ("b", "<f8", (2,))], align=True)),
    "bfloat16": np.arange(5).astype(ml_dtypes.bfloat16),
    "float8": np.arange(5).astype(ml_dtypes.float8_e4m3fn),
    "long double": np.arange(3, dtype="g"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    """dtype, shape, order of elements and whether it may be written are kept."""
    ((again,),) = read(tmp_path / "x", [ARRAYS[name]])
    assert_same(again, ARRAYS[name])


def test_all_arrays_fit_into_one_member(tmp_path: Path) -> None:
    """Arrays of every kind beside one another do not disturb each other."""
    (again,) = read(tmp_path / "x", list(ARRAYS.values()))
    for one, other in zip(again, ARRAYS.values(), strict=True):
        assert_same(one, other)
        # numpy makes up an address for an empty array.
        aligned = one.size == 0 or one.ctypes.data % max(one.dtype.alignment, 1) == 0
        assert aligned or not other.flags.aligned


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_array_comes_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any dtype and shape that numpy makes is kept."""
    array = data.draw(npst.arrays(npst.scalar_dtypes() | npst.array_dtypes(), npst.array_shapes()))
    ((again,),) = read(tmp_path_factory.mktemp("x") / "x", [array])
    assert_same(again, array)


def test_a_read_only_array_stays_so(tmp_path: Path) -> None:
    """The flag is kept: writing to such an array is refused after loading as before."""
    array = np.arange(3)
    array.flags.writeable = False
    ((again,),) = read(tmp_path / "x", [array])
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 1


def test_views_share_memory_again(tmp_path: Path) -> None:
    """What is written through one view shows in all others, also of other pickles."""
    base = np.arange(24.0).reshape(4, 6)
    (one, transposed, row), (other,) = read(tmp_path / "x", [base, base.T, base[2]], [base])
    one[2, 3] = 99
    assert transposed[3, 2] == row[3] == other[2, 3] == 99


def test_equal_content_is_stored_once_but_not_shared(tmp_path: Path) -> None:
    """Arrays that are equal but not the same cost their bytes once, and stay apart in memory."""
    for size in (10, 100_000):
        ones = [np.ones(size) for _ in range(5)]
        path = tmp_path / f"{size}"
        first, second = read(path, ones[:3], ones[3:])
        assert path.stat().st_size < 8 * size + 20_000
        first[0][0] = 5
        assert [array[0] for array in (*first, *second)] == [5, 1, 1, 1, 1]


def test_an_array_that_changes_between_pickles_is_stored_again(tmp_path: Path) -> None:
    """Each pickle has the array as it was when that pickle was written."""
    array = np.zeros(1000)
    with ContainerWriter(tmp_path / "x") as writer:
        tensors = TensorWriter(writer)
        references = []
        for step in range(3):
            array[:] = step
            with tensors.group(f"{step}.safetensors") as group:
                references.append(group.add(array, "w"))
        writer.finish(Manifest("m", "1"))
    with Container.open(tmp_path / "x") as container:
        reader = TensorReader(container)
        loaded = [np.asarray(reader.get(reference)) for reference in references]
    assert [array[0] for array in loaded] == [0, 1, 2]


def test_two_readers_share_nothing(tmp_path: Path) -> None:
    """What one importer writes, neither another one nor the file sees."""
    ((reference,),) = write(tmp_path / "x", [np.zeros(5000)])
    before = (tmp_path / "x").read_bytes()
    with Container.open(tmp_path / "x") as container:
        one, other = (np.asarray(TensorReader(container).get(reference)) for _ in range(2))
    one += 1
    assert not other.any()
    assert (tmp_path / "x").read_bytes() == before


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    """A copy of everything, at other addresses, is packed to the same bytes."""
    objects = list(ARRAYS.values())
    write(tmp_path / "one", objects, [BASE])
    junk = [np.ones(n) for n in range(100)]
    copies: list[Any] = pickle.loads(pickle.dumps(objects))
    copies[:4] = [again := BASE.copy(), again.T, again[::-1, :, ::-2], again[1, 1:]]
    # Which numpy's own pickles don't keep as they are.
    for number, name in enumerate(ARRAYS):
        if name in {"no elements", "broadcast", "big-endian"}:
            copies[number] = ARRAYS[name]
    write(tmp_path / "other", copies, [again])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    del junk


def test_the_safetensors_library_opens_a_member(tmp_path: Path) -> None:
    """A third-party reader sees the hints as names, and the arrays."""
    write(tmp_path / "x", [BASE, BASE.astype("f4"), np.array([True])])
    with Container.open(tmp_path / "x") as container:
        (tmp_path / "t.safetensors").write_bytes(container.map("m/0.safetensors"))
    with safe_open(tmp_path / "t.safetensors", "np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    np.testing.assert_equal(found, {"x0": BASE, "x1": BASE.astype("f4"), "x2": np.array([True])})


def test_an_empty_group_writes_no_member(tmp_path: Path) -> None:
    """A pickle without tensors has no safetensors member, nor one that failed."""

    def fail(tensors: TensorWriter) -> None:
        with tensors.group("b.safetensors") as group:
            group.add(BASE)
            raise KeyboardInterrupt

    with ContainerWriter(tmp_path / "x") as writer:
        tensors = TensorWriter(writer)
        with tensors.group("a.safetensors"):
            pass
        with pytest.raises(KeyboardInterrupt):
            fail(tensors)
        assert writer.finish(Manifest("m", "1")).members == ()


def test_threads_may_share_a_reader(tmp_path: Path) -> None:
    """References read by many threads at once give views of the same memory."""
    arrays = [np.full(100, n) for n in range(50)]
    (references,) = write(tmp_path / "x", arrays)
    with Container.open(tmp_path / "x") as container:
        reader = TensorReader(container)
        results: list[list[Any]] = []
        threads = [
            threading.Thread(target=lambda: results.append([reader.get(r) for r in references]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 8
    for row in zip(*results, strict=True):
        assert len({array.ctypes.data for array in row}) == 1


GOOD: list[Any] = ["x0", 0, "<i8", [2, 3, 4], [96, 32, 8], 0, []]


def forged(path: Path, view: Any) -> TensorReader:
    """A package whose one member has `view` as its list of views."""
    header = safetensors.build(
        {"x0": safetensors.Entry("I64", (2, 3, 4), 0, 192)},
        {VIEWS: canonical.encode([view]).decode() if not isinstance(view, str) else view},
    )
    with ContainerWriter(path) as writer:
        writer.add(MEMBER, header + BASE.tobytes(), align=4096)
        writer.finish(Manifest("m", "1"))
    return TensorReader(Container.open(path))


def test_a_forged_view_may_be_sound(tmp_path: Path) -> None:
    """The view that the next test takes apart is sound otherwise."""
    assert_same(np.asarray(forged(tmp_path / "x", GOOD).get((MEMBER, 0))), BASE)


@pytest.mark.parametrize(
    "view",
    [
        "not JSON",
        "{}",
        "[ ]",
        {},
        [],
        GOOD[:-1],
        [*GOOD, 0],
        ["none", *GOOD[1:]],
        [["m/none.safetensors", "x0"], *GOOD[1:]],
        [["manifest.json", "x0"], *GOOD[1:]],
        [[MEMBER], *GOOD[1:]],
        [None, *GOOD[1:]],
        [5, *GOOD[1:]],
        [GOOD[0], -1, *GOOD[2:]],
        [GOOD[0], True, *GOOD[2:]],
        [GOOD[0], 1 << 40, *GOOD[2:]],
        [*GOOD[:2], "|O", *GOOD[3:]],
        pytest.param([*GOOD[:2], "torch.nn", *GOOD[3:]], marks=pytest.mark.torch),
        [*GOOD[:3], [3, 3, 4], *GOOD[4:]],
        [*GOOD[:3], [2, 3, -4], *GOOD[4:]],
        [*GOOD[:3], [2, 3], *GOOD[4:]],
        [*GOOD[:3], [1 << 61, 3, 4], *GOOD[4:]],
        [*GOOD[:3], [1 << 40, 1 << 40, 4], [0, 0, 8], *GOOD[5:]],
        [*GOOD[:3], [1] * 65, [0] * 65, *GOOD[5:]],
        [*GOOD[:4], [96, 32, 9], *GOOD[5:]],
        [*GOOD[:4], [-96, 32, 8], *GOOD[5:]],
        [*GOOD[:4], [1 << 62, 0, 8], *GOOD[5:]],
        [*GOOD[:4], ["96", 32, 8], *GOOD[5:]],
        [*GOOD[:5], 8, []],
        [*GOOD[:5], -8, []],
        [*GOOD[:6], ["writeable"]],
        [*GOOD[:6], "readonly"],
    ],
)
def test_a_forged_view_is_a_named_error(tmp_path: Path, view: Any) -> None:
    """A view that is malformed or reaches beyond its block is a TensorsError."""
    with pytest.raises(TensorsError):
        forged(tmp_path / "x", view).get((MEMBER, 0))


@pytest.mark.parametrize(
    "reference",
    [(MEMBER, 1), (MEMBER, -1), (MEMBER,), MEMBER, (5, 0), None, ("none", 0), ("manifest.json", 0)],
)
def test_a_forged_reference_is_a_named_error(tmp_path: Path, reference: Any) -> None:
    """A reference to what is not there is a TensorsError or names the missing member."""
    with pytest.raises((TensorsError, MemberMissingError)):
        forged(tmp_path / "x", GOOD).get(reference)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_member_never_reaches_beyond_itself(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """With any value of a view changed, reading gives an array within the block or an error."""
    view = list(GOOD)
    place = data.draw(st.integers(1, len(view) - 1))
    number = st.integers(-300, 300) | st.sampled_from([1 << 31, 1 << 61, 1 << 63, -(1 << 61)])
    view[place] = data.draw(number | st.lists(number, max_size=4) | st.sampled_from(["<f4", "|V7"]))
    reader = forged(tmp_path_factory.mktemp("x") / "x", view)
    try:
        array = np.asarray(reader.get((MEMBER, 0)))
    except FormatError:
        return
    assert len(array.tobytes()) == array.nbytes
