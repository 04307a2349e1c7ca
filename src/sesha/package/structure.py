"""The members of a package as a tree of folders and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sesha.package.patterns import GlobGroup, GlobPattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Directory"]


class Directory:
    """A folder or file of a package; `str` draws the tree below it.

    Attributes:
        name: Last segment of its path.
        is_dir: Whether it is a folder.
        children: What it holds, by name.
    """

    def __init__(self, name: str, *, is_dir: bool) -> None:
        self.name = name
        self.is_dir = is_dir
        self.children: dict[str, Directory] = {}

    @classmethod
    def of(
        cls, name: str, files: Iterable[str], include: GlobPattern = "**", exclude: GlobPattern = ()
    ) -> Directory:
        """The tree of those of some paths that globs (with ``/``) choose."""
        chosen = GlobGroup(include, exclude=exclude, separator="/")
        root = cls(name, is_dir=True)
        for file in files:
            if chosen.matches(file):
                *folders, last = file.split("/")
                folder = root
                for each in folders:
                    folder = folder.children.setdefault(each, cls(each, is_dir=True))
                folder.children[last] = cls(last, is_dir=False)
        return root

    def has_file(self, filename: str) -> bool:
        """Whether there is a file or folder at a path below this one."""
        found: Directory | None = self
        for segment in filename.split("/"):
            found = found.children.get(segment) if found else None
        return found is not None

    def __str__(self) -> str:
        return "\n".join([self.name, *self.lines("")]) + "\n"

    def lines(self, indent: str) -> Iterator[str]:
        """The tree below it, line by line."""
        # Folders first, each kind by name.
        children = sorted(self.children.values(), key=lambda child: (not child.is_dir, child.name))
        for child in children:
            last = child is children[-1]
            yield f"{indent}{'└── ' if last else '├── '}{child.name}"
            yield from child.lines(indent + ("    " if last else "│   "))
