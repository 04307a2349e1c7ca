"""Sees which modules code imports while it runs, whether or not they were imported before.

**This code assumes:** nothing else in the process replaces ``builtins.__import__`` meanwhile.
Imports of other threads are seen too; each is noted with the module that asked for it.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sesha.package.sources import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["SeenImport", "observe", "trace_dependencies"]


@dataclass(frozen=True)
class SeenImport:
    """An import that was executed.

    Attributes:
        importer: Name of the module whose code asked for it.
        module: Absolute name of the module that was asked for.
        members: Names that were taken from it: objects, or modules below it.
    """

    importer: str
    module: str
    members: tuple[str, ...] = ()


@contextmanager
def observe() -> Iterator[list[SeenImport]]:
    """Notes every import, by statement or by name, that is executed in the ``with`` block."""
    seen: dict[SeenImport, None] = {}
    result: list[SeenImport] = []
    bootstrap: Any = importlib._bootstrap  # noqa: SLF001 - import_module calls it
    plain_import, plain_by_name = builtins.__import__, bootstrap._gcd_import  # noqa: SLF001

    def note(frame: Any, name: str, package: str | None, level: int, members: object) -> None:
        asking = frame.f_globals
        try:
            absolute = resolve(name, package or _package(asking), level)
        except ImportError:
            return
        taken = tuple(each for each in members if each != "*") if members else ()  # type: ignore[attr-defined]
        seen[SeenImport(str(asking.get("__name__", "")), absolute, taken)] = None

    def by_statement(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the signature of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        note(sys._getframe(1), name, _package(globals or {}), level, fromlist)  # noqa: SLF001
        return plain_import(name, globals, locals, fromlist or (), level)

    def by_name(name: str, package: str | None = None, level: int = 0) -> Any:
        caller = sys._getframe(1)  # noqa: SLF001
        if caller.f_globals.get("__name__") == "importlib" and caller.f_back is not None:
            note(caller.f_back, name, package, level, ())
        return plain_by_name(name, package, level)

    builtins.__import__, bootstrap._gcd_import = by_statement, by_name  # noqa: SLF001
    try:
        yield result
    finally:
        builtins.__import__, bootstrap._gcd_import = plain_import, plain_by_name  # noqa: SLF001
        result.extend(seen)


def trace_dependencies(
    callable: Callable[..., Any],  # noqa: A002 - torch.package's name
    inputs: Iterable[tuple[Any, ...]],
) -> list[str]:
    """The modules whose Python functions are executed when something is called.

    Args:
        callable: What is called.
        inputs: The arguments of each call.

    Returns:
        Names of modules, sorted.
    """
    used: set[str] = set()

    def note(frame: Any, event: str, argument: object) -> None:
        del argument
        if event == "call":
            name = frame.f_globals.get("__name__")
            if isinstance(name, str):
                used.add(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for arguments in inputs:
            callable(*arguments)
    finally:
        sys.setprofile(before)
    return sorted(used - {__name__})


def _package(variables: Mapping[str, Any]) -> str:
    package = variables.get("__package__")
    if isinstance(package, str):
        return package
    name = str(variables.get("__name__", ""))
    return name if "__path__" in variables else name.rpartition(".")[0]
