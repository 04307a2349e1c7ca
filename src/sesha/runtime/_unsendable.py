"""The path to what can't be sent to another interpreter.

Pickle says what it could not pickle, not where it was. Once it has failed, the value is taken apart
here: each piece is pickled by itself, and the first that fails is taken apart in turn, down to one
that has no pieces that fail.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEEPEST = 64
_MOST_PIECES = 10_000
"""How much is looked at: a path may be cut short, but an error never takes long."""

_REMEDIES = {
    "socket": "open it in the call",
    "_thread.lock": "make it in the call; interpreters share no locks",
    "_thread.RLock": "make it in the call; interpreters share no locks",
    "generator": "send a list of what it yields",
    "coroutine": "await it here and send what it returns",
    "async_generator": "send a list of what it yields",
    "TextIOWrapper": "send its path and open it in the call",
    "BufferedReader": "send its path and open it in the call",
    "BufferedWriter": "send its path and open it in the call",
    "BufferedRandom": "send its path and open it in the call",
    "FileIO": "send its path and open it in the call",
    "frame": "send what you need of it",
    "traceback": "send it formatted, as text",
}


def explain(
    value: object, root: str, error: Exception, try_pickle: Callable[[object], None]
) -> TypeError:
    """Make the error that names the path to what in ``value`` can't be pickled.

    Args:
        value: Anything, or ``(fn, args, kwargs)`` when ``root`` is ``"call"``.
        root: The name of the value in the path.
        error: What pickling all of it raised.
        try_pickle: Raises what pickling a piece raises.
    """
    path, leaf, cause = "the call" if root == "call" else root, value, error
    seen = {id(value)}
    budget = _MOST_PIECES
    try:
        for _ in range(_DEEPEST):
            for name, piece in _safely(
                _pieces(path, leaf, is_call=root == "call" and leaf is value)
            ):
                budget -= 1
                if budget < 0 or id(piece) in seen:
                    continue
                try:
                    try_pickle(piece)
                except Exception as failure:  # noqa: BLE001 - __reduce__ may raise anything
                    seen.add(id(piece))
                    path, leaf, cause = name, piece, failure
                    break
            else:
                break
        return TypeError(_message(path, leaf, cause))
    finally:
        # Their tracebacks hold this frame, which would keep what was sent alive until a collection.
        del cause, error


def _safely(pieces: Iterator[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    """Iterate up to where a foreign object's own iteration fails."""
    try:
        yield from pieces
    except Exception:  # noqa: BLE001 - the object's code may raise anything; it is then the culprit
        return


def _message(path: str, leaf: object, cause: Exception) -> str:
    kind = type(leaf)
    reason = str(cause) or type(cause).__name__
    if not isinstance(cause, TypeError):
        reason = f"{type(cause).__name__}: {reason}"
    name = kind.__qualname__
    if kind.__module__ not in {"builtins", "_io"} and name not in _REMEDIES:
        name = f"{kind.__module__}.{name}"
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    text = f"{path}: cannot send {article} {name} to another interpreter: {reason}"
    remedy = _REMEDIES.get(name)
    return f"{text}; {remedy}" if remedy else text


def _pieces(path: str, value: Any, *, is_call: bool) -> Iterator[tuple[str, object]]:
    """Iterate over the pieces that pickle would go through, each with its path."""
    if is_call:
        fn, args, kwargs = value
        if fn is not None:
            yield "fn", fn
        yield from ((f"args[{i}]", arg) for i, arg in enumerate(args))
        yield from ((f"kwargs[{key!r}]", arg) for key, arg in (kwargs or {}).items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"{path}[{i}]", item) for i, item in enumerate(tuple(value)))
    elif isinstance(value, dict):
        for key, item in list(value.items()):
            yield f"{path}.keys()", key
            yield f"{path}[{_short(key)}]", item
    elif isinstance(value, (set, frozenset)):
        yield from ((f"{path}.<item {_short(item)}>", item) for item in tuple(value))
    elif isinstance(value, MethodType):
        yield f"{path}.__self__", value.__self__
    elif isinstance(value, FunctionType):
        yield from _function_pieces(path, value)
    elif not isinstance(value, type):
        yield from _object_pieces(path, value)


def _function_pieces(path: str, fn: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            yield f"{path}.<variable {name}>", cell.cell_contents
        except ValueError:  # not yet assigned
            continue
    for name in fn.__code__.co_names:
        if name in fn.__globals__:
            yield f"{path}.<global {name}>", fn.__globals__[name]
    yield from ((f"{path}.<default {i}>", item) for i, item in enumerate(fn.__defaults__ or ()))


def _object_pieces(path: str, value: object) -> Iterator[tuple[str, object]]:
    try:
        reduced = value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001 - what fails here is the object itself
        return
    if isinstance(reduced, str) or len(reduced) < 2:  # noqa: PLR2004 - (callable, arguments, ...)
        return
    state = reduced[2] if len(reduced) > 2 else None  # noqa: PLR2004
    # `copyreg` gives (__dict__, __slots__) for a type with slots.
    states = state if isinstance(state, tuple) and len(state) == 2 else (state,)  # noqa: PLR2004
    for part in states:
        if isinstance(part, dict):
            yield from ((f"{path}.{key}", item) for key, item in list(part.items()))
        elif part is not None:
            yield f"{path}.<state>", part
    for i, item in enumerate(tuple(reduced[1])):
        if item is not value and not isinstance(item, type):
            yield f"{path}.<argument {i}>", item
    if len(reduced) > 3 and reduced[3] is not None:  # noqa: PLR2004 - items of a list's subclass
        yield from ((f"{path}[{i}]", item) for i, item in enumerate(reduced[3]))
    if len(reduced) > 4 and reduced[4] is not None:  # noqa: PLR2004 - items of a dict's subclass
        yield from ((f"{path}[{_short(key)}]", item) for key, item in reduced[4])


def _short(value: object) -> str:
    """``repr`` of a key, cut to a length that a message can bear."""
    longest = 40
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - repr() of a foreign object may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
