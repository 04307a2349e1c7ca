"""A package's files by the paths that they seem to have: beside the ``__file__`` of its modules.

Code that reads a file beside itself with ``open`` finds it in the package. What others open by
path (`pathlib`, numpy, code in C) asks the system, which knows no files in a package: for those
there is `importlib.resources`, whose ``as_file`` gives a real file.
"""

from __future__ import annotations

import builtins
import errno
import os
import posixpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sesha.package.namespace import Namespace

__all__ = ["Files", "path_below"]


def path_below(location: str, path: str) -> str | None:
    """What follows a package's location in a path, ``..`` resolved; None if it leads elsewhere."""
    # As abspath and resolve give it back, with which code makes its own place absolute.
    for start in (location, os.path.abspath(location), os.path.realpath(location)):  # noqa: PTH100 - strings
        if path.startswith(f"{start}/"):
            below = posixpath.normpath(path[len(start) + 1 :])
            return None if below.split("/")[0] == ".." else below
    return None


class Files:
    """The files of one opened package. Any number of threads may use it."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def get_data(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: The package has no such file.
        """
        member = path_below(self._namespace.location, path)
        if member is None:
            raise FileNotFoundError(errno.ENOENT, f"{self._namespace.label} has no such file", path)
        data: bytes = self._resource(member).read_bytes()
        return data

    def open(
        self, file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any
    ) -> Any:
        """`open` of packaged code."""
        path = os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else None
        member = self._member_at(path) if path is not None else None
        if member is None:
            return builtins.open(file, mode, buffering, *args, **kwargs)  # noqa: PTH123 - it is open
        text = dict(zip(("encoding", "errors", "newline"), args, strict=False)) | {
            name: kwargs[name] for name in kwargs if name not in {"closefd", "opener"}
        }
        return self._resource(member).open(mode, **({} if "b" in mode else text))

    def _resource(self, member: str) -> Any:
        return self._namespace.resource_reader("").files().joinpath(member)

    def _member_at(self, path: str) -> str | None:
        location = self._namespace.location
        # Files of an unpacked package are there for everyone.
        if os.path.isdir(location):  # noqa: PTH112 - a string among strings
            return None
        return path_below(location, path)
