"""What packaged code gets for the modules of the standard library that import by name.

Each facade stands before the real module, which is not changed: other code in the process goes on
to see that one.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import sys
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sesha.package.hermetic import PackageLoader

__all__ = ["Facades"]

# Functions of importlib.resources whose first argument is a package or its name. Which of them
# there are differs from Python to Python.
_OF_RESOURCES = (
    "contents",
    "files",
    "is_resource",
    "open_binary",
    "open_text",
    "path",
    "read_binary",
    "read_text",
)


class Facades:
    """The facades of one opened package; each is made when packaged code first imports it."""

    def __init__(self, loader: PackageLoader) -> None:
        self._loader = loader
        self._made: dict[str, _Facade] = {}

    def of(self, module: Any) -> Any:
        """The facade of a module, or the module itself if it needs none."""
        name = str(getattr(module, "__name__", ""))
        make = _MAKERS.get(name)
        real = sys.modules.get(name)
        if make is None or real is None or real is not module:
            return module
        facade = self._made.get(name)
        if facade is None:
            # Two threads may make one each; both get the first.
            made = _Facade(real, make(self._loader, real), self)
            facade = self._made.setdefault(name, made)
        return facade


class _Facade(ModuleType):
    def __init__(self, real: ModuleType, instead: Mapping[str, Any], facades: Facades) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update(instead, real=real, facades=facades)
        self.__spec__ = real.__spec__
        self.__loader__ = real.__loader__
        if hasattr(real, "__path__"):
            self.__path__ = real.__path__

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__dict__["real"], name)
        # A submodule, such as importlib.resources.
        return self.__dict__["facades"].of(found) if isinstance(found, ModuleType) else found

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["real"])


def _caller() -> FrameType:
    # The importing line: two frames up, for the errors that name it.
    return sys._getframe(2)  # noqa: SLF001


def _importlib(loader: PackageLoader, real: ModuleType) -> dict[str, Any]:
    del real

    def import_module(name: str, package: str | None = None) -> Any:
        """`importlib.import_module`, within the package and its externs."""
        return loader.import_for(name, package, _caller())

    return {"import_module": import_module, "__import__": loader.import_statement}


def _importlib_util(loader: PackageLoader, real: ModuleType) -> dict[str, Any]:
    del real
    return {"find_spec": loader.find_for}


def _builtins(loader: PackageLoader, real: ModuleType) -> dict[str, Any]:
    del real
    return {name: loader.builtins[name] for name in ("__import__", "open")}


def _importlib_resources(loader: PackageLoader, real: ModuleType) -> dict[str, Any]:
    def of_package(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            caller = _caller()
            for keyword in ("anchor", "package"):
                if isinstance(kwargs.get(keyword), str):
                    kwargs[keyword] = loader.import_for(kwargs[keyword], None, caller)
            if args and isinstance(args[0], str):
                args = (loader.import_for(args[0], None, caller), *args[1:])
            elif not args and not kwargs:
                # Python 3.12: the package of whoever asks.
                variables = caller.f_globals
                args = (sys.modules[variables.get("__package__") or variables["__name__"]],)
            return function(*args, **kwargs)

        return call

    return {
        name: of_package(function)
        for name in _OF_RESOURCES
        if (function := getattr(real, name, None)) is not None
    }


def _pkgutil(loader: PackageLoader, real: ModuleType) -> dict[str, Any]:
    def get_data(package: str, resource: str) -> Any:
        """`pkgutil.get_data`, within the package and its externs."""
        return real.get_data(loader.import_for(package, None, _caller()).__name__, resource)

    return {"get_data": get_data}


_MAKERS: dict[str, Callable[[PackageLoader, ModuleType], dict[str, Any]]] = {
    builtins.__name__: _builtins,
    importlib.__name__: _importlib,
    importlib.util.__name__: _importlib_util,
    "importlib.resources": _importlib_resources,
    "pkgutil": _pkgutil,
}
