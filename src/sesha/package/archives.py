"""The two kinds of file that an importer opens, seen alike: sesha's and torch.package's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from sesha.package.container import Container
from sesha.package.distributions import Distribution
from sesha.package.errors import FormatError
from sesha.package.namespace import ModuleEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sesha.package.importer import PackageImporter
    from sesha.package.manifest import Manifest

__all__ = ["Archive", "Externs", "SeshaArchive", "Source", "open_archive", "with_parents"]

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


@dataclass(frozen=True)
class Externs:
    """What an archive expects of the place where it is loaded.

    Attributes:
        modules: Modules that packaged code may import from outside, with all below them.
        distributions: Installed distributions that provide them, as they were locked.
    """

    modules: tuple[str, ...]
    distributions: tuple[Distribution, ...] = ()


class Archive(Protocol):
    """An opened file with packaged code and data. Safe to use from several threads."""

    @property
    def location(self) -> str:
        """Path of the file or folder, or what stands for one in error messages."""

    @property
    def names(self) -> Sequence[str]:
        """Its members."""

    @property
    def modules(self) -> Mapping[str, ModuleEntry]:
        """Its modules by name, with the packages that hold them."""

    @property
    def externs(self) -> Externs:
        """What it expects of the place where it is loaded."""

    @property
    def manifest(self) -> Manifest | None:
        """Its manifest; None for an archive of torch.package."""

    @property
    def python_version(self) -> str | None:
        """The Python that wrote it."""

    def __contains__(self, name: object) -> bool: ...

    def read(self, name: str) -> bytes:
        """A member's bytes; MemberMissingError if it isn't there."""

    def load_pickle(self, member: str, importer: PackageImporter, map_location: Any) -> Any:
        """The object that a pickle describes."""

    def close(self) -> None:
        """Lets go of the file."""


class SeshaArchive:
    """A package written by `ContainerWriter`."""

    def __init__(self, container: Container) -> None:
        from sesha.package.tensor_reader import TensorReader

        self.container = container
        self.manifest = container.manifest
        self.location = _location(container.origin)
        self.names = container.names
        self._tensors = TensorReader(container)
        self.modules = with_parents(
            {
                module.name: ModuleEntry(module.member, module.is_package)
                for module in self.manifest.modules
            }
        )
        locks = {
            extern.distribution: Distribution(
                extern.distribution, extern.version, extern.record_sha256 or None
            )
            for extern in self.manifest.externs
            if extern.distribution
        }
        self.externs = Externs(
            tuple(extern.module for extern in self.manifest.externs), tuple(locks.values())
        )
        self.python_version = self.manifest.provenance.get("python")

    def __contains__(self, name: object) -> bool:
        return name in self.container

    def read(self, name: str) -> bytes:
        """See `Container.read`."""
        return self.container.read(name)

    def load_pickle(self, member: str, importer: PackageImporter, map_location: Any) -> Any:
        """See `unpickling.load`."""
        from sesha.package.unpickling import load

        return load(self.read(member), importer, self._tensors.get, map_location)

    def close(self) -> None:
        """Lets go of the file; what was mapped stays."""
        self.container.close()


def open_archive(source: Source) -> Archive:
    """Opens a file of either kind, or the folder that one was unpacked to.

    Raises:
        FormatError: It is neither, or damaged.
        OSError: It can't be read.
    """
    torch_archive = _torch_archive(source)
    if torch_archive is not None:
        return torch_archive(source)
    return SeshaArchive(Container.open(source))


def _torch_archive(source: Source) -> Callable[[Source], Archive] | None:
    from sesha.package import torch_archive

    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            return torch_archive.open_folder if torch_archive.is_folder(path) else None
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return torch_archive.open_file if torch_archive.is_archive(file) else None
    if hasattr(source, "read"):
        return torch_archive.open_file if torch_archive.is_archive(source) else None
    return None


def with_parents(modules: Mapping[str, ModuleEntry]) -> dict[str, ModuleEntry]:
    """The table with an empty package for each parent that has no source of its own.

    Raises:
        FormatError: A module that is no package has modules below it.
    """
    table = dict(modules)
    for name in modules:
        parent = name.rpartition(".")[0]
        while parent:
            entry = table.setdefault(parent, ModuleEntry(None, is_package=True))
            if not entry.is_package:
                raise FormatError(f"the module {parent} is no package, but {name} lies below it")
            parent = parent.rpartition(".")[0]
    return table


def _location(origin: str) -> str:
    return origin if origin.startswith("<") else str(Path(origin).absolute())
