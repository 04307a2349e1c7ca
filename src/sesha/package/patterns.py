"""Globs over dotted module names and over paths.

A name is cut into segments at the separator. In a pattern ``*`` stands for any characters within
one segment, ``**``, which must be a whole segment, for any number of segments, none included.

=============  ==========================================================
``torch.**``   ``torch`` and everything below it
``torch.*``    ``torch.nn``, but neither ``torch`` nor ``torch.nn.functional``
``torch*.**``  ``torch``, ``torchvision`` and everything below them
=============  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["GlobGroup", "GlobPattern"]

GlobPattern = str | Iterable[str]


class GlobGroup:
    """Names that any of some patterns matches and none of others does. Immutable.

    Args:
        include: One pattern or several.
        exclude: One pattern or several that take names out again.
        separator: What stands between segments: ``.`` for modules, ``/`` for paths.

    Raises:
        ValueError: A pattern is empty, or ``**`` is only a part of a segment.
    """

    def __init__(
        self, include: GlobPattern, *, exclude: GlobPattern = (), separator: str = "."
    ) -> None:
        self.include = _patterns(include)
        self.exclude = _patterns(exclude)
        self.separator = separator
        self._include = [_compile(pattern, separator) for pattern in self.include]
        self._exclude = [_compile(pattern, separator) for pattern in self.exclude]

    def matches(self, candidate: str) -> bool:
        """Whether the group holds a name."""
        # Every segment of an expression begins with the separator, so that `**` can stand for none.
        name = self.separator + candidate
        return any(pattern.fullmatch(name) for pattern in self._include) and not any(
            pattern.fullmatch(name) for pattern in self._exclude
        )

    def __repr__(self) -> str:
        excluded = f", exclude={list(self.exclude)}" if self.exclude else ""
        return f"GlobGroup({list(self.include)}{excluded})"


def _patterns(given: GlobPattern) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _compile(pattern: str, separator: str) -> re.Pattern[str]:
    if not pattern:
        raise ValueError("a pattern is empty; '**' matches every name")
    mark = re.escape(separator)
    parts = []
    for segment in pattern.split(separator):
        if segment == "**":
            parts.append(f"(?:{mark}[^{mark}]+)*")
        elif "**" in segment:
            raise ValueError(
                f"pattern {pattern!r}: '**' must be a whole segment; write '*' for any characters "
                "within a segment"
            )
        else:
            parts.append(mark + f"[^{mark}]*".join(map(re.escape, segment.split("*"))))
    return re.compile("".join(parts))
