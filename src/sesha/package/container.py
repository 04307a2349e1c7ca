"""Reads the container: members of a package's file, of its bytes, or of its unpacked folder.

**Guarantees:**

* Nothing is believed before it is checked: `Container.open` returns only for a directory with one
  reading (`sesha.package.directory`) and a manifest that names just these members at these sizes.
* `read` gives bytes whose SHA-256 is the one in the manifest. `map` does not look at the bytes:
  that is what `verify` is for.
* A mapping is private: who writes to it changes a copy of the pages written, never the file nor
  another mapping. Pages that nobody writes are shared by all processes and interpreters.
* Any number of threads may use one container. `close` waits for none of them: the file is closed
  when the last read is done. Mappings stay valid after it.

**This code assumes:** the file is replaced, not written over, while it is in use, as
`ContainerWriter` does. Who cuts a mapped file short makes its readers die of SIGBUS.
"""

import errno
import hashlib
import io
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO, Protocol

from sesha.package import directory, names
from sesha.package.closing import Closing
from sesha.package.errors import (
    DigestError,
    FormatError,
    MemberKindError,
    MemberMissingError,
    MemberRangeError,
    NotAPackageError,
    TruncatedError,
)
from sesha.package.manifest import MAX_BYTES, Manifest, MemberDigest

_CHUNK = 4 << 20
# What a signature may take: a line for each member of the largest manifest, and then some.
_MAX_SIGNATURE = 2 * MAX_BYTES

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


class _Files(Protocol):
    """Where members are: their sizes, and a descriptor and an offset for the bytes of each."""

    sizes: Mapping[str, int]
    alignments: dict[str, int]

    def locate(self, name: str) -> "tuple[_Descriptor, int]":
        """The open file that has the member, and where in it; MemberMissingError if none."""


def open_file(path: str | os.PathLike[str]) -> io.FileIO:
    """Opens a package's file once, for all who are to read that very file (`Container.open`).

    Raises:
        OSError: It can't be opened.
    """
    # A FIFO must not make us wait; the container refuses what is no regular file.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = io.FileIO(descriptor)
    file.name = os.fspath(path)
    return file


class Container(Closing):
    """The members of a package. Made by `open`; a context manager.

    Attributes:
        origin: What was opened, for messages: a path, or what stands for one.
        manifest: The checked manifest.
        sizes: Size in bytes of each member, those of the container itself included, by name.
    """

    origin: str
    manifest: Manifest
    sizes: Mapping[str, int]

    def __init__(self, files: _Files, origin: str) -> None:
        self._files: _Files | None = files
        self.origin = origin
        self.sizes = files.sizes
        if names.MANIFEST not in files.sizes:
            raise NotAPackageError(f"{origin} is not a package: it has no {names.MANIFEST}")
        if files.sizes[names.MANIFEST] > MAX_BYTES:
            raise FormatError(f"the manifest of {origin} is larger than {MAX_BYTES} bytes")
        self.manifest = Manifest.from_json(self._bytes(names.MANIFEST))
        self._digests = {member.name: member for member in self.manifest.members}
        self._check_members()

    @classmethod
    def open(cls, source: Source) -> "Container":
        """Opens a package.

        Args:
            source: A path of a file or of an unpacked folder; a buffer with the file's bytes, which
                are copied; or a binary file. A binary file is read from its start; its
                position is left where it was, if it is a file of the system.

        Raises:
            FormatError: A subclass of it tells what is wrong with the package.
            OSError: The file can't be opened or read.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(_Archive(_in_memory([source])), "<bytes>")
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            if os.path.isdir(path):  # noqa: PTH112 - `source` may be any os.PathLike
                return cls(_Folder(path), path)
            with open_file(path) as file:
                return cls._open_file(file, path)
        return cls._open_file(source, str(getattr(source, "name", "<file>")))

    @classmethod
    def _open_file(cls, file: BinaryIO, origin: str) -> "Container":
        try:
            return cls(_Archive(_of_file(file)), origin)
        except FormatError as error:
            from sesha.package.torch_archive import is_archive

            if not isinstance(error, NotAPackageError) and is_archive(file):
                raise NotAPackageError(
                    f"{origin} is an archive of torch.package; it becomes a package with "
                    f"`sesha convert {origin} NEW.sesha`"
                ) from error
            raise

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names, in the order of the file, without the container's own."""
        return tuple(name for name in self.sizes if name not in names.RESERVED)

    def __contains__(self, name: object) -> bool:
        return name in self._digests

    def digest(self, name: str) -> MemberDigest:
        """What the manifest has for a member; MemberMissingError if it is not there."""
        try:
            return self._digests[name]
        except KeyError:
            raise MemberMissingError(f"{self.origin} has no member {names.shown(name)}") from None

    def alignment(self, name: str) -> int:
        """What the member's place in the file was made a multiple of, to write it so again."""
        self.digest(name)
        return self._open_files().alignments.get(name, 1)

    def read(self, name: str) -> bytes:
        """The bytes of a member, checked against the manifest.

        Raises:
            MemberMissingError: There is no such member.
            DigestError: They are not the bytes that the manifest declares.
            OSError: The file can't be read.
        """
        expected = self.digest(name)
        data = self._bytes(name)
        if hashlib.sha256(data).hexdigest() != expected.sha256:
            raise DigestError(_altered(self.origin, [name]))
        return data

    def map(self, name: str, start: int = 0, size: int | None = None) -> memoryview:
        """The bytes of a member as writable memory, copied page by page when written to.

        Args:
            name: The member.
            start: The first of its bytes that is mapped.
            size: How many are; all that follow by default.

        The memory lives as long as a view of it. Each call makes a mapping of its own. The bytes
        are not checked against the manifest.

        Raises:
            MemberMissingError: There is no such member.
            ValueError: The member does not have those bytes.
            OSError: The file can't be mapped.
        """
        whole = self.digest(name).size
        size = whole - start if size is None else size
        if not 0 <= start <= start + size <= whole:
            raise ValueError(
                f"{names.shown(name)} has {whole} bytes, not {start} to {start + size}"
            )
        if size == 0:
            return memoryview(bytearray())
        descriptor, offset = self._open_files().locate(name)
        offset += start
        # mmap(2) takes whole pages, and a machine's pages may be larger than the format's 4 KiB.
        before = offset % mmap.ALLOCATIONGRANULARITY
        mapping = mmap.mmap(
            descriptor.number, before + size, access=mmap.ACCESS_COPY, offset=offset - before
        )
        return memoryview(mapping)[before:]

    def verify(
        self,
        members: Iterable[str] | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Compares the bytes of members, all of them by default, with the manifest.

        `progress` is called with the number of bytes just read.

        Raises:
            DigestError: Names every member whose bytes are others.
            MemberMissingError: One of `members` is not there.
            OSError: The file can't be read.
        """
        altered = []
        buffer = memoryview(bytearray(_CHUNK))
        for name in self._digests if members is None else members:
            expected = self.digest(name)
            descriptor, offset = self._open_files().locate(name)
            digest = hashlib.sha256()
            left = expected.size
            while left:
                count = os.preadv(descriptor.number, [buffer[: min(left, _CHUNK)]], offset)
                if count == 0:
                    raise TruncatedError(f"{self.origin} was cut short while it was read")
                digest.update(buffer[:count])
                offset += count
                left -= count
                if progress is not None:
                    progress(count)
            if digest.hexdigest() != expected.sha256:
                altered.append(name)
        if altered:
            raise DigestError(_altered(self.origin, altered))

    @property
    def signature(self) -> bytes | None:
        """The signature's bytes, for `sesha.package.signing`; None if the package has none."""
        size = self.sizes.get(names.SIGNATURE)
        if size is None:
            return None
        if size > _MAX_SIGNATURE:
            raise FormatError(
                f"the signature of {self.origin} has {size} bytes; that is no signature"
            )
        return self._bytes(names.SIGNATURE)

    @property
    def manifest_bytes(self) -> bytes:
        """`manifest.json` as it is in the package."""
        return self._bytes(names.MANIFEST)

    def close(self) -> None:
        """Lets go of the file; `map` and `read` raise ValueError from here on."""
        self._files = None

    def __repr__(self) -> str:
        return f"<Container {self.origin} of {len(self._digests)} members>"

    def _open_files(self) -> _Files:
        files = self._files
        if files is None:
            raise ValueError(f"{self.origin} was closed")
        return files

    def _bytes(self, name: str) -> bytes:
        size = self.sizes[name]
        descriptor, offset = self._open_files().locate(name)
        data = descriptor.read(offset, size)
        if len(data) != size:
            raise TruncatedError(f"{self.origin} was cut short while it was read")
        return data

    def _check_members(self) -> None:
        present = self.sizes.keys() - names.RESERVED
        for name in sorted(present ^ self._digests.keys()):
            if name in present:
                raise FormatError(f"the manifest does not list the member {names.shown(name)}")
            raise MemberMissingError(
                f"the manifest lists the member {names.shown(name)}, which is not there"
            )
        for name, member in self._digests.items():
            if member.size != self.sizes[name]:
                raise MemberRangeError(
                    f"the member {names.shown(name)} has {self.sizes[name]} bytes; the manifest "
                    f"declares {member.size}"
                )


def _altered(origin: str, members: list[str]) -> str:
    which = ", ".join(map(names.shown, members[:10])) + (" …" if members[10:] else "")
    return (
        f"{origin} was altered or damaged: the SHA-256 of {which} is not the one in its manifest; "
        "get the file again from where it came"
    )


class _Descriptor:
    """An open file, closed when the last user lets go of it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the file's end."""
        parts = []
        while size > 0 and (part := os.pread(self.number, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _Archive:
    """The members of a zip."""

    def __init__(self, descriptor: _Descriptor) -> None:
        status = os.fstat(descriptor.number)
        if not stat.S_ISREG(status.st_mode):
            raise NotAPackageError("this is not a package: it is not a regular file")
        self._descriptor = descriptor
        self._offsets: dict[str, int] = {}
        sizes: dict[str, int] = {}
        self.alignments: dict[str, int] = {}
        for member in directory.read(descriptor.number, status.st_size):
            self._offsets[member.name] = member.offset
            sizes[member.name] = member.size
            self.alignments[member.name] = member.alignment
        self.sizes: Mapping[str, int] = MappingProxyType(sizes)

    def locate(self, name: str) -> tuple[_Descriptor, int]:
        return self._descriptor, self._offsets[name]


class _Folder:
    """The members of an unpacked package."""

    def __init__(self, path: str) -> None:
        self._path = path
        sizes = {}
        for folder, folders, files in os.walk(path, onerror=_raise):
            folders.sort()
            for entry in sorted(files) + [name for name in folders if _is_link(folder, name)]:
                name = PurePosixPath(Path(folder, entry).relative_to(path)).as_posix()
                status = os.lstat(os.path.join(folder, entry))  # noqa: PTH118 - a million files
                if not stat.S_ISREG(status.st_mode):
                    raise MemberKindError(
                        f"{names.shown(name)} is a link or a special file; a package has regular "
                        "files only"
                    )
                sizes[name] = status.st_size
        names.check_all(sizes)
        # Files lie where the system puts them; written into a file, tensors are wanted on pages.
        self.alignments = {
            name: directory.MAX_ALIGNMENT for name in sizes if name.endswith(".safetensors")
        }
        self.sizes: Mapping[str, int] = MappingProxyType(sizes)

    def locate(self, name: str) -> tuple[_Descriptor, int]:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = _Descriptor(os.open(Path(self._path, name), flags))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                raise MemberMissingError(
                    f"{names.shown(name)} was taken away or replaced"
                ) from error
            raise
        status = os.fstat(descriptor.number)
        if not stat.S_ISREG(status.st_mode) or status.st_size != self.sizes[name]:
            raise TruncatedError(f"{names.shown(name)} was changed after the folder was opened")
        return descriptor, 0


def _raise(error: OSError) -> None:
    raise error


def _is_link(folder: str, name: str) -> bool:
    return os.path.islink(os.path.join(folder, name))  # noqa: PTH114,PTH118 - a million files


def _in_memory(chunks: Iterable[bytes | bytearray | memoryview]) -> _Descriptor:
    """A file without a name that holds `chunks`, so that they can be mapped."""
    descriptor = _Descriptor(os.memfd_create("sesha-package", os.MFD_CLOEXEC))
    for chunk in chunks:
        rest = memoryview(chunk).cast("B") if memoryview(chunk).nbytes else memoryview(b"")
        while rest:
            rest = rest[os.write(descriptor.number, rest) :]
    return descriptor


def _of_file(file: BinaryIO) -> _Descriptor:
    """The system's file behind `file`, or a copy of what it holds."""
    try:
        number = file.fileno()
    except (OSError, AttributeError):
        file.seek(0)
        return _in_memory(iter(lambda: file.read(_CHUNK), b""))
    return _Descriptor(os.dup(number))
