"""The import system that packaged code sees: its own modules and the declared externs.

Packages live inside Python's ordinary import system, under names that begin with their prefix
(`mangling`). One finder on ``sys.meta_path`` serves those names, so module locks, partly imported
modules, circular imports, ``sys.modules[__name__]`` and relative imports work as everywhere.
What differs for packaged code is the ``__import__`` among its builtins, which turns the name in an
``import`` statement into a packaged one, an extern or an error; ``importlib`` and ``builtins`` are
given to it with the same rule (`facades`).

**Guarantees:**

- A module of a package is executed once, whichever threads import it; others wait for it, and a
  deadlock of circular imports in several threads is resolved as CPython does.
- Opening, importing and closing different packages in several threads is safe.
- Code in C that is called by packaged code imports what it needs, as externs' own code does.

**This code assumes:**

- Nobody closes a package while its modules are being imported; that import fails.
- `PyImport_Import` calls ``__import__`` with an empty list as fromlist, which no ``import``
  statement does (CPython 3.11 to 3.13).
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
from typing import TYPE_CHECKING, Any

from sesha.package.errors import HermeticError
from sesha.package.facades import Facades
from sesha.package.files import Files
from sesha.package.mangling import demangle, is_mangled, mangle, prefix_of
from sesha.package.namespace import IMPORTER_NAMES, ModuleEntry, Namespace
from sesha.package.sources import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, FrameType, ModuleType

__all__ = ["PackageLoader"]


class PackageLoader(importlib.abc.Loader):
    """Loads the modules of one opened package; what their ``__loader__`` is."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.facades = Facades(self)
        self._files = Files(namespace)
        self.builtins: dict[str, Any] = {
            **builtins.__dict__,
            "__import__": self.import_statement,
            "open": self._files.open,
        }

    # What importlib calls.

    def find_spec(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
        """The spec of one of the package's modules under its mangled name."""
        name = demangle(fullname)
        entry = self.namespace.table.get(name) if name else ModuleEntry(None, is_package=True)
        if entry is None:
            if not self.namespace.is_extern(name):
                return None
            # An extern below a packaged parent: `exec_module` puts the real module in its place.
            return importlib.machinery.ModuleSpec(fullname, self, loader_state=name)
        location = self.namespace.location
        origin = f"{location}/{entry.member}" if entry.member else None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=origin, is_package=entry.is_package
        )
        if origin is not None:
            spec.has_location = True
        if spec.submodule_search_locations is not None:
            folder = name.replace(".", "/")
            spec.submodule_search_locations.append(f"{location}/{folder}" if folder else location)
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Leaves the making of a module to importlib."""

    def exec_module(self, module: ModuleType) -> None:
        """Executes a module's code among the package's builtins."""
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader_state, str):
            sys.modules[spec.name] = importlib.import_module(spec.loader_state)
            return
        variables = module.__dict__
        variables["__builtins__"] = self.builtins
        variables["__torch_package__"] = True
        variables["__sesha_package__"] = self.namespace.label
        code = self.get_code(module.__name__)
        if code is not None:
            linecache.lazycache(code.co_filename, variables)
            exec(code, variables)  # noqa: S102 - this is what importing is

    # What inspect, linecache, runpy, pkgutil and importlib.resources call.

    def is_package(self, fullname: str) -> bool:
        """Whether a module of the package is one itself."""
        name = demangle(fullname)
        return not name or self._entry(name).is_package

    def get_filename(self, fullname: str) -> str:
        """``__file__`` of a module; ImportError if it has none."""
        entry = self._entry(demangle(fullname))
        if entry.member is None:
            raise ImportError(f"{fullname} is a folder of modules and has no file", name=fullname)
        return f"{self.namespace.location}/{entry.member}"

    def get_source(self, fullname: str) -> str | None:
        """Source of a module, by its mangled or its plain name."""
        name = demangle(fullname)
        if not name or (member := self._entry(name).member) is None:
            return None
        try:
            return importlib.util.decode_source(self.namespace.read_source(member))
        except ValueError as error:
            # The file was closed: linecache and inspect take this for "no source".
            raise ImportError(f"{fullname} has no source any more: {error}") from error

    def get_code(self, fullname: str) -> CodeType | None:
        """Compiled source of a module; None for a package without ``__init__``."""
        name = demangle(fullname)
        if not name or (member := self._entry(name).member) is None:
            return None
        return compile(
            self.namespace.read_source(member),
            f"{self.namespace.location}/{member}",
            "exec",
            dont_inherit=True,
        )

    def get_resource_reader(self, fullname: str) -> Any:
        """What `importlib.resources` reads a package's files with."""
        name = demangle(fullname)
        if name and not self._entry(name).is_package:
            return None
        return self.namespace.resource_reader(name)

    def get_data(self, path: str) -> bytes:
        """A file beside a module's ``__file__``; FileNotFoundError if it is not in the package."""
        return self._files.get_data(path)

    def _entry(self, name: str) -> ModuleEntry:
        entry = self.namespace.table.get(name)
        if entry is None:
            raise ImportError(f"{self.namespace.label} has no module {name!r}", name=name)
        return entry

    # What packaged code calls.

    def import_statement(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the signature of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """``__import__`` of packaged code.

        Raises:
            HermeticError: The module is neither in the package nor a declared extern.
        """
        caller = sys._getframe(1)  # noqa: SLF001 - the importing line
        if level > 0:
            return self._import_relative(name, globals or {}, fromlist, level, caller)
        if name in IMPORTER_NAMES:
            return self.namespace.importer
        if self._is_packaged(name):
            module = self._import_own(name, caller)
            if fromlist:
                return self._with_members(module, name, fromlist, caller)
            return module if is_mangled(name) else self._own_module(name.partition(".")[0])
        if not self.namespace.is_extern(name) and not _called_from_c(caller, fromlist, globals):
            raise self._refusal(name, caller)
        module = builtins.__import__(name, globals, locals, fromlist or (), 0)
        return self.facades.of(module)

    def import_module(self, name: str, package: str | None = None) -> Any:
        """`importlib.import_module` of packaged code, and the importer's own way to a module."""
        return self.import_for(name, package, sys._getframe(1))  # noqa: SLF001 - the importing line

    def import_for(self, name: str, package: str | None, caller: FrameType | None) -> Any:
        """Imports on behalf of a frame, which errors then name."""
        level = len(name) - len(name.lstrip("."))
        if level:
            if not package:
                raise TypeError(
                    f"the 'package' argument is required to import {name!r} relative to it"
                )
            name = resolve(name[level:], demangle(package), level)
        elif prefix_of(name) == self.namespace.prefix:
            name = demangle(name)
        if name in IMPORTER_NAMES:
            return self.namespace.importer
        if self._is_packaged(name):
            return self._import_own(name, caller)
        if is_mangled(name) or self.namespace.is_extern(name):
            return self.facades.of(importlib.import_module(name))
        raise self._refusal(name, caller)

    def find_for(self, name: str, package: str | None = None) -> Any:
        """`importlib.util.find_spec` of packaged code."""
        level = len(name) - len(name.lstrip("."))
        if level:
            name = resolve(name[level:], demangle(package or ""), level)
        name = demangle(name) if prefix_of(name) == self.namespace.prefix else name
        if self._is_packaged(name):
            return importlib.util.find_spec(mangle(self.namespace.prefix, name))
        return importlib.util.find_spec(name) if self.namespace.is_extern(name) else None

    def _is_packaged(self, name: str) -> bool:
        if prefix_of(name) == self.namespace.prefix:
            return True
        table = self.namespace.table
        return name in table or (
            name.partition(".")[0] in table and not self.namespace.is_extern(name)
        )

    def _own_module(self, name: str) -> ModuleType:
        return sys.modules[mangle(self.namespace.prefix, name)]

    def _import_own(self, name: str, caller: FrameType | None) -> ModuleType:
        mangled = name if is_mangled(name) else mangle(self.namespace.prefix, name)
        try:
            # Not importlib.import_module: where two threads import in a circle, that raises.
            builtins.__import__(mangled)
        except ModuleNotFoundError as error:
            if isinstance(error, HermeticError) or not self._is_mine(error.name):
                raise
            raise self._refusal(demangle(error.name or ""), caller) from None
        module = sys.modules.get(mangled)
        if module is None:
            raise ImportError(f"{name} took itself out of sys.modules", name=name)
        return module

    def _import_relative(
        self,
        name: str,
        variables: Mapping[str, Any],
        fromlist: Sequence[str] | None,
        level: int,
        caller: FrameType,
    ) -> Any:
        package = variables.get("__package__")
        if package is None:
            package = str(variables.get("__name__", ""))
            package = package if "__path__" in variables else package.rpartition(".")[0]
        absolute = resolve(name, demangle(package), level)
        if not absolute:
            raise ImportError("attempted relative import beyond top-level package")
        module = self._import_own(absolute, caller)
        return self._with_members(module, absolute, fromlist, caller) if fromlist else module

    def _with_members(
        self, module: ModuleType, name: str, members: Sequence[str], caller: FrameType
    ) -> ModuleType:
        """Imports those of a package's members that are modules, as ``from x import y`` does."""
        if not hasattr(module, "__path__"):
            return module
        names = list(members)
        if "*" in names:
            names.remove("*")
            names.extend(str(each) for each in getattr(module, "__all__", ()))
        for member in names:
            if hasattr(module, member):
                continue
            full = f"{demangle(name)}.{member}"
            if full in self.namespace.table or self.namespace.is_extern(full):
                self._import_own(full, caller)
        return module

    def _is_mine(self, name: str | None) -> bool:
        return name is not None and prefix_of(name) == self.namespace.prefix

    def _refusal(self, name: str, caller: FrameType | None) -> HermeticError:
        where = ""
        if caller is not None:
            where = f" (imported by {caller.f_code.co_filename}, line {caller.f_lineno})"
        return HermeticError(
            f"{self.namespace.label} has no module {name!r} and doesn't declare it as an "
            f"extern{where}; pack it again with that module interned or extern",
            name=name,
        )


def _called_from_c(
    caller: FrameType, fromlist: Sequence[str] | None, variables: Mapping[str, Any] | None
) -> bool:
    # PyImport_Import, in an extension that packaged code called.
    return (
        type(fromlist) is list
        and not fromlist
        and variables is caller.f_globals
        and "__import__" not in caller.f_code.co_names
    )
