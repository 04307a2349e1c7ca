"""Reads of a shared object what the doctor has to know: its machine and what it exports.

Format: System V ABI, chapters 4 and 5 (<https://refspecs.linuxfoundation.org/elf/gabi4+/>). Only
64-bit little-endian files, the ones that sesha runs on; the images are written by the native side,
which has its own reader.
"""

import dataclasses
import enum
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

# e_ident, then type, machine, version, entry, phoff, shoff, flags, ehsize, phentsize, phnum.
_HEADER = struct.Struct("<16sHHIQQQIHHH")
# The fields of `_Segment`.
_SEGMENT = struct.Struct("<IIQQQQQQ")
# tag, value.
_DYNAMIC = struct.Struct("<qQ")


class Machine(enum.IntEnum):
    """`e_machine` of the processors that sesha knows."""

    X86_64 = 62
    AARCH64 = 183


class _Kind(enum.IntEnum):
    LOAD = 1
    DYNAMIC = 2
    TLS = 7


class _Segment(NamedTuple):
    kind: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


class _Tag(enum.IntEnum):
    NULL = 0
    STRTAB = 5
    STRSZ = 10
    FLAGS = 30


_STATIC_TLS = 0x10  # DF_STATIC_TLS of DT_FLAGS


class ElfError(ValueError):
    """The file is not a whole 64-bit little-endian shared object."""


@dataclasses.dataclass(frozen=True, slots=True)
class SharedObject:
    """What a shared object says about itself.

    Attributes:
        machine: `e_machine`; see `Machine`.
        names: The dynamic string table, raw: every exported and imported name between zero bytes.
        static_tls: Bytes that each copy takes from the loader's small fixed room for thread-local
            variables; 0 unless the file asks for that model (DF_STATIC_TLS).
    """

    machine: int
    names: bytes
    static_tls: int

    def mentions(self, name: str) -> bool:
        """Whether it exports or imports the symbol."""
        return b"\0" + name.encode() + b"\0" in self.names


def read(path: Path) -> SharedObject:
    """Reads a shared object's facts.

    Raises:
        ElfError: It is none, is cut short, or is for a processor of another word length or order.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        except ValueError as error:
            raise ElfError(f"{path}: empty file") from error
        with content:
            try:
                return _read(content)
            except (struct.error, ElfError) as error:
                raise ElfError(f"{path}: {error}") from error


def _read(content: mmap.mmap) -> SharedObject:
    ident, _, machine, _, _, table, _, _, _, size, count = _HEADER.unpack_from(content)
    if ident[:4] != b"\x7fELF":
        raise ElfError("not an ELF file")
    if ident[4:6] != b"\x02\x01":
        raise ElfError("not 64-bit little-endian")
    if table + count * size > len(content):
        raise ElfError("cut short inside its program header")
    segments = [
        _Segment(*_SEGMENT.unpack_from(content, table + index * size)) for index in range(count)
    ]
    tags = _dynamic_tags(content, segments)
    if _Tag.STRTAB not in tags or _Tag.STRSZ not in tags:
        raise ElfError("no dynamic string table: not a shared object")
    start, length = _file_offset(tags[_Tag.STRTAB], segments), tags[_Tag.STRSZ]
    if start + length > len(content):
        raise ElfError("cut short inside its dynamic string table")
    static = bool(tags.get(_Tag.FLAGS, 0) & _STATIC_TLS)
    thread_local = sum(segment.memsz for segment in segments if segment.kind == _Kind.TLS)
    return SharedObject(
        machine=machine,
        names=content[start : start + length],
        static_tls=thread_local if static else 0,
    )


def _dynamic_tags(content: mmap.mmap, segments: list[_Segment]) -> dict[int, int]:
    tags: dict[int, int] = {}
    for segment in segments:
        if segment.kind != _Kind.DYNAMIC:
            continue
        end = segment.offset + segment.filesz
        if end > len(content):
            raise ElfError("cut short inside its dynamic section")
        for tag, value in _DYNAMIC.iter_unpack(content[segment.offset : end]):
            if tag == _Tag.NULL:
                break
            tags[tag] = value
    return tags


def _file_offset(address: int, segments: list[_Segment]) -> int:
    for segment in segments:
        if segment.kind == _Kind.LOAD and 0 <= address - segment.vaddr < segment.filesz:
            return address - segment.vaddr + segment.offset
    raise ElfError(f"no segment holds address {address:#x}")
