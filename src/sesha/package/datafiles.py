"""Finds the data files beside modules, by globs over the paths that they have in a package.

A file's path in the package is relative to what its modules' are: ``words.txt`` in the folder of
the package ``shop.lists`` is ``shop/lists/words.txt``, and beside a module without a package, or
beside ``shop`` itself, it is ``words.txt``. Hidden folders, byte code and Python source are no
data.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sesha.package.actions import EmptyMatchError
from sesha.package.patterns import GlobGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sesha.package.importers import Located

__all__ = ["beside", "find", "kind_of"]

_TEXT = frozenset({".txt", ".json", ".md", ".toml", ".yaml", ".yml", ".csv", ".cfg", ".ini"})
_NO_DATA = (".py", ".pyc", ".pyo")


def kind_of(path: str) -> str:
    """``text`` or ``binary``, by the name's ending."""
    return "text" if Path(path).suffix in _TEXT else "binary"


def find(modules: Iterable[Located], globs: Iterable[str]) -> dict[str, Path]:
    """The files beside modules that globs match: by path in the package, sorted.

    Args:
        modules: The modules that go into the package.
        globs: Over paths in the package, such as ``"shop/lists/*.txt"``; see `GlobGroup`. One that
            begins with ``**`` looks only into the folders of packages.

    Raises:
        EmptyMatchError: A glob matches no file; names the folders that were searched.
        ValueError: A glob is malformed.
        OSError: A folder can't be read.
    """
    folders = list(_folders(modules))
    found: dict[str, Path] = {}
    for text in globs:
        # As a shell completes paths.
        glob = _Glob(text.removeprefix("./").rstrip("/"))
        matched = False
        for prefix, folder in folders:
            if not prefix and glob.segments[0] == "**":
                # Beside a project's modules may lie anything, down to other projects.
                continue
            for member, path in _walk(folder, prefix, glob):
                found.setdefault(member, path)
                matched = True
        if not matched:
            raise EmptyMatchError(_no_match(text, folders))
    return dict(sorted(found.items()))


def _no_match(text: str, folders: list[tuple[str, Path]]) -> str:
    plain = text.removeprefix("./").rstrip("/")
    for prefix, folder in folders:
        if plain.startswith(prefix) and (folder / plain.removeprefix(prefix)).is_dir():
            return f"data {text!r} is a folder; for all files below it write '{plain}/**'"
    where = ", ".join(sorted({str(folder) for _, folder in folders})) or "none"
    return (
        f"data {text!r} matches no file beside the packaged modules; a path is as in the package, "
        f"such as 'shop/lists/*.txt', and '**' is any folders. Searched: {where}"
    )


def beside(modules: Iterable[Located], path: str) -> str | None:
    """The path in the package of a file that lies beside modules, None if there is none.

    Args:
        modules: The modules that go into the package.
        path: Where it was looked for in the package.
    """
    for prefix, folder in _folders(modules):
        if path.startswith(prefix) and (folder / path.removeprefix(prefix)).is_file():
            return path
    return None


class _Glob:
    def __init__(self, text: str) -> None:
        self.segments = text.split("/")
        self._whole = GlobGroup(text, separator="/")
        self._parts = [GlobGroup(each, separator="/") for each in self.segments]

    def matches(self, path: str) -> bool:
        return self._whole.matches(path)

    def may_match_below(self, folder: str) -> bool:
        """Whether files in a folder, or below it, can match."""
        names = folder.split("/") if folder else []
        for name, segment, part in zip(names, self.segments, self._parts, strict=False):
            if segment == "**":
                return True
            if not part.matches(name):
                return False
        return len(self.segments) > len(names)


def _folders(modules: Iterable[Located]) -> Iterator[tuple[str, Path]]:
    """The folders of modules, each with what the paths of its files begin with in the package."""
    seen: set[tuple[str, Path]] = set()
    for module in modules:
        for each in _folders_of(module):
            if each not in seen and each[1].is_dir():
                seen.add(each)
                yield each


def _folders_of(module: Located) -> Iterator[tuple[str, Path]]:
    *parents, last = module.name.split(".")
    if not module.is_package:
        if module.origin is not None:
            yield "".join(f"{parent}/" for parent in parents), Path(module.origin).parent
        return
    for folder in map(Path, module.folders):
        yield f"{module.name.replace('.', '/')}/", folder
        if not parents and folder.name == last:
            yield "", folder.parent


def _walk(root: Path, prefix: str, glob: _Glob) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(root, onerror=_raise):
        below = Path(folder).relative_to(root).as_posix()
        place = prefix if below == "." else f"{prefix}{below}/"
        if not glob.may_match_below(place.rstrip("/")):
            folders.clear()
            continue
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__pycache__"
        )
        for name in sorted(files):
            if not name.endswith(_NO_DATA) and glob.matches(place + name):
                yield place + name, Path(folder, name)


def _raise(error: OSError) -> None:
    raise error
