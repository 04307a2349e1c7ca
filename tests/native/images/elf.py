"""A reader of 64-bit little-endian shared objects that shares nothing with the one under test.

Works from program headers and the dynamic section alone, since images have no section headers.
"""

from __future__ import annotations

import mmap
import struct
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

PT_LOAD, PT_DYNAMIC, PT_NOTE, PT_PHDR, PT_TLS = 1, 2, 4, 6, 7
PT_GNU_PROPERTY = 0x6474E553
PF_X, PF_W = 1, 2
DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_STRSZ = 1, 4, 5, 6, 7, 8, 10
DT_INIT, DT_FINI, DT_SONAME, DT_RPATH, DT_PLTRELSZ, DT_TEXTREL, DT_JMPREL = (
    12,
    13,
    14,
    15,
    2,
    22,
    23,
)
DT_INIT_ARRAY, DT_FINI_ARRAY, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_RUNPATH = 25, 26, 27, 28, 29
DT_FLAGS, DT_RELRSZ, DT_RELR = 30, 35, 36
DT_GNU_HASH, DT_VERSYM, DT_FLAGS_1 = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFB
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = (
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
)
DF_TEXTREL = 4
STB_LOCAL, STB_GLOBAL, STB_GNU_UNIQUE = 0, 1, 10
STT_GNU_IFUNC = 10
R_IRELATIVE = {62: 37, 183: 1032}  # by e_machine

SYMBOL = np.dtype(
    [
        ("name", "<u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)
RELOCATION = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])


class Segment(NamedTuple):
    """One program header."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    alignment: int


class Elf:
    """A shared object's contents: `data` is the whole file."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data = data
        self.bytes = np.frombuffer(data, dtype=np.uint8)
        self.machine = struct.unpack_from("<H", data, 18)[0]
        (offset,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        self.header_offset, self.header_size = offset, size * count
        self.segments = []
        for index in range(count):
            kind, flags, *rest = struct.unpack_from("<IIQQQQQQ", data, offset + index * size)
            self.segments.append(Segment(kind, flags, *rest))
        self.loads = [segment for segment in self.segments if segment.type == PT_LOAD]
        (dynamic,) = [segment for segment in self.segments if segment.type == PT_DYNAMIC]
        self.dynamic: list[tuple[int, int]] = []
        for tag, value in struct.iter_unpack("<qQ", self.read(dynamic.address, dynamic.file_size)):
            if tag == 0:
                break
            self.dynamic.append((tag, value))

    @classmethod
    def open(cls, path: str | Path) -> Elf:
        with Path(path).open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def offset(self, address: int) -> int:
        for load in self.loads:
            if load.address <= address < load.address + load.file_size:
                return address - load.address + load.offset
        raise ValueError(f"address {address:#x} is not in the file")

    def read(self, address: int, size: int) -> bytes:
        offset = self.offset(address)
        return self.data[offset : offset + size]

    def all(self, tag: int) -> list[int]:
        return [value for key, value in self.dynamic if key == tag]

    def entry(self, tag: int) -> int | None:
        return next(iter(self.all(tag)), None)

    @cached_property
    def strings(self) -> bytes:
        address, size = self.entry(DT_STRTAB), self.entry(DT_STRSZ)
        return b"" if address is None or size is None else self.read(address, size)

    def string(self, offset: int) -> str:
        return self.strings[offset : self.strings.index(b"\0", offset)].decode(
            "utf-8", "surrogateescape"
        )

    def names(self, tag: int) -> list[str]:
        return [self.string(value) for value in self.all(tag)]

    def table(self, address_tag: int, size_tag: int) -> bytes:
        address, size = self.entry(address_tag), self.entry(size_tag)
        return self.read(address, size) if address is not None and size else b""

    @cached_property
    def relocations(self) -> npt.NDArray[Any]:
        both = self.table(DT_RELA, DT_RELASZ) + self.table(DT_JMPREL, DT_PLTRELSZ)
        return np.frombuffer(both, dtype=RELOCATION)

    @cached_property
    def gnu_hash(self) -> tuple[int, npt.NDArray[Any], npt.NDArray[Any], int, int] | None:
        """First hashed symbol, filter words, buckets, shift and the address of the chains."""
        address = self.entry(DT_GNU_HASH)
        if address is None:
            return None
        buckets, first, words, shift = struct.unpack("<IIII", self.read(address, 16))
        filters = np.frombuffer(self.read(address + 16, words * 8), dtype="<u8")
        table = np.frombuffer(self.read(address + 16 + words * 8, buckets * 4), dtype="<u4")
        return first, filters, table, shift, address + 16 + words * 8 + buckets * 4

    @cached_property
    def hashed_symbols(self) -> range:
        """The symbols that the GNU table leads to."""
        if self.gnu_hash is None:
            return range(0)
        first, _, buckets, _, chains = self.gnu_hash
        last = int(buckets.max(initial=0))
        if last < first:
            return range(first, first)
        while not self.read(chains + 4 * (last - first), 1)[0] & 1:
            last += 1
        return range(first, last + 1)

    @cached_property
    def symbol_count(self) -> int:
        count = max(1, self.hashed_symbols.stop)
        if (address := self.entry(DT_HASH)) is not None:
            count = max(count, struct.unpack("<II", self.read(address, 8))[1])
        if len(self.relocations):
            count = max(count, int((self.relocations["info"] >> 32).max()) + 1)
        return count

    @cached_property
    def symbols(self) -> npt.NDArray[Any]:
        address = self.entry(DT_SYMTAB)
        if address is None:
            return np.zeros(0, SYMBOL)
        return np.frombuffer(self.read(address, self.symbol_count * SYMBOL.itemsize), dtype=SYMBOL)

    @cached_property
    def symbol_names(self) -> list[str]:
        return [self.string(offset) for offset in self.symbols["name"].tolist()]

    def needed_versions(self) -> Iterator[tuple[str, int, str, int]]:
        """Yield library, version index, version and flags."""
        at = self.entry(DT_VERNEED)
        for _ in range(self.entry(DT_VERNEEDNUM) or 0):
            assert at is not None
            _, count, library, auxiliary, following = struct.unpack("<HHIII", self.read(at, 16))
            place = at + auxiliary
            for _ in range(count):
                _, flags, index, name, step = struct.unpack("<IHHII", self.read(place, 16))
                yield self.string(library), index & 0x7FFF, self.string(name), flags
                place += step
            at += following

    def defined_versions(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield version index, flags and the names: its own, then those that it inherits."""
        at = self.entry(DT_VERDEF)
        for _ in range(self.entry(DT_VERDEFNUM) or 0):
            assert at is not None
            _, flags, index, count, _, auxiliary, following = struct.unpack(
                "<HHHHIII", self.read(at, 20)
            )
            place, names = at + auxiliary, []
            for _ in range(count):
                name, step = struct.unpack("<II", self.read(place, 8))
                names.append(self.string(name))
                place += step
            yield index, flags, names
            at += following

    @cached_property
    def version_indices(self) -> npt.NDArray[Any] | None:
        address = self.entry(DT_VERSYM)
        if address is None:
            return None
        return np.frombuffer(self.read(address, self.symbol_count * 2), dtype="<u2")

    def needs_code_while_loading(self) -> bool:
        """Whether the loader runs this object's code or writes into it."""
        ifunc = (self.symbols["info"] & 15 == STT_GNU_IFUNC) & (self.symbols["section"] != 0)
        irelative = (self.relocations["info"] & 0xFFFFFFFF) == R_IRELATIVE[self.machine]
        text = self.entry(DT_TEXTREL) is not None or (self.entry(DT_FLAGS) or 0) & DF_TEXTREL
        return bool(ifunc.any() or irelative.any() or text)


def gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def sysv_hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value >> 24 & 0xF0)) & 0x0FFFFFFF
    return value
