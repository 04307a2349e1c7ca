"""Archives that torch.package (PyTorch 2.x) wrote, and the folders that they were unpacked to.

Layout (read from torch.package): a zip with one top folder; ``.data/extern_modules`` lists externs
by line, ``.data/python_version`` the Python that wrote it, ``.data/<n>.storage`` the storages of
tensors, ``.data/ts_code`` TorchScript; sources and pickles lie in their package tree. In pickles
stand persistent ids ``("storage", type, key, location, size)`` and
``("reduce_package", id, function, arguments)``.
"""

from __future__ import annotations

import functools
import os
import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.package.archives import Externs, Source, with_parents
from sesha.package.errors import FormatError, MemberMissingError, PickleError
from sesha.package.namespace import ModuleEntry
from sesha.package.placement import Placement
from sesha.package.unpickling import Unpickler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sesha.package.archives import Archive
    from sesha.package.importer import PackageImporter

__all__ = [
    "TorchArchive",
    "declared_externs",
    "is_archive",
    "is_folder",
    "open_file",
    "open_folder",
]

_EXTERNS = ".data/extern_modules"
_VERSION = ".data/python_version"
# Unpickling what torch wrote reaches numpy without its being recorded.
_IMPLICIT = ("numpy", "torch")


def is_archive(file: Any) -> bool:
    """Whether an open file is such an archive; leaves its position as it was."""
    position = file.tell()
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.partition("/")[2] == _EXTERNS for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False
    finally:
        file.seek(position)


def is_folder(path: Path) -> bool:
    """Whether a folder holds such an archive, unpacked."""
    return (path / _EXTERNS).is_file()


def open_file(source: Source) -> Archive:
    """Opens an archive; needs torch, whose reader it is read with."""
    return TorchArchive(_Zip(source))


def open_folder(source: Source) -> Archive:
    """Opens an unpacked archive."""
    return TorchArchive(_Folder(Path(os.fspath(source))))  # type: ignore[arg-type]


def declared_externs(read: Callable[[str], bytes]) -> list[str]:
    """The externs that an archive lists, without those that are always allowed.

    Args:
        read: Gives the bytes of a member.
    """
    return [line for line in read(_EXTERNS).decode("utf-8").splitlines() if line]


class _Zip:
    def __init__(self, source: Any) -> None:
        import torch

        path = isinstance(source, str | os.PathLike)
        self.location = str(Path(source).absolute()) if path else "<file>"
        try:
            self.reader = torch._C.PyTorchFileReader(os.fspath(source) if path else source)  # noqa: SLF001
        except RuntimeError as error:
            raise FormatError(f"{self.location} can't be read by torch: {error}") from error
        self.names: list[str] = self.reader.get_all_records()

    def read(self, name: str) -> bytes:
        data: bytes = self.reader.get_record(name)
        return data

    def storage(self, name: str, size: int, dtype: Any) -> Any:
        tensor = self.reader.get_storage_from_record(name, size, dtype)
        return tensor.untyped_storage()


class _Folder:
    # What ScriptModules are read with; a folder has none.
    reader = None

    def __init__(self, path: Path) -> None:
        self.location = str(path.absolute())
        self._path = path
        self.names = sorted(
            file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()
        )

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def storage(self, name: str, size: int, dtype: Any) -> Any:
        import torch

        nbytes = size * dtype.itemsize
        return torch.UntypedStorage.from_file(str(self._path / name), shared=False, nbytes=nbytes)


class TorchArchive:
    """An archive of torch.package, seen as `archives.Archive`."""

    manifest = None

    def __init__(self, files: _Zip | _Folder) -> None:
        self.files = files
        self.location = files.location
        self.names = tuple(files.names)
        self._known = frozenset(files.names)
        self.modules = _modules(files.names)
        self.externs = Externs(tuple(dict.fromkeys([*declared_externs(files.read), *_IMPLICIT])))
        self.python_version = (
            files.read(_VERSION).decode("utf-8").strip() if _VERSION in self._known else None
        )

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        if name not in self._known:
            raise MemberMissingError(f"{self.location} has no member {name!r}")
        return self.files.read(name)

    def load_pickle(self, member: str, importer: PackageImporter, map_location: Any) -> Any:
        """The object that a pickle describes."""
        unpickler = _TorchUnpickler(self.read(member), importer, self, Placement(map_location))
        try:
            return unpickler.load()
        except (pickle.UnpicklingError, EOFError) as error:
            raise PickleError(f"{member} in {self.location} is damaged: {error}") from error

    def close(self) -> None:
        """Nothing to do: torch's reader closes with its last user."""


class _ScriptContext:
    """The importer as `torch.jit` wants it while it reads a ScriptModule."""

    def __init__(self, importer: PackageImporter, reader: Any, map_location: Any) -> None:
        import torch

        self._importer = importer
        self.zip_reader = reader
        self.storage_context = torch._C.DeserializationStorageContext()  # noqa: SLF001
        self.last_map_location = map_location

    def __getattr__(self, name: str) -> Any:
        return getattr(self._importer, name)


class _TorchUnpickler(Unpickler):
    def __init__(
        self, data: bytes, importer: PackageImporter, archive: TorchArchive, placement: Placement
    ) -> None:
        super().__init__(data, importer)
        self._archive = archive
        self.placement = placement
        self._storages: dict[str, Any] = {}
        self._reduced: dict[Any, Any] = {}

    @functools.cached_property
    def _context(self) -> _ScriptContext:
        return _ScriptContext(self._importer, self._archive.files.reader, self.placement.device())

    def persistent_load(self, identifier: Any) -> Any:
        import torch

        match identifier:
            case ("storage", kind, key, location, size):
                dtype = _dtype_of(kind)
                if key not in self._storages:
                    name = f".data/{key}.storage"
                    if name not in self._archive:
                        raise PickleError(f"{self._archive.location} has no member {name!r}")
                    storage = self._archive.files.storage(name, size, dtype)
                    self._storages[key] = self.placement.storage(storage, location)
                return torch.storage.TypedStorage(  # type: ignore[no-untyped-call]  # torch's
                    wrap_storage=self._storages[key], dtype=dtype, _internal=True
                )
            case ("reduce_package", function, arguments):
                return function(self._context, *arguments)
            case ("reduce_package", number, function, arguments):
                if number not in self._reduced:
                    self._reduced[number] = function(self._context, *arguments)
                return self._reduced[number]
        raise PickleError(f"{self._archive.location} has a malformed persistent id")


def _dtype_of(kind: Any) -> Any:
    import torch

    if kind is torch.UntypedStorage:
        return torch.uint8
    # Not `kind.dtype`, which warns that such types are deprecated, as if the user had one.
    return torch.storage._storage_type_to_dtype_map()[kind.__name__]  # noqa: SLF001


def _modules(members: list[str]) -> Mapping[str, ModuleEntry]:
    table: dict[str, ModuleEntry] = {}
    for member in members:
        parts = member.split("/")
        if parts[0] == ".data" or not member.endswith(".py"):
            continue
        if parts[-1] == "__init__.py":
            if parts[:-1]:
                table[".".join(parts[:-1])] = ModuleEntry(member, is_package=True)
        else:
            name = ".".join([*parts[:-1], parts[-1].removesuffix(".py")])
            table[name] = ModuleEntry(member, is_package=False)
    # A folder with nothing but a pickle in it is a package too: `load_pickle` names it.
    for member in members:
        package = ".".join(member.split("/")[:-1])
        if package and not package.startswith(".data"):
            table.setdefault(package, ModuleEntry(None, is_package=True))
    return with_parents(table)
