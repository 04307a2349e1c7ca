"""Files of a packaged module's folder, for `importlib.resources`."""

from __future__ import annotations

import errno
import io
from importlib.resources.abc import Traversable, TraversableResources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesha.package.archives import Archive


__all__ = ["Reader", "Resource"]


class Reader(TraversableResources):
    """What `importlib.resources.files` asks a loader for."""

    def __init__(self, archive: Archive, package: str) -> None:
        self._archive = archive
        self._folder = package.replace(".", "/")

    def files(self) -> Resource:
        """The package's folder."""
        return Resource(self._archive, self._folder)


class Resource(Traversable):
    """A member of a package, or a folder of members. Read only."""

    def __init__(self, archive: Archive, path: str) -> None:
        self._archive = archive
        self._path = path

    @property
    def name(self) -> str:
        """Last segment of its path."""
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        """Whether it is a member."""
        return self._path in self._archive

    def is_dir(self) -> bool:
        """Whether members lie below it."""
        return not self._path or any(
            name.startswith(f"{self._path}/") for name in self._archive.names
        )

    def iterdir(self) -> Iterator[Resource]:
        """What lies directly below it."""
        start = f"{self._path}/" if self._path else ""
        firsts = {
            name[len(start) :].partition("/")[0]
            for name in self._archive.names
            if name.startswith(start)
        }
        for first in sorted(firsts):
            yield Resource(self._archive, start + first)

    def joinpath(self, *descendants: Any) -> Resource:
        """What lies at a path below it."""
        path = "/".join(filter(None, [self._path, *map(str, descendants)]))
        return Resource(self._archive, path)

    def __truediv__(self, child: Any) -> Resource:
        return self.joinpath(child)

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        """A file object in memory.

        Raises:
            FileNotFoundError: The package has no such file; `filename` tells where it was sought.
            IsADirectoryError: It is a folder.
            ValueError: The mode is not one for reading.
        """
        if not self.is_file():
            number = errno.EISDIR if self.is_dir() else errno.ENOENT
            text = "it is a folder" if self.is_dir() else "the package has no such file"
            # OSError makes itself the subclass that the number stands for.
            raise OSError(number, text, f"{self._archive.location}/{self._path}")
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"mode is {mode!r}; a package is opened with 'r' or 'rb'")
        data = io.BytesIO(self._archive.read(self._path))
        return data if "b" in mode else io.TextIOWrapper(data, *args, **kwargs)

    def read_bytes(self) -> bytes:
        """Its bytes."""
        with self.open("rb") as file:
            data: bytes = file.read()
            return data

    def read_text(self, encoding: str | None = None) -> str:
        """Its text."""
        with self.open("r", encoding=encoding or "utf-8") as file:
            text: str = file.read()
            return text

    def __repr__(self) -> str:
        return f"Resource({self._archive.location!r}, {self._path!r})"
