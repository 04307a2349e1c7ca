"""Telling apart what several interpreters print and log."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO

from sesha import _native

if TYPE_CHECKING:
    from collections.abc import Iterable


def current_interpreter() -> int:
    """Return the index of the interpreter that runs this: 0 is the host, others count from 1."""
    return _native.current_interpreter()


class InterpreterFilter(logging.Filter):
    """Sets ``record.interpreter`` to the index of the interpreter that logs, for use in formats.

    Add it to a handler, in each interpreter (an ``initializer`` of the pool is the place):
    ``logging.Formatter("%(interpreter)d %(message)s")``.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attribute; let every record pass."""
        record.interpreter = current_interpreter()
        return True


class PrefixedStream(io.TextIOBase):
    """Writes a prefix at the start of each line; everything else is the underlying stream's."""

    def __init__(self, stream: TextIO, prefix: str) -> None:
        self._stream = stream
        self._prefix = prefix
        self._at_start = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text with its lines marked, in one piece."""
        marked = []
        for line in text.splitlines(keepends=True):
            marked.append(self._prefix + line if self._at_start else line)
            self._at_start = line.endswith("\n")
        self._stream.write("".join(marked))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write each of the lines."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush the underlying stream."""
        self._stream.flush()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the underlying stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the underlying stream's descriptor."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The underlying stream's encoding."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The underlying stream's error handler."""
        return self._stream.errors


def prefix_streams(prefix: str) -> None:
    """Mark each line of this interpreter's stdout and stderr (so warnings and logs too).

    ``{interpreter}`` in the prefix is replaced by the interpreter's index.
    """
    text = prefix.replace("{interpreter}", str(current_interpreter()))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            setattr(sys, name, PrefixedStream(stream, text))
