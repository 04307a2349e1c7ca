"""Brings opened packages into Python's import system, and takes them out again.

Opening, importing and closing different packages in several threads is safe.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import linecache
import sys
from typing import TYPE_CHECKING

from sesha.package import listing
from sesha.package.mangling import prefix_of

if TYPE_CHECKING:
    from sesha.package.hermetic import PackageLoader

__all__ = ["close", "register"]


class _PackageFinder:
    """Finds the modules of all opened packages of this interpreter, by their prefix."""

    def __init__(self) -> None:
        self.loaders: dict[str, PackageLoader] = {}

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        del path, target
        loader = self.loaders.get(prefix_of(fullname) or "")
        return loader.find_spec(fullname) if loader is not None else None

    def invalidate_caches(self) -> None:
        """Nothing is cached: an archive does not change while it is open."""


_finder = _PackageFinder()


def register(loader: PackageLoader) -> None:
    """Makes a package's modules importable under their mangled names."""
    _finder.loaders[loader.namespace.prefix] = loader
    if _finder not in sys.meta_path:
        # First: a package's path lies in a zip, which zipimport would read too, with no rules.
        sys.meta_path.insert(0, _finder)
    listing.add(loader)
    importlib.import_module(loader.namespace.prefix)


def close(loader: PackageLoader) -> None:
    """Takes a package's modules out of the import system; objects of theirs live on."""
    prefix = loader.namespace.prefix
    _finder.loaders.pop(prefix, None)
    listing.remove(loader)
    for name in [name for name in sys.modules if prefix_of(name) == prefix]:
        module = sys.modules.pop(name, None)
        file = getattr(module, "__file__", None)
        if file is not None and getattr(module, "__loader__", None) is loader:
            linecache.cache.pop(file, None)
