"""Writes the container: a zip of stored members that appears at its place whole, or not at all.

The zip is written by `zipfile`. What is added here: data aligned to pages, digests, the manifest as
the last member, and the same bytes for the same members in the same order (no clock, user, mode
or path of this machine goes in).

Throughput: a chunk is hashed by a second thread while the first one sums and writes it, and a
third has the disk begin meanwhile; sha256, crc32, write(2) and fdatasync(2) all release the GIL.
Memory: a chunk of a file, nothing of a buffer.
"""

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, TypeGuard, cast

from sesha.package import directory, names
from sesha.package.closing import Closing
from sesha.package.errors import MemberNameError, PackageError
from sesha.package.manifest import Manifest, MemberDigest
from sesha.package.staging import StagedFile

PAGE = directory.MAX_ALIGNMENT  # bytes; what the data of tensors is aligned to
_CHUNK = 8 << 20
# Below this much, handing a chunk to another thread costs more than hashing it.
_SMALL = 128 << 10
_SYNC_EVERY = 64 << 20

Chunk = bytes | bytearray | memoryview
Data = Chunk | Iterable[bytes] | Iterable[Chunk] | BinaryIO


class ContainerWriter(Closing):
    """A package being written to `path`: `add` its members, then `finish` with its manifest.

    A context manager; left without `finish`, it leaves the target as it was. One thread uses it at
    a time. `progress` is called with the number of bytes just written.

    Raises:
        OSError: The folder of `path` does not exist or can't be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, progress: Callable[[int], None] | None = None
    ) -> None:
        self._staged = StagedFile(path)
        self._file = _Sink(self._staged.file, progress)
        # It needs of a file no more than the sink has, and less than its type asks for.
        self._zip = zipfile.ZipFile(cast("BinaryIO", self._file), "w", zipfile.ZIP_STORED)
        self._members: dict[str, MemberDigest] = {}
        self._offsets: dict[str, int] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._sync: Future[None] | None = None
        self._unsynced = 0
        self._state = "open"

    @property
    def members(self) -> tuple[MemberDigest, ...]:
        """What was added, in order."""
        return tuple(self._members.values())

    def add(self, name: str, data: Data, *, align: int = 1) -> MemberDigest:
        """Writes one member.

        Args:
            name: See `sesha.package.names`.
            data: A buffer, several that follow one another, or a binary file read to its end. It
                is written now; no reference to it is kept.
            align: The member's data starts at a multiple of this many bytes, a power of 2 up to
                4,096.

        Returns:
            Its size and digest, as the manifest will have them.

        Raises:
            MemberNameError: The name is unfit, taken or reserved.
            OSError: The disk is full, or another of the system's errors. Nothing more can be added.
        """
        if name in names.RESERVED:
            raise MemberNameError(f"{name!r} is the container's own; choose another name")
        names.check(name)
        if name in self._members:
            raise MemberNameError(f"there is already a member named {names.shown(name)}")
        if align < 1 or align > PAGE or align & (align - 1):
            raise ValueError(f"align is {align}; it is a power of 2 from 1 to {PAGE}")
        member = self._write(name, data, align)
        self._members[name] = member
        return member

    def read_back(self, name: str, offset: int, size: int) -> bytes:
        """`size` bytes, from byte `offset` on, of the member `name` written earlier.

        Raises:
            OSError: They can't be read.
        """
        self._file.flush()
        return os.pread(self._staged.file.fileno(), size, self._offsets[name] + offset)

    def finish(self, manifest: Manifest, *, signature: bytes | None = None) -> Manifest:
        """Writes the manifest, with `members` as they were added, and puts the file at its place.

        Returns:
            The manifest as written.

        Raises:
            MemberNameError: Two names would be one file when unpacked.
            ManifestError: A field of the manifest is unfit.
            OSError: The file could not be written out; the target is as it was.
        """
        names.check_all([*self._members, *names.RESERVED])
        manifest = dataclasses.replace(
            manifest, members=tuple(sorted(self._members.values(), key=lambda member: member.name))
        )
        self._write(names.MANIFEST, manifest.to_json(), 1)
        if signature is not None:
            self._write(names.SIGNATURE, signature, 1)
        self._zip.close()
        if self._sync is not None:
            self._sync.result()
        self._staged.commit()
        self.close()
        return manifest

    def close(self) -> None:
        """Ends the writing; discards all of it unless `finish` has returned."""
        self._state = "closed"
        if self._threads is not None:
            self._threads.shutdown()
        self._file.discard()
        self._zip.close()
        self._staged.close()

    def _write(self, name: str, data: Data, align: int) -> MemberDigest:
        if self._state != "open":
            raise PackageError(
                "this package can't be written further: it was finished or closed, or an earlier "
                "write failed; begin again with a new writer"
            )
        size = _size(data)
        # Of the time that zip can express, the first: the clock must not show in the bytes.
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = 0o100644 << 16
        info.file_size = size or 0
        wide = size is None or size > (1 << 31) - 1
        if align > 1:
            info.extra = _padding(self._file.tell(), name, align, wide=wide)
        digest = hashlib.sha256()
        self._state = "failed"
        handle = self._zip.open(info, "w", force_zip64=wide)
        self._offsets[name] = self._file.tell()
        try:
            for chunk in _chunks(data):
                self._write_chunk(handle.write, digest.update, chunk)
        except BaseException:
            # Leaves the zip closable; what it writes from here on goes nowhere.
            self._file.discard()
            handle.close()
            raise
        handle.close()
        # The padding serves the local header only; the directory need not repeat it.
        info.extra = b""
        self._state = "open"
        return MemberDigest(name, info.file_size, digest.hexdigest())

    def _write_chunk(
        self,
        write: Callable[[memoryview], int],
        hash_: Callable[[memoryview], None],
        chunk: memoryview,
    ) -> None:
        if chunk.nbytes <= _SMALL:
            hash_(chunk)
            write(chunk)
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, thread_name_prefix="sesha-package-writer")
        hashed = self._threads.submit(hash_, chunk)
        try:
            write(chunk)
        finally:
            # The chunk may be a mapping that the caller closes next.
            hashed.result()
        self._unsynced += chunk.nbytes
        if self._unsynced >= _SYNC_EVERY and (self._sync is None or self._sync.done()):
            if self._sync is not None:
                self._sync.result()
            self._unsynced = 0
            self._sync = self._threads.submit(os.fdatasync, self._staged.file.fileno())


class _Sink:
    """The file as `zipfile` sees it; once discarded, what is written only moves its position."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], None] | None) -> None:
        self._file: BinaryIO | None = file
        self._progress = progress
        self._position = 0

    def discard(self) -> None:
        self._file = None

    def write(self, data: bytes | memoryview) -> int:
        size = memoryview(data).nbytes
        if self._file is not None:
            self._file.write(data)
            if self._progress is not None:
                self._progress(size)
        self._position += size
        return size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int) -> int:
        if self._file is not None:
            self._file.seek(offset)
        self._position = offset
        return offset

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()


def _size(data: Data) -> int | None:
    """The number of bytes that `data` will give, or None if only reading it would tell."""
    if isinstance(data, bytes | bytearray | memoryview):
        return memoryview(data).nbytes
    if isinstance(data, list | tuple):
        return sum(memoryview(part).nbytes for part in data)
    if _is_file(data) and data.seekable():
        position = data.tell()
        end = data.seek(0, os.SEEK_END)
        data.seek(position)
        return max(end - position, 0)
    return None


def _is_file(data: Data) -> TypeGuard[BinaryIO]:
    return hasattr(data, "read")


def _chunks(data: Data) -> Iterator[memoryview]:
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data)
        if not view.c_contiguous:
            raise ValueError("a member's data must be contiguous in memory")
        if view.nbytes:
            view = view.cast("B")
            for start in range(0, view.nbytes, _CHUNK):
                yield view[start : start + _CHUNK]
    elif _is_file(data):
        while chunk := data.read(_CHUNK):
            yield memoryview(chunk)
    else:
        for part in data:
            yield from _chunks(part)


def _padding(position: int, name: str, align: int, *, wide: bool) -> bytes:
    """The extra field that moves the data of a member at `position` to a multiple of `align`."""
    before = position + directory.LOCAL_HEADER_SIZE + len(name.encode()) + (20 if wide else 0)
    padding = -before % align
    if padding == 0:
        return b""
    # A field takes 6 bytes itself: its kind, its length, and the alignment that it is for.
    if padding < directory.ALIGNMENT_FIELD.size:
        padding += align * -(-directory.ALIGNMENT_FIELD.size // align)
    size = directory.ALIGNMENT_FIELD.size
    return directory.ALIGNMENT_FIELD.pack(directory.ALIGNMENT_EXTRA, padding - 4, align) + bytes(
        padding - size
    )
