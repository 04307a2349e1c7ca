"""Where modules come from: this Python's own import system, an opened package, a list of both.

An exporter asks them three things: import a module by name, tell under which name an object can be
found again, and tell what a module is made of without executing it.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pickle
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.package.errors import PackageError
from sesha.package.mangling import demangle, is_mangled, prefix_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = [
    "Importer",
    "Located",
    "ObjMismatchError",
    "ObjNotFoundError",
    "OrderedImporter",
    "getattr_path",
    "sys_importer",
]


class ObjNotFoundError(PackageError):
    """An importer can't find an object under the name that it has."""


class ObjMismatchError(PackageError):
    """An importer finds another object under the name that an object has."""


@dataclass(frozen=True)
class Located:
    """What a module is made of.

    Attributes:
        name: Absolute name, not mangled.
        is_package: Whether it can hold submodules.
        source: Python source, None if it has none (an extension, a namespace package).
        origin: File that it is loaded from, None if there is none.
        folders: For a package: the folders that its submodules lie in.
    """

    name: str
    is_package: bool
    source: str | None
    origin: str | None
    folders: tuple[str, ...] = ()


class Importer(ABC):
    """A namespace of modules: what holds is `getattr(import_module(m), n) is obj` for
    `m, n = get_name(obj)`, or `get_name` raises.
    """  # noqa: D205 - the equation is the summary

    @abstractmethod
    def import_module(self, module_name: str) -> ModuleType:
        """Imports a module of this namespace.

        Raises:
            ModuleNotFoundError: The namespace has no such module.
        """

    def get_name(self, obj: Any, name: str | None = None) -> tuple[str, str]:
        """Module and qualified name under which this importer gives `obj` again.

        Args:
            obj: A class, function or other object that a module holds.
            name: Its name, if it is another than its `__qualname__`.

        Raises:
            ObjNotFoundError: There is nothing under its name.
            ObjMismatchError: There is something else under its name.
        """
        if name is None:
            name = _reduced_name(obj) or getattr(obj, "__qualname__", None) or obj.__name__
        module_name = demangle(self.whichmodule(obj, name))
        try:
            found = getattr_path(self.import_module(module_name), name)
        except (ImportError, AttributeError, KeyError):
            raise ObjNotFoundError(f"{obj!r} was not found as {module_name}.{name}") from None
        if found is not obj:
            raise ObjMismatchError(_mismatch(obj, found, module_name, name))
        return module_name, name

    def whichmodule(self, obj: Any, name: str) -> str:
        """Name of the module that an object says it belongs to."""
        module = getattr(obj, "__module__", None)
        # pickle searches sys.modules for the object if it doesn't say.
        return module if isinstance(module, str) else str(pickle.whichmodule(obj, name))  # type: ignore[attr-defined]  # typeshed leaves it out

    def locate(self, module_name: str) -> Located | None:
        """What a module is made of, None if this namespace has no such module.

        An importer of the user's own has only `import_module`: then the module is imported.
        """
        try:
            module = self.import_module(module_name)
        except ImportError:
            return None
        spec = getattr(module, "__spec__", None)
        loader = getattr(spec, "loader", None) or getattr(module, "__loader__", None)
        source = None
        if (get_source := getattr(loader, "get_source", None)) is not None:
            try:
                source = get_source(module.__name__)
            except (ImportError, OSError, SyntaxError):
                source = None
        return Located(
            demangle(module_name),
            hasattr(module, "__path__"),
            source,
            getattr(module, "__file__", None),
        )


class _SysImporter(Importer):
    """This Python's own import system."""

    def import_module(self, module_name: str) -> ModuleType:
        return importlib.import_module(module_name)

    def locate(self, module_name: str) -> Located | None:
        if is_mangled(module_name):
            return None
        spec = find_spec(module_name)
        if spec is None:
            return None
        origin = spec.origin if spec.has_location else None
        source = None
        if isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
            pass
        elif (get_source := getattr(spec.loader, "get_source", None)) is not None:
            try:
                source = get_source(spec.name)
            except (ImportError, OSError, SyntaxError, UnicodeError):
                source = None
        return Located(
            module_name,
            spec.submodule_search_locations is not None,
            source,
            origin,
            tuple(_folders(spec)),
        )

    def __repr__(self) -> str:
        return "sys_importer"


sys_importer = _SysImporter()


class OrderedImporter(Importer):
    """Several importers, of which the first that has an answer gives it."""

    def __init__(self, *importers: Importer) -> None:
        for importer in importers:
            if not isinstance(importer, Importer):
                raise TypeError(
                    f"{importer!r} is not an Importer; give sys_importer or PackageImporters"
                )
        self.importers: Sequence[Importer] = importers

    def import_module(self, module_name: str) -> ModuleType:
        """The module of the first importer that has it; see `Importer.import_module`."""
        error: ModuleNotFoundError | None = None
        for importer in self.importers:
            try:
                module = importer.import_module(module_name)
            except ModuleNotFoundError as missing:
                error = error or missing
                continue
            if not _is_placeholder(module):
                return module
        raise error or ModuleNotFoundError(f"No module named {module_name!r}", name=module_name)

    def get_name(self, obj: Any, name: str | None = None) -> tuple[str, str]:
        """The name that the first importer gives which finds the object."""
        problems: list[PackageError] = []
        for importer in self.importers:
            try:
                return importer.get_name(obj, name)
            except (ObjNotFoundError, ObjMismatchError) as problem:
                problems.append(problem)
        for each in problems:
            if isinstance(each, ObjMismatchError):
                raise each
        raise ObjNotFoundError(f"{obj!r} was found in none of {list(self.importers)}")

    def whichmodule(self, obj: Any, name: str) -> str:
        """What the first importer that knows says; `__main__` if none does."""
        for importer in self.importers:
            module = importer.whichmodule(obj, name)
            if module != "__main__":
                return module
        return "__main__"

    def locate(self, module_name: str) -> Located | None:
        """What the first importer that has the module says."""
        placeholder = None
        for importer in self.importers:
            located = importer.locate(module_name)
            if located is None:
                continue
            if located.source is not None or located.origin is not None:
                return located
            placeholder = placeholder or located
        return placeholder

    def __repr__(self) -> str:
        return f"OrderedImporter({', '.join(map(repr, self.importers))})"


def getattr_path(module: ModuleType, qualified_name: str) -> Any:
    """The object that a dotted path leads to; AttributeError if it leads nowhere."""
    found: Any = module
    for part in qualified_name.split("."):
        found = getattr(found, part)
    return found


def find_spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """The spec of a module, without executing anything: neither it nor its parents."""
    loaded = sys.modules.get(name)
    spec = getattr(loaded, "__spec__", None)
    if isinstance(spec, importlib.machinery.ModuleSpec):
        return spec
    path: Sequence[str] | None = None
    found: importlib.machinery.ModuleSpec | None = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        found = _ask_finders(prefix, path)
        if found is None:
            return None
        if end < len(parts):
            if found.submodule_search_locations is None:
                return None
            # The loaded parent may have grown its path (pkgutil.extend_path).
            path = getattr(sys.modules.get(prefix), "__path__", None) or _folders(found)
    return found


def _folders(spec: importlib.machinery.ModuleSpec) -> list[str]:
    locations: Any = spec.submodule_search_locations
    # Iterating over a namespace package's path asks for its parent, which may not be imported.
    return list(getattr(locations, "_path", locations) or ())


def _ask_finders(name: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is None:
            continue
        try:
            spec = find(name, path, None)
        except KeyError:
            # A folder of modules in another: its path asks for the parent, which isn't imported.
            return _nested_namespace(name, path or ())
        except (ImportError, ValueError, AttributeError):
            continue
        if isinstance(spec, importlib.machinery.ModuleSpec):
            return spec
    return None


def _nested_namespace(name: str, path: Sequence[str]) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    folders = [Path(folder, name.rpartition(".")[2]) for folder in path]
    spec.submodule_search_locations = [str(folder) for folder in folders if folder.is_dir()]
    return spec


def _is_placeholder(module: ModuleType) -> bool:
    # A package that stands in an archive only for what lies below it: re-exported, it would hide
    # the real one of the next importer.
    return (
        getattr(module, "__torch_package__", False)
        and hasattr(module, "__path__")
        and getattr(module, "__file__", None) is None
    )


def _reduced_name(obj: Any) -> str | None:
    # An object whose __reduce__ gives a string is a global of that name.
    if isinstance(obj, type) or callable(obj):
        return None
    try:
        reduced = obj.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - the user's own code; it only has no name then
        return None
    return reduced if isinstance(reduced, str) else None


def _mismatch(obj: Any, found: Any, module_name: str, name: str) -> str:
    def home(thing: Any) -> str:
        module = getattr(thing, "__module__", None) or ""
        prefix = prefix_of(module)
        return f"the package opened as {prefix}" if prefix else "this Python's own modules"

    return (
        f"{module_name}.{name} is to be packaged from {home(obj)}, but the first importer that has "
        f"that name takes it from {home(found)}; list the importer that the object came from "
        "before the others: PackageExporter(..., importer=(that_importer, sys_importer))"
    )
