"""Functions by value whose pickle may be used again: what they capture, and whether it can change.

Pickling a lambda costs more than the call that carries it. Native code keeps the pickle and, before
it sends it again, compares what the function captures, object by object, with what it captured
when it was pickled. That is sound only if those objects can't change themselves: what decides that
is here.
"""

from __future__ import annotations

import dis
import hashlib
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from sesha.runtime._names import find_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONSTANTS = (bool, bytes, complex, float, int, str, type(None))
_ABSENT = ...
"""Stands for a global that is not there (a builtin, say)."""

_Entry = tuple[object, ...]


def pickle_function(fn: FunctionType) -> tuple[bytes, bytes, tuple[_Entry, ...]] | None:
    """Pickle a function that captures nothing that can change.

    Returns:
        The pickle; 16 bytes of digest; and what to compare before the pickle is used again, for
        each function in it: the function (None for ``fn`` itself, since another one of the same
        code will do), code, defaults, names and values of keyword defaults, contents of cells,
        names and values of globals. None if ``fn`` captures anything else, or changes what it
        captures.
    """
    entries: dict[FunctionType, _Entry] = {}
    if not _watch(fn, entries):
        return None
    data = cloudpickle.dumps(fn, protocol=5)
    watch = tuple(
        (None if function is fn else function, *entry) for function, entry in entries.items()
    )
    return data, hashlib.blake2b(data, digest_size=16).digest(), watch


def _watch(fn: FunctionType, entries: dict[FunctionType, _Entry]) -> bool:
    """Add what ``fn`` captures to ``entries``; False if some of it can change."""
    if fn in entries:
        return True
    if fn.__dict__ or _assigns(fn.__code__):
        return False
    keywords = fn.__kwdefaults__ or {}
    names = tuple(sorted(_global_names(fn.__code__)))
    values = tuple(fn.__globals__.get(name, _ABSENT) for name in names)
    try:
        cells = tuple(cell.cell_contents for cell in fn.__closure__ or ())
    except ValueError:  # not yet assigned
        return False
    present = tuple(fn.__globals__[name] for name in names if name in fn.__globals__)
    defaults = fn.__defaults__
    entries[fn] = (
        fn.__code__, defaults, tuple(keywords), tuple(keywords.values()), cells, names, values
    )  # fmt: skip
    captured: tuple[Any, ...] = (*(defaults or ()), *keywords.values(), *cells, *present)
    return all(_is_fixed(value, entries) for value in captured)


def _is_fixed(value: object, entries: dict[FunctionType, _Entry]) -> bool:
    """Whether a captured value can't change, or is a function that is watched too."""
    kind = type(value)
    if kind in _CONSTANTS:
        return True
    if kind is tuple or kind is frozenset:
        return all(_is_fixed(item, entries) for item in value)  # type: ignore[attr-defined]
    if isinstance(value, ModuleType):
        return sys.modules.get(value.__name__) is value and value.__name__ != "__main__"
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        if value.__module__ != "__main__" and (
            find_by_name(value.__module__, value.__qualname__) is value
        ):
            return not cloudpickle.list_registry_pickle_by_value()
        return isinstance(value, FunctionType) and _watch(value, entries)
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Iterate over a code and those of the functions and classes that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global_names(code: CodeType) -> set[str]:
    """Names of the globals that a function reads."""
    return {
        instruction.argval
        for part in _codes(code)
        for instruction in dis.get_instructions(part)
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
    }


def _assigns(code: CodeType) -> bool:
    """Whether a function assigns globals, or variables of the functions around it.

    What it assigned would still be there at its next call, were it not unpickled anew.
    """
    free = set(code.co_freevars)
    for part in _codes(code):
        for instruction in dis.get_instructions(part):
            if instruction.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
                return True
            if instruction.opname in {"STORE_DEREF", "DELETE_DEREF"} and instruction.argval in free:
                return True
    return False
