"""Lists the modules of opened packages for `pkgutil`, which asks by path, not by name.

Code that looks for its own plug-ins (``pkgutil.iter_modules(__path__)``) finds them in a package as
it does in a folder. Folders that packages were unpacked to need none of this.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.machinery import ModuleSpec

    from sesha.package.hermetic import PackageLoader

__all__ = ["add", "remove"]

_loaders: dict[str, PackageLoader] = {}


class _Folder:
    """A folder of a package's modules, as `pkgutil` and importlib's path finder use it."""

    def __init__(self, loader: PackageLoader, folder: str) -> None:
        self._loader = loader
        self._package = folder.replace("/", ".")

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Names of the modules directly in it, each with whether it is a package."""
        for name, entry in sorted(self._loader.namespace.table.items()):
            parent, _, last = name.rpartition(".")
            if parent == self._package:
                yield prefix + last, entry.is_package

    def find_spec(self, fullname: str, target: object = None) -> ModuleSpec | None:
        """See `importlib.abc.PathEntryFinder`."""
        del target
        prefix = self._loader.namespace.prefix
        return self._loader.find_spec(fullname) if fullname.startswith(f"{prefix}.") else None


def _hook(path: str) -> _Folder:
    for location, loader in list(_loaders.items()):
        if path == location or path.startswith(f"{location}/"):
            return _Folder(loader, path[len(location) :].strip("/"))
    raise ImportError(f"{path} lies in no opened package")


def add(loader: PackageLoader) -> None:
    """Has the modules of a package listed."""
    location = loader.namespace.location
    if Path(location).is_dir():
        return
    _loaders[location] = loader
    hooks: list[Callable[[str], object]] = sys.path_hooks  # type: ignore[assignment]
    if _hook not in hooks:
        # First: zipimport would take the path for its own.
        hooks.insert(0, _hook)
    _forget(location)


def remove(loader: PackageLoader) -> None:
    """Has them listed no longer."""
    location = loader.namespace.location
    if _loaders.get(location) is loader:
        del _loaders[location]
    _forget(location)


def _forget(location: str) -> None:
    for path in list(sys.path_importer_cache):
        if path == location or path.startswith(f"{location}/"):
            sys.path_importer_cache.pop(path, None)
