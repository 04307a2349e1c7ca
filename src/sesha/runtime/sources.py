"""Modules whose source is kept in memory, in the interpreter that runs this."""

from __future__ import annotations

import importlib.abc
import importlib.util
import linecache
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType


def remember_lines(filename: str, source: str) -> None:
    """Let tracebacks show the lines of a source that is in no file."""
    # Without a time of modification, linecache never looks for the file.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


class RememberedSources:
    """The sources that ran in one namespace, which holds this: remembered for as long as it lives.

    Functions that they defined hold the namespace too, so tracebacks of those show their lines.
    """

    def __init__(self) -> None:
        self._filenames: list[str] = []

    def add(self, filename: str, source: str) -> None:
        """Remember one more."""
        self._filenames.append(filename)
        remember_lines(filename, source)

    def __del__(self) -> None:
        # Also at the interpreter's end, when modules may be empty by now.
        cache = getattr(linecache, "cache", {})
        for filename in self._filenames:
            cache.pop(filename, None)


class SourceFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads registered modules, before anything on ``sys.path``."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the spec of a registered module, or of a package that only holds some."""
        del path, target
        is_package = self.is_package(fullname)
        # A parent that exists elsewhere stays what it is.
        if fullname not in self.sources and (not is_package or self._exists_elsewhere(fullname)):
            return None
        return importlib.util.spec_from_loader(
            fullname, self, origin=self.get_filename(fullname), is_package=is_package
        )

    def is_package(self, fullname: str) -> bool:
        """Return whether modules below that name are registered."""
        return any(name.startswith(f"{fullname}.") for name in self.sources)

    def get_source(self, fullname: str) -> str:
        """Return the source; empty for a package that only holds modules."""
        return self.sources.get(fullname, "")

    def get_filename(self, fullname: str) -> str:
        """Return what tracebacks show in place of a path."""
        return f"<registered module {fullname}>"

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source."""
        return compile(
            self.get_source(fullname), self.get_filename(fullname), "exec", dont_inherit=True
        )

    def _exists_elsewhere(self, fullname: str) -> bool:
        if "." in fullname:
            return False
        finders = [finder for finder in sys.meta_path if finder is not self]
        return any(finder.find_spec(fullname, None) is not None for finder in finders)


_finder = SourceFinder()


def register(sources: Mapping[str, str]) -> None:
    """Make modules importable here; one that was imported before stays until it is reloaded."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.sources.update(sources)
    for name, source in sources.items():
        remember_lines(_finder.get_filename(name), source)
