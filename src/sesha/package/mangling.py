"""Names under which the modules of opened packages stand in ``sys.modules``.

Each importer has a prefix of its own, so that one process can hold two packages with modules of the
same name. A prefix is an identifier: tools that build names from ``__module__`` (TorchScript,
torch.compile) need no special case for it.
"""

from __future__ import annotations

import itertools
import re

__all__ = ["demangle", "is_mangled", "mangle", "new_prefix", "number_from", "prefix_of"]

_PREFIX = "_sesha_package_"
_MANGLED = re.compile(rf"({_PREFIX}\d+)(?:\.(.*))?", re.DOTALL)
# next() of a count is one step under the GIL: no two threads get one number.
_numbers = itertools.count()


def new_prefix() -> str:
    """A prefix that no other importer of this interpreter has."""
    return f"{_PREFIX}{next(_numbers)}"


def number_from(first: int) -> None:
    """Numbers further prefixes from a number upwards, if they are not that far already.

    Several interpreters of one process keep the names of their packages' modules apart so.
    """
    global _numbers  # noqa: PLW0603 - the one count of this interpreter
    _numbers = itertools.count(max(first, next(_numbers)))


def mangle(prefix: str, name: str) -> str:
    """The name of a package's module in ``sys.modules``; an empty name is the package's root."""
    return f"{prefix}.{name}" if name else prefix


def is_mangled(name: str) -> bool:
    """Whether a module's name belongs to some opened package."""
    return _MANGLED.fullmatch(name) is not None


def demangle(name: str) -> str:
    """The name within its package; a name that belongs to none comes back as it is."""
    found = _MANGLED.fullmatch(name)
    return (found[2] or "") if found else name


def prefix_of(name: str) -> str | None:
    """The prefix of a mangled name, ``None`` for any other name."""
    found = _MANGLED.fullmatch(name)
    return found[1] if found else None
