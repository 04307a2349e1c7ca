"""Packages as an interpreter of a pool holds them: opened on first use, the very file checked.

The host opens a package's file once and checks it. Interpreters open that very file again, by the
host's descriptor, never by its path, which may lead to another file by then.

**Guarantees:**

- What an interpreter reads is the file that the host checked: it is the same device and inode, and
  where the host asked for it, has the manifest with the same digest. Code and pickles are read only
  if they have the digests of that manifest.
- Each entry point's object is made once in an interpreter, whichever threads ask for it.

**This code assumes:** all interpreters are in one process, so a number is one descriptor in all.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import io
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sesha.errors import ReplicaUnloaded
from sesha.runtime import payload
from sesha.runtime.output import current_interpreter

if TYPE_CHECKING:
    from sesha.package.importer import PackageImporter
    from sesha.package.manifest import Manifest

__all__ = ["PackageFile", "digest", "drop", "hold", "open_again", "warm"]

# So many packages may be opened in one interpreter before their modules' names meet another's.
_NAMES_OF_AN_INTERPRETER = 1_000_000


@dataclass(frozen=True)
class PackageFile:
    """The checked file, as the host tells the interpreters of it.

    Attributes:
        path: Where it was found, for messages and as the root of its modules' ``__file__``.
        descriptor: The host's open descriptor; -1 for an unpacked folder, which has none.
        identity: Device and inode.
        manifest_sha256: SHA-256 of the canonical manifest; empty where a change of the file in
            place need not be noticed.
    """

    path: str
    descriptor: int
    identity: tuple[int, int]
    manifest_sha256: str


def open_again(file: PackageFile) -> io.FileIO:
    """Open the file that the host has open, with a position of its own.

    Raises:
        ReplicaUnloaded: The host has closed it.
    """
    try:
        again = io.FileIO(f"/proc/self/fd/{file.descriptor}")
    except FileNotFoundError:
        raise ReplicaUnloaded(f"{file.path} was unloaded") from None
    status = os.fstat(again.fileno())
    if (status.st_dev, status.st_ino) != file.identity:
        # The descriptor's number was given to another file since.
        again.close()
        raise ReplicaUnloaded(f"{file.path} was unloaded")
    again.name = file.path
    return again


class _Package:
    """A package in this interpreter; opened when an object of it is first asked for."""

    def __init__(self, file: PackageFile) -> None:
        self._source = file.path if file.descriptor < 0 else open_again(file)
        self._file = file
        self._lock = threading.Lock()
        self._importer: PackageImporter | None = None
        self._closed = False

    def importer(self) -> PackageImporter:
        with self._lock:
            if self._closed:
                raise ReplicaUnloaded(f"{self._file.path} was unloaded; load it again")
            if self._importer is None:
                self._importer = self._open()
                self._let_go()
            return self._importer

    def _open(self) -> PackageImporter:
        from sesha.package.errors import SignatureError
        from sesha.package.importer import PackageImporter

        # The host has checked the environment, which is this one too.
        importer = PackageImporter(self._source, check="none")
        expected = self._file.manifest_sha256
        if expected and _digest(importer.manifest) != expected:
            importer.close()
            raise SignatureError(f"{self._file.path} was written over after it was checked")
        return importer

    def _let_go(self) -> None:
        # What is opened of it has descriptors of its own.
        if not isinstance(self._source, str):
            self._source.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            importer, self._importer = self._importer, None
            self._let_go()
        if importer is not None:
            importer.close()


@dataclass(frozen=True)
class _EntryPoint:
    """What an entry point's object is made from."""

    package: _Package
    name: str

    def make(self) -> Any:
        return self.package.importer().load(self.name)


_packages: dict[int, _Package] = {}
_objects: dict[int, dict[str, int]] = {}
"""The entry points of each package, as `hold` got them."""


def hold(number: int, file: PackageFile, entry_points: dict[str, int]) -> None:
    """Keep a package here; its entry points' objects are made when they are first used.

    Args:
        number: The package's, for `warm` and `drop`.
        file: What the host has open; it stays open at least until this returns.
        entry_points: The number of each entry point's object, by name; see `payload`.
    """
    if not _packages:
        _begin()
    try:
        package = _packages[number] = _Package(file)
    except ReplicaUnloaded:
        # While this interpreter was being started; nobody will ask for it.
        return
    _objects[number] = entry_points
    for name, each in entry_points.items():
        payload.hold(each, _EntryPoint(package, name))


def warm(number: int, entry_points: dict[str, int]) -> None:
    """Make all objects of a package, and run its self-test's inputs if it has them."""
    package = _packages[number]
    for each in entry_points.values():
        payload.get(each)
    importer = package.importer()
    test = importer.manifest.self_test if importer.manifest is not None else None
    if test is not None:
        from sesha.package import selftest

        example = selftest.Call(*importer.load_member(test.inputs))
        selftest.call(payload.get(entry_points[test.entry_point]), example)


def drop(number: int, entry_points: dict[str, int]) -> None:
    """Forget a package and its objects."""
    _objects.pop(number, None)
    for each in entry_points.values():
        payload.drop(each)
    package = _packages.pop(number, None)
    if package is not None:
        package.close()
        # Models and modules are full of cycles; their memory should go now, not some time.
        del package
        gc.collect()


def digest(manifest: Manifest) -> str:
    """Return the SHA-256 of a manifest's canonical form, in hexadecimal."""
    return hashlib.sha256(manifest.to_json()).hexdigest()


def _digest(manifest: Manifest | None) -> str:
    return "" if manifest is None else digest(manifest)


def _begin() -> None:
    """Prepare this interpreter for its first package."""
    from sesha.package import mangling

    # Module names that no other interpreter's packages have: else an object of a packaged class
    # that is sent to another interpreter could be taken there for one of another package's class.
    mangling.number_from(current_interpreter() * _NAMES_OF_AN_INTERPRETER)
    # Once only, however often the last package goes and another comes.
    atexit.unregister(_drop_all)
    atexit.register(_drop_all)


def _drop_all() -> None:
    """Unmap all files: what an interpreter leaves at its end stays mapped in the process."""
    for number, entry_points in list(_objects.items()):
        drop(number, entry_points)
