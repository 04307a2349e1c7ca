"""A progress bar for what takes more than a second, on a terminal; nothing otherwise."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

__all__ = ["watched"]

_PATIENCE = 1.0  # seconds


@contextmanager
def watched(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Gives a function to be called with the number of bytes just done.

    Args:
        what: What is being done, in a few words.
        total: How many bytes there are, None if that is not known.
    """
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.stop()


class _Bar:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._shown: Progress | None = None
        self._wanted = sys.stderr is not None and sys.stderr.isatty()

    def advance(self, count: int) -> None:
        self._done += count
        if not self._wanted:
            return
        if self._shown is None:
            if time.monotonic() - self._started < _PATIENCE:
                return
            self._shown = self._show()
        self._shown.update(self._shown.task_ids[0], completed=self._done)

    def stop(self) -> None:
        if self._shown is not None:
            self._shown.stop()

    def _show(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TransferSpeedColumn,
        )

        shown = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        shown.add_task(self._what, total=self._total)
        shown.start()
        return shown
