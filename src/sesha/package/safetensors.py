"""The header of a safetensors file: what it holds and where.

Format: <https://github.com/huggingface/safetensors>, section "Format". A file is the length of the
header (8 bytes, little-endian), the header (a JSON object, padded with spaces), and the data. The
header gives each tensor's dtype, shape and the place of its bytes in the data; the tensors fill the
data without a gap or an overlap. Here the header is padded so that the data starts at a multiple of
`PAGE` bytes. Needs neither torch nor numpy.
"""

import dataclasses
import math
import struct
from collections.abc import Iterable, Mapping
from typing import cast

from sesha.package import canonical
from sesha.package.canonical import Json
from sesha.package.errors import PackError, TensorsError

PAGE = 4096
# The library's own limit.
MAX_HEADER = 100_000_000
MAX_DIMENSIONS = 64
METADATA = "__metadata__"

_LENGTH = struct.Struct("<Q")

# Bits of an element of each dtype.
DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the file: bytes `begin` to `end` of the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """A file's tensors by name, its metadata, and the byte of the file at which the data starts."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    data_start: int


def build(entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> bytes:
    """Length and header, padded to whole pages, for tensors that fill the data.

    Raises:
        PackError: The header would be larger than other readers take (100 MB).
    """
    document: dict[str, Json] = {
        name: {
            "dtype": entry.dtype,
            "shape": [*entry.shape],
            "data_offsets": [entry.begin, entry.end],
        }
        for name, entry in entries.items()
    }
    document[METADATA] = dict(metadata)
    encoded = canonical.encode(document)
    padding = -(_LENGTH.size + len(encoded)) % PAGE
    length = len(encoded) + padding
    if length > MAX_HEADER:
        raise PackError(
            f"the tensors of one pickle need a safetensors header of {length} bytes, where readers "
            f"take {MAX_HEADER}; save the object in several parts"
        )
    return _LENGTH.pack(length) + encoded + b" " * padding


def parse(file: bytes | bytearray | memoryview, where: str) -> Header:
    """Reads and checks the header of a whole file.

    Args:
        file: The file's bytes; only the header is touched.
        where: The file's name, for messages.

    Raises:
        TensorsError: It is no safetensors file, or its header does not fit the file.
    """
    size = memoryview(file).nbytes
    if size < _LENGTH.size:
        raise TensorsError(f"{where}: it is too short for a safetensors file")
    (length,) = _LENGTH.unpack_from(file)
    if length > min(MAX_HEADER, size - _LENGTH.size):
        raise TensorsError(
            f"{where}: the header is declared as {length} bytes, in a file of {size} bytes "
            f"(at most {MAX_HEADER} are allowed)"
        )
    start = _LENGTH.size + length
    try:
        document = canonical.decode_any_spelling(bytes(file[_LENGTH.size : start]))
    except canonical.NotCanonicalError as error:
        raise TensorsError(f"{where}: the header is damaged: {error}") from error
    if not isinstance(document, dict):
        raise TensorsError(f"{where}: the header is not a JSON object")
    metadata = _metadata(document.pop(METADATA, {}), where)
    entries = {name: _entry(name, value, where) for name, value in document.items()}
    _check_tiling(entries, size - start, where)
    return Header(entries, metadata, start)


def _metadata(value: Json, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise TensorsError(f"{where}: the metadata is not an object of strings")
    return cast("dict[str, str]", value)


def _entry(name: str, value: Json, where: str) -> Entry:
    shown = f"{where}: the tensor {name[:100]!a}"
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise TensorsError(f"{shown} is not described by dtype, shape and data_offsets alone")
    dtype = value["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise TensorsError(f"{shown} has an unknown dtype")
    shape = sizes(value["shape"])
    offsets = sizes(value["data_offsets"])
    if shape is None or len(shape) > MAX_DIMENSIONS or offsets is None or len(offsets) != 2:  # noqa: PLR2004
        raise TensorsError(f"{shown} has a shape or offsets that are not sizes")
    begin, end = offsets
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    if (end - begin) * 8 != bits:
        raise TensorsError(
            f"{shown} has {end - begin} bytes, where its shape and dtype need {bits / 8:g}"
        )
    return Entry(dtype, shape, begin, end)


def sizes(value: Json) -> tuple[int, ...] | None:
    """`value` as a tuple of sizes below 2**62, or None if it is not a list of such."""
    if not isinstance(value, list):
        return None
    if not all(type(item) is int and 0 <= item < 1 << 62 for item in value):
        return None
    return cast("tuple[int, ...]", tuple(value))


def _check_tiling(entries: Mapping[str, Entry], size: int, where: str) -> None:
    position = 0
    for begin, end, name in sorted((entry.begin, entry.end, n) for n, entry in entries.items()):
        if begin != position:
            what = "overlaps another" if begin < position else "leaves a gap before it"
            raise TensorsError(f"{where}: the tensor {name[:100]!a} {what}, at byte {begin}")
        position = end
    if position != size:
        raise TensorsError(
            f"{where}: the tensors take {position} bytes, where the file has {size} for them"
        )


def alignment(size: int) -> int:
    """The largest power of 2, up to a page, that divides `size`."""
    return min(size & -size, PAGE) if size else PAGE


def laid_out(sizes_: Iterable[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """An order without gaps in which each block is as aligned as its own size.

    Blocks whose size has the larger power of 2 as a factor go first, otherwise the order is kept;
    so each starts at a multiple of the largest power of 2, up to a page, that divides its size. An
    array's size is a multiple of its elements', hence none needs padding, which safetensors lacks.

    Returns:
        Name, first byte and end of each.
    """
    result = []
    position = 0
    for name, size in sorted(sizes_, key=lambda block: -alignment(block[1])):
        result.append((name, position, position + size))
        position += size
    return result
