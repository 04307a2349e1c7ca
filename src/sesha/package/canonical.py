"""JSON with one spelling for each value, and a reader that takes that spelling only.

UTF-8, object keys sorted, no spaces, no floats, nothing escaped that need not be: what RFC 8785
prescribes, for the values that occur here (keys are ASCII, numbers are integers). One value has
one digest, so two packages can be compared and a signature has one thing to sign.
"""

import json
from typing import NoReturn

# What a document may hold; far above any real package, far below what could exhaust memory.
MAX_VALUES = 4_000_000
MAX_DEPTH = 64

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class NotCanonicalError(ValueError):
    """The document is not JSON, or not in its one spelling, or beyond the limits."""


def encode(value: Json) -> bytes:
    """`value` in its one spelling.

    Raises:
        TypeError: A float, or what JSON has no word for.
        ValueError: A string that is not valid Unicode.
    """
    _refuse_floats(value)
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode()


def _refuse_floats(value: Json) -> None:
    if isinstance(value, float):
        raise TypeError("floats have no one spelling; use an integer or a string")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"an object's key is {key!r}; keys are strings")
            _refuse_floats(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_floats(item)


def decode(document: bytes) -> Json:
    """The value that `document` spells.

    Raises:
        NotCanonicalError: It is damaged, another spelling, deeper than 64 or larger than 4 million
            values. A duplicate key, a float and a byte order mark are other spellings.
    """
    value = decode_any_spelling(document)
    try:
        same = encode(value) == document
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise NotCanonicalError("it is not in canonical form (sorted keys, no spaces, no escapes)")
    return value


def decode_any_spelling(document: bytes) -> Json:
    """As `decode`, for documents of other writers: any order, spaces and escapes."""
    # Counted before anything is built: an empty list takes 2 bytes here and 56 in memory.
    if sum(map(document.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise NotCanonicalError(f"it has more than {MAX_VALUES:,} values")
    try:
        text = document.decode()
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except RecursionError as error:
        raise NotCanonicalError(f"it is nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeDecodeError as error:
        raise NotCanonicalError(f"it is not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise NotCanonicalError(f"it is not JSON: {error}") from error
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")
    return result


def _refuse(literal: str) -> NoReturn:
    raise ValueError(f"{literal[:20]} is not an integer")


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            if isinstance(container, (list, dict))
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return
    raise NotCanonicalError(f"it is nested deeper than {MAX_DEPTH} levels")
