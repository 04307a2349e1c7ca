"""What the import system of packaged code needs to know of an opened package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMPORTER_NAMES", "ModuleEntry", "Namespace"]

# Under these names packaged code imports the importer that loads it.
IMPORTER_NAMES = frozenset({"torch_package_importer", "sesha_package_importer"})


@dataclass(frozen=True)
class ModuleEntry:
    """A module as a package holds it.

    Attributes:
        member: Name of the member with its source, None for a package without ``__init__``.
        is_package: Whether it can hold submodules.
    """

    member: str | None
    is_package: bool


class Namespace(Protocol):
    """An opened package, as `hermetic.PackageLoader` sees it."""

    @property
    def prefix(self) -> str:
        """First segment of its modules' names in ``sys.modules``."""

    @property
    def label(self) -> str:
        """How errors name it."""

    @property
    def location(self) -> str:
        """Path that ``__file__`` of its modules begins with."""

    @property
    def table(self) -> Mapping[str, ModuleEntry]:
        """Its modules by name."""

    @property
    def importer(self) -> Any:
        """What packaged code gets for ``import sesha_package_importer``."""

    def read_source(self, member: str) -> bytes:
        """Source of a module."""

    def is_extern(self, name: str) -> bool:
        """Whether packaged code may import a module of the outside."""

    def resource_reader(self, name: str) -> Any:
        """An `importlib.resources.abc.TraversableResources` for a package."""
