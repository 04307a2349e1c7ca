"""What goes into a package besides modules: pickles, resources, entry points, the self-test."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from sesha.package import datafiles, mangling
from sesha.package.manifest import EntryPoint, Resource, SelfTest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sesha.package.importers import Located
    from sesha.package.writer import ContainerWriter, Data

__all__ = ["Contents", "member_of"]


def member_of(package: str, resource: str) -> str:
    """The member's name of a resource in a package.

    Raises:
        ValueError: The resource is no plain file name.
    """
    if "/" in resource or not resource:
        raise ValueError(f"resource {resource!r} must be a plain file name")
    package = mangling.demangle(package)
    return f"{package.replace('.', '/')}/{resource}" if package else resource


class Contents:
    """Writes resources and notes what the manifest says of them. Used by one thread.

    Attributes:
        data: Globs of data files that `add_data` takes along.
        self_test: The packaged example, if one is set.
    """

    def __init__(self, writer: ContainerWriter) -> None:
        self.data: list[str] = []
        self.self_test: SelfTest | None = None
        self._writer = writer
        self._kinds: dict[str, str] = {}
        self._entry_points: dict[str, EntryPoint] = {}
        # By identity; each value keeps its object alive, or another could get its address.
        self._script_modules: dict[int, tuple[Any, str]] = {}

    def add(self, member: str, data: Data, kind: str) -> None:
        """Writes a resource."""
        self._writer.add(member, data)
        self._kinds[member] = kind

    def add_data(self, modules: Iterable[Located]) -> None:
        """Writes the files beside modules that the globs in `data` match.

        Raises:
            EmptyMatchError: A glob matches nothing.
            OSError: A file can't be read.
        """
        if not self.data:
            return
        found: dict[str, Path] = datafiles.find(modules, self.data)
        for member, path in found.items():
            with path.open("rb") as file:
                self.add(member, file, datafiles.kind_of(member))

    def add_script_module(self, module: Any) -> str:
        """Writes a `torch.jit.ScriptModule`, once; gives the member's name."""
        import torch

        if id(module) not in self._script_modules:
            member = f".data/script_modules/{len(self._script_modules)}.pt"
            data = io.BytesIO()
            torch.jit.save(module, data)
            self.add(member, data.getvalue(), "binary")
            self._script_modules[id(module)] = (module, member)
        return self._script_modules[id(module)][1]

    def add_entry_point(self, name: str, package: str, resource: str) -> None:
        """Names a resource."""
        self._entry_points[name] = EntryPoint(name, package, resource)

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """All entry points, sorted by name."""
        return tuple(self._entry_points[name] for name in sorted(self._entry_points))

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All resources, sorted by name."""
        return tuple(Resource(member, kind) for member, kind in sorted(self._kinds.items()))
