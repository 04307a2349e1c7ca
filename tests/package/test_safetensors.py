import json
import struct
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors import deserialize as _deserialize

from sesha.package import safetensors
from sesha.package.errors import TensorsError

Files = list[tuple[str, dict[str, Any]]]


def deserialize(file: bytes) -> Files:
    return cast("Files", _deserialize(file))  # type: ignore[no-untyped-call]


ENTRIES = {
    "a": safetensors.Entry("F32", (2, 3), 0, 24),
    "scalar": safetensors.Entry("I64", (), 24, 32),
    "none": safetensors.Entry("F16", (0, 5), 32, 32),
    "bytes": safetensors.Entry("U8", (3,), 32, 35),
}
DATA = bytes(range(35))


def test_the_library_reads_what_is_built() -> None:
    """The safetensors library sees the same names, dtypes, shapes and bytes."""
    file = safetensors.build(ENTRIES, {"format": "np"}) + DATA
    read = {
        name: (t["dtype"], tuple(t["shape"]), bytes(t["data"])) for name, t in deserialize(file)
    }
    assert read == {
        name: (entry.dtype, entry.shape, DATA[entry.begin : entry.end])
        for name, entry in ENTRIES.items()
    }


def test_a_header_comes_back_as_it_was() -> None:
    """Parsing what was built gives the same entries, and data that starts on a page."""
    file = safetensors.build(ENTRIES, {"k": "v"}) + DATA
    header = safetensors.parse(file, "x")
    assert (header.entries, header.metadata) == (ENTRIES, {"k": "v"})
    assert header.data_start % safetensors.PAGE == 0
    assert file[header.data_start :] == DATA


def raw(document: object, data: bytes = b"", length: int | None = None) -> bytes:
    header = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype: str = "U8", shape: object = (4,), offsets: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


BAD = {
    "nothing": b"",
    "no header": b"\0" * 7,
    "header beyond the file": raw({}, length=100),
    "header beyond memory": raw({}, length=(1 << 64) - 1),
    "not JSON": raw(b"{x}"),
    "not an object": raw([]),
    "a tensor twice": raw(b'{"a":{},"a":{}}'),
    "metadata not strings": raw({"__metadata__": {"a": 1}}),
    "metadata no object": raw({"__metadata__": []}),
    "a key too many": raw({"a": {**tensor(), "x": 1}}, bytes(4)),
    "unknown dtype": raw({"a": tensor("OBJ")}, bytes(4)),
    "negative shape": raw({"a": tensor(shape=(-4,))}, bytes(4)),
    "shape of booleans": raw({"a": tensor(shape=(True, 4))}, bytes(4)),
    "float offsets": raw({"a": tensor(offsets=(0, 4.0))}, bytes(4)),
    "huge shape": raw({"a": tensor(shape=(1 << 61, 1 << 61), offsets=(0, 4))}, bytes(4)),
    "too many dimensions": raw({"a": tensor(shape=(1,) * 65, offsets=(0, 1))}, bytes(1)),
    "size is not the shape's": raw({"a": tensor(offsets=(0, 3))}, bytes(3)),
    "end before begin": raw({"a": tensor(offsets=(4, 0))}, bytes(4)),
    "offsets beyond the file": raw({"a": tensor()}, bytes(3)),
    "bytes left over": raw({"a": tensor()}, bytes(5)),
    "gap": raw({"a": tensor(offsets=(1, 5))}, bytes(5)),
    "overlap": raw({"a": tensor(), "b": tensor(offsets=(2, 6))}, bytes(6)),
    "same bytes twice": raw({"a": tensor(), "b": tensor()}, bytes(4)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_header_is_a_named_error(name: str) -> None:
    """A header that does not fit its file is a TensorsError that names the file."""
    with pytest.raises(TensorsError, match=r"^weights:"):
        safetensors.parse(BAD[name], "weights")


@given(st.data())
def test_what_the_library_refuses_is_refused(data: st.DataObject) -> None:
    """With any byte changed, a header is refused here if the library refuses it."""
    file = bytearray(safetensors.build(ENTRIES, {}) + DATA)
    file[data.draw(st.integers(0, 320))] = data.draw(st.integers(0, 255))
    try:
        header = safetensors.parse(file, "x")
    except TensorsError:
        return
    try:
        read = {name: tuple(t["shape"]) for name, t in deserialize(bytes(file))}
    except SafetensorError as error:
        pytest.fail(f"accepted what the library refuses: {error}")
    assert read == {name: entry.shape for name, entry in header.entries.items()}


@given(st.lists(st.integers(0, 10_000)))
def test_blocks_lie_without_gaps_each_as_aligned_as_its_size(sizes: list[int]) -> None:
    """Each block starts at a multiple of the power of 2 that divides its size, and none is lost."""
    layout = safetensors.laid_out((str(number), size) for number, size in enumerate(sizes))
    position = 0
    for name, begin, end in layout:
        assert begin == position
        assert end - begin == sizes[int(name)]
        assert begin % safetensors.alignment(end - begin) == 0
        position = end
    assert sorted(int(name) for name, _, _ in layout) == list(range(len(sizes)))
