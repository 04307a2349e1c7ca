"""Names of objects, and objects by name."""

from __future__ import annotations

import sys
from operator import attrgetter


def find_by_name(module: object, qualname: object) -> object:
    """Find what ``qualname`` names in an imported module; None if there is no such thing."""
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    try:
        found: object = attrgetter(qualname)(sys.modules[module])
    except (AttributeError, KeyError):
        return None
    return found


def type_name(kind: type) -> str:
    """Name a type as tracebacks do, but always with its module."""
    return f"{kind.__module__}.{kind.__qualname__}"
