"""Reads a package's zip directory, and believes nothing in it that the file does not bear out.

Format: PKWARE's APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14
to 4.3.16 (its end) and 4.5.3 (zip64). `zipfile` writes packages and reads them too, but forgives
what two unzips may read in two ways. Accepted here is only a file that has one reading:

* it ends with an end record without a comment, which the central directory precedes at once;
* the members, each a local header and its data, fill the file from its first byte to the
  directory: no gap, no overlap, nothing before, between or after them;
* a member is stored, not encrypted, a regular file; both its headers say the same.

Cost: a read of the directory and of each local header. Nothing is allocated by a declared size
that the file's own size has not confirmed.
"""

import os
import stat
import struct
from collections.abc import Iterator
from typing import NamedTuple

from sesha.package import names
from sesha.package.errors import (
    MemberError,
    MemberKindError,
    MemberNameError,
    MemberRangeError,
    NotAPackageError,
    TruncatedError,
)

# signature, version needed, flags, method, time, date, crc, compressed, size, name, extra.
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
# signature, version made by, version needed, flags, method, time, date, crc, compressed, size,
# name, extra, comment, disk, internal attributes, external attributes, header offset.
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
# signature, disk, directory's disk, entries on disk, entries, directory's size, offset, comment.
_END = struct.Struct("<4sHHHHIIH")
# signature, record size, made by, needed, disk, directory's disk, entries on disk, entries,
# directory's size, offset.
_END64 = struct.Struct("<4sQHHIIQQQQ")
# signature, disk of the zip64 end record, its offset, disks.
_LOCATOR = struct.Struct("<4sIQI")
_EXTRA = struct.Struct("<HH")

_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"

_ZIP64_EXTRA = 0x0001
# Padding before a member's data, as Android's zipalign writes it: the alignment, then zeros.
ALIGNMENT_EXTRA = 0xD935
# kind, length of what follows, alignment; then zeros.
ALIGNMENT_FIELD = struct.Struct("<HHH")
LOCAL_HEADER_SIZE = _LOCAL.size
MAX_ALIGNMENT = 4096

_NONE16 = 0xFFFF
_NONE32 = 0xFFFFFFFF
_UTF8 = 0x0800
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_STORED = 0
# What a reader must know: 4.5, which has zip64.
_VERSION = 45
_UNIX = 3
_DOS_FOLDER = 0x10


class Member(NamedTuple):
    """One member of the zip: its data is `size` bytes of the file at `offset`.

    `alignment` is what its offset was made a multiple of; 1 if nothing was done for it.
    """

    name: str
    offset: int
    size: int
    crc: int
    alignment: int


class _Entry(NamedTuple):
    """A member as the central directory has it."""

    name: str
    raw_name: bytes
    flags: int
    crc: int
    size: int
    header: int


def read(descriptor: int, size: int) -> list[Member]:
    """The members of the zip that `descriptor` has open, in the order of the file.

    Args:
        descriptor: A file open for reading; its position is neither used nor moved.
        size: The file's size in bytes.

    Raises:
        NotAPackageError: The file is no zip.
        TruncatedError: It ends too early.
        MemberError: A subclass of it names the rule that the directory breaks.
    """
    start, end, count = _end_records(descriptor, size)
    directory = _exactly(descriptor, start, end - start)
    entries = list(_entries(directory, count))
    names.check_all(entry.name for entry in entries)
    entries.sort(key=lambda entry: entry.header)
    members = []
    position = 0
    for entry in entries:
        if entry.header != position:
            what = "overlaps the member before it" if entry.header < position else "leaves a gap"
            raise MemberRangeError(
                f"the member {names.shown(entry.name)} {what}: it starts at byte {entry.header}, "
                f"where {position} is expected"
            )
        member = _member(descriptor, entry, start)
        members.append(member)
        position = member.offset + member.size
    if position != start:
        raise MemberRangeError(
            f"{start - position} bytes before the zip's directory belong to no member"
        )
    return members


def _exactly(descriptor: int, offset: int, size: int) -> bytes:
    """`size` bytes at `offset`; the caller has checked that the file holds them."""
    parts = []
    while size > 0:
        part = os.pread(descriptor, size, offset)
        if not part:
            raise TruncatedError(f"the file ends at byte {offset}, within its directory")
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _end_records(descriptor: int, size: int) -> tuple[int, int, int]:
    """Start and end of the central directory, and how many entries it has."""
    if size < _END.size:
        raise TruncatedError(f"the file has {size} bytes, too few for a package")
    end = size - _END.size
    signature, disk, disk2, here, count, length, offset, comment = _END.unpack(
        _exactly(descriptor, end, _END.size)
    )
    if signature != _END_SIGNATURE or comment != 0:
        if _exactly(descriptor, 0, 4) == _LOCAL_SIGNATURE:
            raise TruncatedError(
                "the file starts as a package does but does not end as one: it is cut off, or "
                "something was appended to it"
            )
        raise NotAPackageError("this is not a package: it does not end with the directory of a zip")
    if (disk, disk2) != (0, 0) or here != count:
        raise MemberError("the zip is one part of several; a package is one file")
    # A writer may add the 64-bit record though all would fit into 32 bits (zipfile: from 2 GiB).
    if end >= _LOCATOR.size and _exactly(descriptor, end - _LOCATOR.size, 4) == _LOCATOR_SIGNATURE:
        small = (count, length, offset)
        end, *wide = _end64_record(descriptor, end)
        count, length, offset = wide
        for value, full, none in zip(small, wide, (_NONE16, _NONE32, _NONE32), strict=True):
            if value not in (full, none):
                raise MemberError("the zip's two end records contradict each other")
    if offset + length != end:
        raise MemberRangeError(
            f"the zip's directory is declared as {length} bytes at byte {offset}, which is not "
            f"the place just before its end record at byte {end}: bytes were cut out of, or put "
            "before, the file"
        )
    if count * _CENTRAL.size > length:
        raise MemberRangeError(
            f"{count} members are declared, for which a directory of {length} bytes is too small"
        )
    return offset, end, count


def _end64_record(descriptor: int, end: int) -> tuple[int, int, int, int]:
    """Position of the zip64 end record; entries, size and offset of the directory."""
    locator = end - _LOCATOR.size
    record = locator - _END64.size
    if record < 0:
        raise TruncatedError("the zip's 64-bit end record is missing")
    signature, disk, offset, disks = _LOCATOR.unpack(_exactly(descriptor, locator, _LOCATOR.size))
    if (signature, disk, offset, disks) != (_LOCATOR_SIGNATURE, 0, record, 1):
        raise MemberRangeError("the zip's 64-bit end record is not where its locator says")
    signature, length, _, _, disk, disk2, here, count, size, start = _END64.unpack(
        _exactly(descriptor, record, _END64.size)
    )
    if signature != _END64_SIGNATURE or length != _END64.size - 12:
        raise MemberError("the zip's 64-bit end record is damaged")
    if (disk, disk2) != (0, 0) or here != count:
        raise MemberError("the zip is one part of several; a package is one file")
    return record, count, size, start


def _entries(directory: bytes, count: int) -> Iterator[_Entry]:
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(directory):
            raise MemberRangeError("the zip's directory ends before its last entry")
        fields = _CENTRAL.unpack_from(directory, position)
        (signature, made_by, needed, flags, method, _, _, crc, compressed, size) = fields[:10]
        (name_size, extra_size, comment_size, disk, _, attributes, header) = fields[10:]
        if signature != _CENTRAL_SIGNATURE:
            raise MemberError("the zip's directory is damaged: an entry lacks its signature")
        position += _CENTRAL.size
        end = position + name_size + extra_size + comment_size
        if end > len(directory):
            raise MemberRangeError("an entry of the zip's directory reaches beyond it")
        raw = directory[position : position + name_size]
        name = _decoded(raw, flags)
        extra = directory[position + name_size : end - comment_size]
        position = end
        _check_kind(name, made_by, needed, flags, method, attributes)
        if comment_size or disk not in (0, _NONE16):
            raise MemberError(f"the member {names.shown(name)} has a comment or is on another disk")
        if _NONE32 in (size, compressed, header):
            size, compressed, header = _zip64(name, extra, size, compressed, header)
        elif extra:
            raise MemberError(f"the directory has extra fields for {names.shown(name)}")
        if size != compressed:
            raise MemberKindError(
                f"the member {names.shown(name)} is compressed: {compressed} bytes for {size}; "
                "a package's members are stored as they are"
            )
        yield _Entry(name, raw, flags, crc, size, header)
    if position != len(directory):
        raise MemberRangeError(
            f"the zip's directory has {len(directory) - position} bytes beyond its {count} entries"
        )


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise MemberNameError(f"the member name {raw[:100]!r} is not UTF-8") from error


def _check_kind(  # noqa: PLR0913,PLR0917 - the fields of one entry
    name: str, made_by: int, needed: int, flags: int, method: int, attributes: int
) -> None:
    mode = attributes >> 16
    what = None
    if flags & _ENCRYPTED:
        what = "is encrypted; packages are signed, not encrypted"
    elif flags & ~_UTF8:
        what = f"has the flags {flags:#06x}, where a package has none but UTF-8 (0x0800)"
    elif method != _STORED:
        what = f"is compressed (method {method}); a package's members are stored as they are"
    elif needed > _VERSION:
        what = f"needs version {needed / 10:g} of zip to be read; a package needs 4.5"
    elif made_by >> 8 not in (0, _UNIX):
        what = "was written on a system whose file modes are unknown"
    elif name.endswith("/") or attributes & _DOS_FOLDER or stat.S_ISDIR(mode):
        what = "is a folder; a package has files only"
    elif stat.S_ISLNK(mode):
        what = "is a symbolic link; a package has files only"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        what = f"is a special file (mode {mode:o}); a package has regular files only"
    if what is not None:
        raise MemberKindError(f"the member {names.shown(name)} {what}")


def _zip64(name: str, extra: bytes, size: int, compressed: int, header: int) -> tuple[int, ...]:
    """The three values, each taken from the zip64 extra field where it stands in for it."""
    values = [size, compressed, header]
    wanted = [index for index, value in enumerate(values) if value == _NONE32]
    expected = _EXTRA.pack(_ZIP64_EXTRA, 8 * len(wanted))
    if not extra.startswith(expected) or len(extra) != _EXTRA.size + 8 * len(wanted):
        raise MemberError(f"the 64-bit sizes of the member {names.shown(name)} are damaged")
    for index, value in zip(
        wanted, struct.unpack_from(f"<{len(wanted)}Q", extra, _EXTRA.size), strict=True
    ):
        values[index] = value
    return tuple(values)


def _member(descriptor: int, entry: _Entry, limit: int) -> Member:
    """Checks the local header of `entry` against it; `limit` is where the directory starts."""
    shown = names.shown(entry.name)
    fixed = _LOCAL.size + len(entry.raw_name)
    if entry.header + fixed > limit:
        raise MemberRangeError(f"the member {shown} starts beyond the zip's members")
    head = _exactly(descriptor, entry.header, fixed)
    signature, needed, flags, method, _, _, crc, compressed, size, name_size, extra_size = (
        _LOCAL.unpack_from(head)
    )
    if signature != _LOCAL_SIGNATURE:
        raise MemberRangeError(
            f"there is no member at byte {entry.header}, where {shown} should be"
        )
    if (
        needed > _VERSION
        or (flags, method, crc) != (entry.flags, _STORED, entry.crc)
        or (name_size != len(entry.raw_name) or head[_LOCAL.size :] != entry.raw_name)
    ):
        raise MemberError(f"the two headers of the member {shown} contradict each other")
    offset = entry.header + fixed + extra_size
    alignment = 1
    if offset + entry.size > limit:
        raise MemberRangeError(
            f"the member {shown} is declared as {entry.size} bytes, which reach beyond the zip's "
            f"members by {offset + entry.size - limit}"
        )
    if extra_size:
        extra = _exactly(descriptor, entry.header + fixed, extra_size)
        size, compressed, alignment = _local_extra(shown, extra, size, compressed)
        if offset % alignment:
            raise MemberError(f"the member {shown} is not aligned to {alignment} as it declares")
    if (size, compressed) != (entry.size, entry.size):
        raise MemberError(f"the two headers of the member {shown} contradict each other in size")
    return Member(entry.name, offset, entry.size, entry.crc, alignment)


def _local_extra(shown: str, extra: bytes, size: int, compressed: int) -> tuple[int, int, int]:
    """Checks a local header's extra fields; the sizes with zip64 applied, and the alignment."""
    position = 0
    alignment = 1
    seen = set()
    while position < len(extra):
        if position + _EXTRA.size > len(extra):
            raise MemberError(f"the extra field of the member {shown} is damaged")
        kind, length = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        data = extra[position : position + length]
        position += length
        if position > len(extra) or kind in seen or kind not in (_ZIP64_EXTRA, ALIGNMENT_EXTRA):
            raise MemberError(f"the extra field of the member {shown} is damaged or unknown")
        seen.add(kind)
        if kind == ALIGNMENT_EXTRA:
            # Nothing can hide in the padding.
            if length < 2 or data.count(0, 2) != length - 2:  # noqa: PLR2004
                raise MemberError(f"the padding of the member {shown} is not empty")
            alignment = int.from_bytes(data[:2], "little")
            if alignment.bit_count() != 1 or alignment > MAX_ALIGNMENT:
                raise MemberError(f"the alignment of the member {shown} is not a power of 2")
        elif length != 16 or (size, compressed) != (_NONE32, _NONE32):  # noqa: PLR2004
            raise MemberError(f"the 64-bit sizes of the member {shown} are damaged")
        else:
            size, compressed = struct.unpack("<QQ", data)
    return size, compressed, alignment
