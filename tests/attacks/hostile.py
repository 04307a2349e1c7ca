"""A hostile file for each rule of the format that a reader relies on: what it is, and its error.

Each is a sound package, damaged in one place on purpose: the error must come from the rule that the
name tells, before anything of the file is believed.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from sesha.package import canonical, safetensors
from sesha.package.errors import (
    DigestError,
    FormatError,
    ManifestError,
    MemberError,
    MemberKindError,
    MemberMissingError,
    MemberNameError,
    MemberRangeError,
    NotAPackageError,
    TensorsError,
    TruncatedError,
    UnsupportedVersionError,
)

MEMBERS = {
    "code/__init__.py": b"raise SystemExit('this must never run')\n",
    "model/model.pkl": b"cos\nabort\n(tR.",
    "model/model.safetensors": safetensors.build(
        {"w": safetensors.Entry("F32", (2,), 0, 8)}, {"sesha.views": "[]"}
    )
    + bytes(8),
}


def manifest(members: dict[str, bytes], **changes: object) -> bytes:
    document: dict[str, Any] = {
        "format": "sesha",
        "format_version": 1,
        "name": "hostile",
        "version": "1",
        "python": {"minimum": "3.11", "below": ""},
        "platforms": [],
        "entry_points": [],
        "modules": [],
        "externs": [],
        "mocks": [],
        "resources": [],
        "self_test": None,
        "provenance": {},
        "members": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(members.items())
        ],
    }
    return canonical.encode({**document, **changes})  # type: ignore[dict-item]


def package(members: dict[str, bytes] = MEMBERS, document: bytes | None = None) -> bytes:
    return zipped(
        [
            (zipfile.ZipInfo(name), data)
            for name, data in {**members, "manifest.json": document or manifest(members)}.items()
        ]
    )


def zipped(entries: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return buffer.getvalue()


def with_member(name: str, data: bytes = b"x", **attributes: int) -> bytes:
    """A package with one more member, whose header has those attributes."""
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    rest = [(zipfile.ZipInfo(n), d) for n, d in MEMBERS.items()]
    document = manifest({**MEMBERS, name.split("\0", maxsplit=1)[0]: data})
    return zipped([*rest, (info, data), (zipfile.ZipInfo("manifest.json"), document)])


# Places of fields in the headers; see `sesha.package.directory`.
LOCAL = {"flags": (6, "<H"), "method": (8, "<H"), "size": (22, "<I"), "name": (26, "<H")}
CENTRAL = {
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<I"),
    "compressed": (20, "<I"),
    "size": (24, "<I"),
    "name": (28, "<H"),
    "extra": (30, "<H"),
    "comment": (32, "<H"),
    "disk": (34, "<H"),
    "header": (42, "<I"),
}
END = {"disk": (4, "<H"), "count": (10, "<H"), "size": (12, "<I"), "offset": (16, "<I")}


def patched(data: bytes, header: int, field: tuple[int, str], value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(field[1], changed, header + field[0], value)
    return bytes(changed)


def local(field: str, value: int, member: int = 0) -> bytes:
    data = package()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = archive.infolist()[member].header_offset
    return patched(data, header, LOCAL[field], value)


def central(field: str, value: int, member: int = 0) -> bytes:
    data = package()
    header = -1
    for _ in range(member + 1):
        header = data.index(b"PK\x01\x02", header + 1)
    return patched(data, header, CENTRAL[field], value)


def end(field: str, value: int) -> bytes:
    data = package()
    return patched(data, len(data) - 22, END[field], value)


def renamed(old: bytes, new: bytes) -> bytes:
    """The package with a member's name replaced in both headers; the manifest is left as it is."""
    data = package()
    document = data.index(b'{"entry_points"')
    stop = data.index(b"PK\x01\x02")
    return data[:document].replace(old, new) + data[document:stop] + data[stop:].replace(old, new)


def overlapping() -> bytes:
    """Two entries of the directory for one place: the 'zip bomb' of overlapping files."""
    data = package()
    first = data.index(b"PK\x01\x02")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        second = archive.infolist()[1].header_offset
    return patched(data, first, CENTRAL["header"], second)


def in_front(junk: bytes) -> bytes:
    return junk + package()


def gap() -> bytes:
    """Bytes that no member has, before the directory, with the end record made to agree."""
    data = package()
    start = data.index(b"PK\x01\x02")
    data = data[:start] + b"hidden" + data[start:]
    return patched(data, len(data) - 22, END["offset"], start + 6)


def two_directories() -> bytes:
    """A second directory, for readers who look for the first signature and not for the last."""
    data = package()
    start = data.index(b"PK\x01\x02")
    directory = data[start : len(data) - 22]
    data = data[:start] + directory + data[start:]
    return patched(data, len(data) - 22, END["offset"], start + len(directory))


def nested(members: dict[str, bytes]) -> bytes:
    """A package that ends with a package: its tail is the inner one's, if the outer is cut."""
    inner = package()
    outer = package({**members, "z.sesha": inner})
    return outer[: outer.index(inner) + len(inner)]


def compressed() -> bytes:
    info = zipfile.ZipInfo("bomb")
    info.compress_type = zipfile.ZIP_DEFLATED
    return zipped([(info, bytes(10_000_000)), (zipfile.ZipInfo("manifest.json"), manifest({}))])


def declared(size: int) -> bytes:
    """A member of 1 byte that both headers declare larger, with zip64's 64 bits."""
    data = b"PK\x03\x04" + struct.pack(
        "<HHHHHIIIHH", 45, 0, 0, 0, 33, zlib.crc32(b"x"), 0xFFFFFFFF, 0xFFFFFFFF, 1, 20
    )
    data += b"a" + struct.pack("<HHQQ", 1, 16, size, size) + b"x"
    entry = b"PK\x01\x02" + struct.pack(
        "<HHHHHHIIIHHHHHII",
        *(0x32D, 45, 0, 0, 0, 33, zlib.crc32(b"x"), 0xFFFFFFFF, 0xFFFFFFFF),
        *(1, 20, 0, 0, 0, 0, 0),
    )
    entry += b"a" + struct.pack("<HHQQ", 1, 16, size, size)
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(data), 0)
    return data + entry + tail


def zip64_end(count: int, size: int, offset: int) -> bytes:
    """An empty zip whose 64-bit end record declares what it does not have."""
    record = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    return (
        record
        + locator
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    )


def tensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A package whose safetensors member has that header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = struct.pack("<Q", len(text) if length is None else length) + text + data
    return package({**MEMBERS, "model/model.safetensors": file})


def views(*view: object) -> bytes:
    header = {
        "__metadata__": {"sesha.views": json.dumps([view], separators=(",", ":"))},
        "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    }
    return tensors(header, bytes(8))


class Attack(NamedTuple):
    """A file, and the one error that reading it may end in."""

    make: Callable[[], bytes]
    error: type[FormatError]


# Refused when opened.
OPENING: dict[str, Attack] = {
    "empty file": Attack(lambda: b"", TruncatedError),
    "cut in the end record": Attack(lambda: package()[:-1], TruncatedError),
    "cut in half": Attack(lambda: package()[: len(package()) // 2], TruncatedError),
    "another kind of file": Attack(lambda: b"\x7fELF" + bytes(1000), NotAPackageError),
    "no manifest": Attack(lambda: zipped([(zipfile.ZipInfo("a"), b"x")]), NotAPackageError),
    "bytes in front": Attack(lambda: in_front(b"#!/bin/sh\n"), MemberRangeError),
    "bytes behind": Attack(lambda: package() + b"junk", TruncatedError),
    "a comment": Attack(lambda: package()[:-2] + b"\x04\0junk", TruncatedError),
    "a gap": Attack(gap, MemberRangeError),
    "two directories": Attack(two_directories, MemberRangeError),
    "an archive within an archive": Attack(lambda: nested(MEMBERS), MemberRangeError),
    "an archive behind an archive": Attack(lambda: package() + package(), MemberRangeError),
    "overlapping members": Attack(overlapping, MemberRangeError),
    "member out of range": Attack(lambda: central("header", 0x7FFFFFFF, 3), MemberRangeError),
    "member inside another": Attack(lambda: central("header", 40, 1), MemberRangeError),
    "size beyond the file": Attack(lambda: declared(1 << 40), MemberRangeError),
    "size beyond 63 bits": Attack(lambda: declared((1 << 64) - 1), MemberRangeError),
    "sizes that differ": Attack(lambda: local("size", 3), MemberError),
    "shorter in the directory": Attack(lambda: central("size", 3), MemberKindError),
    "names that differ": Attack(lambda: local("name", 3), MemberError),
    "flags that differ": Attack(lambda: local("flags", 0x800), MemberError),
    "methods that differ": Attack(lambda: local("method", 8), MemberError),
    "checksums that differ": Attack(lambda: central("crc", 1), MemberError),
    "name beyond the directory": Attack(lambda: central("name", 0xFFFF, 3), MemberRangeError),
    "extra beyond the directory": Attack(lambda: central("extra", 0xFFFF, 3), MemberRangeError),
    "comment of a member": Attack(lambda: central("comment", 4, 0), MemberError),
    "member on another disk": Attack(lambda: central("disk", 3), MemberError),
    "several disks": Attack(lambda: end("disk", 1), MemberError),
    "count too large": Attack(lambda: end("count", 0xFFFE), MemberError),
    "count too small": Attack(lambda: end("count", 1), MemberError),
    "directory out of range": Attack(lambda: end("offset", 0x7FFFFFFF), MemberRangeError),
    "directory larger than the file": Attack(lambda: end("size", 0x7FFFFFFF), MemberRangeError),
    "2**64 members": Attack(lambda: zip64_end((1 << 64) - 1, 0, 0), MemberRangeError),
    "directory of 2**63 bytes": Attack(
        lambda: zip64_end(1, 1 << 63, (1 << 64) - (1 << 63)), MemberRangeError
    ),
    "encrypted member": Attack(lambda: central("flags", 1), MemberKindError),
    "data descriptor": Attack(lambda: central("flags", 8), MemberKindError),
    "compressed bomb": Attack(compressed, MemberKindError),
    "symbolic link": Attack(
        lambda: with_member("link", b"/etc/passwd", external_attr=0o120777 << 16), MemberKindError
    ),
    "device": Attack(lambda: with_member("dev", external_attr=0o020666 << 16), MemberKindError),
    "folder": Attack(lambda: with_member("folder/", b"", external_attr=0x10), MemberKindError),
    "absolute name": Attack(
        lambda: renamed(b"code/__init__.py", b"/ode/__init__.py"), MemberNameError
    ),
    "name with ..": Attack(
        lambda: renamed(b"code/__init__.py", b"../e/__init__.py"), MemberNameError
    ),
    "name with a backslash": Attack(
        lambda: renamed(b"code/__init__.py", b"code\\__init__.py"), MemberNameError
    ),
    "name with a drive": Attack(
        lambda: renamed(b"code/__init__.py", b"C:de/__init__.py"), MemberNameError
    ),
    "name with a NUL": Attack(
        lambda: renamed(b"code/__init__.py", b"code/__init__.p\0"), MemberNameError
    ),
    "name that is not UTF-8": Attack(
        lambda: renamed(b"code/__init__.py", b"code/\xff_init__.py"), MemberNameError
    ),
    "duplicate name": Attack(
        lambda: renamed(b"model/model.pkl", b"manifest.json/x"), MemberNameError
    ),
    "same name twice": Attack(lambda: duplicated("code/__init__.py"), MemberNameError),
    "two manifests": Attack(lambda: duplicated("manifest.json"), MemberNameError),
    "names that differ in case": Attack(lambda: with_member("CODE/__INIT__.PY"), MemberNameError),
    "file that is a folder": Attack(lambda: with_member("model"), MemberNameError),
    "deep name": Attack(lambda: with_member("a/" * 100 + "a"), MemberNameError),
    "member that is not listed": Attack(
        lambda: package({**MEMBERS, "extra.py": b""}, manifest(MEMBERS)), FormatError
    ),
    "listed member that is not there": Attack(
        lambda: package(MEMBERS, manifest({**MEMBERS, "gone": b""})), MemberMissingError
    ),
    "listed with another size": Attack(
        lambda: package(MEMBERS, manifest({**MEMBERS, "model/model.pkl": b""})), MemberRangeError
    ),
    "later version": Attack(
        lambda: package(MEMBERS, manifest(MEMBERS, format_version=2)), UnsupportedVersionError
    ),
    "version that is no number": Attack(
        lambda: package(MEMBERS, manifest(MEMBERS, format_version="1")), ManifestError
    ),
    "empty manifest": Attack(lambda: package(MEMBERS, b" "), ManifestError),
    "deep manifest": Attack(lambda: package(MEMBERS, b"[" * 1_000_000), ManifestError),
    "deep object": Attack(lambda: package(MEMBERS, b'{"a":' * 300_000), ManifestError),
    "manifest of a million lists": Attack(
        lambda: package(MEMBERS, b"[" + b"[]," * 5_000_000 + b"[]]"), ManifestError
    ),
    "manifest with a huge number": Attack(
        lambda: package(MEMBERS, b'{"format":' + b"9" * 1_000_000 + b"}"), ManifestError
    ),
    "manifest with a key twice": Attack(
        lambda: package(MEMBERS, b'{"format":"sesha","format":"sesha"}'), ManifestError
    ),
    "manifest with spaces": Attack(
        lambda: package(MEMBERS, manifest(MEMBERS) + b"\n"), ManifestError
    ),
    "manifest that lists itself": Attack(
        lambda: package(MEMBERS, manifest({**MEMBERS, "manifest.json": b""})), ManifestError
    ),
    "manifest with an unsafe name": Attack(
        lambda: package(MEMBERS, manifest({**MEMBERS, "../x": b""})), ManifestError
    ),
}

# Opened, and refused when the member is read.
READING: dict[str, Attack] = {
    "source with another digest": Attack(
        lambda: package().replace(b"this must never run", b"this must never ru!"), DigestError
    ),
}

# Opened, and refused when a tensor is wanted.
MAPPING: dict[str, Attack] = {
    "header beyond the member": Attack(lambda: tensors({}, length=1 << 40), TensorsError),
    "header of 2**64 bytes": Attack(lambda: tensors({}, length=(1 << 64) - 1), TensorsError),
    "header that is not JSON": Attack(lambda: tensors(b"\xff" * 10), TensorsError),
    "deep header": Attack(lambda: tensors(b"[" * 1_000_000), TensorsError),
    "offsets beyond the member": Attack(
        lambda: tensors({"w": {"dtype": "U8", "shape": [9], "data_offsets": [0, 9]}}, bytes(8)),
        TensorsError,
    ),
    "offsets that overlap": Attack(
        lambda: tensors(
            {
                "w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
                "v": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
            },
            bytes(8),
        ),
        TensorsError,
    ),
    "offsets of 2**63": Attack(
        lambda: tensors(
            {"w": {"dtype": "U8", "shape": [8], "data_offsets": [1 << 63, (1 << 63) + 8]}},
            bytes(8),
        ),
        TensorsError,
    ),
    "shape larger than memory": Attack(
        lambda: tensors(
            {"w": {"dtype": "F32", "shape": [1 << 31, 1 << 31], "data_offsets": [0, 8]}}, bytes(8)
        ),
        TensorsError,
    ),
    "view beyond its tensor": Attack(lambda: views("w", 0, "<f4", [3], [4], 0, []), TensorsError),
    "view before its tensor": Attack(lambda: views("w", 0, "<f4", [2], [-4], 0, []), TensorsError),
    "view of another member": Attack(
        lambda: views(["code/__init__.py", "w"], 0, "<f4", [2], [4], 0, []), TensorsError
    ),
    "view of Python objects": Attack(lambda: views("w", 0, "|O", [1], [8], 0, []), TensorsError),
    "view without memory": Attack(lambda: views(None, 0, "<f4", [2], [4], 0, []), TensorsError),
}


def duplicated(name: str) -> bytes:
    """A package with one entry of its directory, and its member, there twice."""
    data = MEMBERS.get(name, manifest(MEMBERS))
    entries = [(zipfile.ZipInfo(n), d) for n, d in MEMBERS.items()]
    entries.append((zipfile.ZipInfo("manifest.json"), manifest(MEMBERS)))
    # `zipfile` warns of a duplicate, so it is written under a name of the same length.
    other = "?" * len(name)
    file = zipped([*entries, (zipfile.ZipInfo(other), data)])
    return file.replace(other.encode(), name.encode())
