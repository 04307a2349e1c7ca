"""A file that appears at its place whole, or not at all.

**Guarantees:**

* Until `commit`, the target is as it was: absent, or the old file with its old bytes, for readers
  who have it open or mapped too.
* After `commit` returns, the target is the new file, on the disk. The replacement is one
  rename(2).
* Left in any other way (an exception, Ctrl-C, a full disk), nothing of the new file remains. On
  file systems with O_TMPFILE that holds for SIGKILL and loss of power too: the file has no name
  until it is whole.

**This code assumes:** one thread uses an object at a time; nobody else writes into the folder
under the random name that the file has for an instant.
"""

import contextlib
import errno
import os
import secrets
from pathlib import Path

from sesha.package.closing import Closing

_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})


class StagedFile(Closing):
    """The file that will be `path`: write to `file`, then `commit`.

    Raises:
        OSError: The folder does not exist or can't be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "the target is a folder", os.fspath(path))
        self._folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._temporary: str | None = None
        try:
            descriptor = self._open()
        except BaseException:
            os.close(self._folder)
            raise
        # Buffered not for speed but because a raw write may write less than it was given.
        self.file = os.fdopen(descriptor, "r+b")

    def _open(self) -> int:
        # As an ordinary new file: what the user's umask leaves of it.
        mode = 0o666
        if hasattr(os, "O_TMPFILE"):
            try:
                return os.open(self.path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
            except OSError as error:
                if error.errno not in _NO_TMPFILE:
                    raise
        name = self._new_name()
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        # Known before it exists, so that Ctrl-C in between can't leave it behind.
        self._temporary = name
        return os.open(name, flags, mode, dir_fd=self._folder)

    def _new_name(self) -> str:
        return f".{self.path.name[:100]}.{secrets.token_hex(8)}.tmp"

    def commit(self) -> None:
        """Puts the file at its place and closes it.

        Raises:
            OSError: It could not be written out; the target is as it was.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        if self._temporary is None:
            name = self._new_name()
            self._temporary = name
            # Absolute, so the folder given for it plays no part; but it makes Python call
            # linkat(2) with AT_SYMLINK_FOLLOW, which is what gives an unnamed file a name.
            os.link(
                f"/proc/self/fd/{self.file.fileno()}",
                name,
                src_dir_fd=self._folder,
                dst_dir_fd=self._folder,
                follow_symlinks=True,
            )
        os.rename(self._temporary, self.path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = None
        os.fsync(self._folder)
        self.close()

    def close(self) -> None:
        """Discards what was not committed; may be called again."""
        if self.file.closed:
            return
        try:
            if self._temporary is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._temporary, dir_fd=self._folder)
        finally:
            self._temporary = None
            try:
                self.file.close()
            except OSError:
                # What it still held goes nowhere; the descriptor is closed all the same.
                pass
            finally:
                os.close(self._folder)
