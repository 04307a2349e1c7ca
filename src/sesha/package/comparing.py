"""Compares what two runs of a model gave: tensors and arrays by value, containers part by part."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import BuiltinFunctionType, FunctionType
from typing import Any

from sesha.package.mangling import demangle

__all__ = ["differences"]

_MOST = 20


def differences(expected: Any, actual: Any, tolerance: float = 0.0) -> list[str]:
    """Where two values differ, as lines that begin with the path to the place.

    Args:
        expected: What should be.
        actual: What is.
        tolerance: How far numbers may be apart: relative to the expected one, and absolute. NaN
            equals NaN.

    Returns:
        At most 20 lines; none if the values agree.
    """
    found = []
    for line in _Comparison(tolerance).lines("output", expected, actual):
        found.append(line)
        if len(found) == _MOST:
            break
    return found


class _Comparison:
    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        # Pairs under comparison: values may contain themselves.
        self._open: set[tuple[int, int]] = set()

    def lines(self, path: str, expected: Any, actual: Any) -> Iterator[str]:
        if expected is actual:
            return
        if type(expected) is not type(actual):
            yield f"{path} is a {type(actual).__qualname__}, not a {type(expected).__qualname__}"
            return
        pair = (id(expected), id(actual))
        if pair in self._open:
            return
        self._open.add(pair)
        yield from self._same_type(path, expected, actual)
        self._open.discard(pair)

    def _same_type(  # noqa: C901 - a case for each kind of value
        self, path: str, expected: Any, actual: Any
    ) -> Iterator[str]:
        torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
        if torch is not None and isinstance(expected, torch.Tensor):
            yield from self._tensors(path, expected, actual, torch)
        elif numpy is not None and isinstance(expected, numpy.ndarray | numpy.generic):
            yield from self._arrays(path, expected, actual, numpy)
        elif isinstance(expected, float | complex):
            if not self._close(expected, actual):
                yield f"{path} is {actual!r}, not {expected!r}"
        elif isinstance(expected, Mapping):
            yield from self._mappings(path, expected, actual)
        elif isinstance(expected, list | tuple):
            if len(expected) != len(actual):
                yield f"{path} has {len(actual)} items, not {len(expected)}"
                return
            for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
                yield from self.lines(f"{path}[{number}]", one, other)
        elif isinstance(expected, str | bytes | int | AbstractSet):
            if expected != actual:
                yield f"{path} is {actual!r:.80}, not {expected!r:.80}"
        else:
            yield from self._objects(path, expected, actual)

    def _tensors(self, path: str, expected: Any, actual: Any, torch: Any) -> Iterator[str]:
        if expected.shape != actual.shape or expected.dtype != actual.dtype:
            yield (
                f"{path} is {tuple(actual.shape)} {actual.dtype}, "
                f"not {tuple(expected.shape)} {expected.dtype}"
            )
            return
        if expected.layout is not torch.strided:
            expected, actual = expected.to_dense(), actual.to_dense()
        if expected.is_quantized:
            expected, actual = expected.dequantize(), actual.dequantize()
        one, other = expected.detach().cpu(), actual.detach().cpu()
        # float8 has no comparison of its own.
        if one.is_floating_point() and one.dtype.itemsize == 1:
            one, other = one.float(), other.float()
        equal = torch.isclose(
            other, one, rtol=self._tolerance, atol=self._tolerance, equal_nan=True
        )
        count = int((~equal).sum())
        if count:
            wide = torch.complex128 if one.is_complex() else torch.float64
            apart = float((other.to(wide) - one.to(wide)).abs()[~equal].max())
            yield f"{path}: {count} of {one.numel()} elements differ, by {apart:.3g} at most"

    def _arrays(self, path: str, expected: Any, actual: Any, numpy: Any) -> Iterator[str]:
        if expected.shape != actual.shape or expected.dtype != actual.dtype:
            yield (
                f"{path} is {actual.shape} {actual.dtype}, not {expected.shape} {expected.dtype}"
            )
        elif expected.dtype.hasobject:
            yield from self.lines(path, expected.tolist(), actual.tolist())
        elif expected.dtype.kind in "fc":
            equal = numpy.isclose(
                actual, expected, rtol=self._tolerance, atol=self._tolerance, equal_nan=True
            )
            if not equal.all():
                yield f"{path}: {int((~equal).sum())} of {expected.size} elements differ"
        elif expected.tobytes() != actual.tobytes():
            yield f"{path}: its elements differ"

    def _mappings(self, path: str, expected: Any, actual: Any) -> Iterator[str]:
        if list(expected) != list(actual) and set(expected) != set(actual):
            yield f"{path} has the keys {list(actual)!r:.80}, not {list(expected)!r:.80}"
            return
        for key in expected:
            yield from self.lines(f"{path}[{key!r}]", expected[key], actual[key])

    def _objects(self, path: str, expected: Any, actual: Any) -> Iterator[str]:
        if dataclasses.is_dataclass(expected) and not isinstance(expected, type):
            for field in dataclasses.fields(expected):
                one, other = getattr(expected, field.name), getattr(actual, field.name)
                yield from self.lines(f"{path}.{field.name}", one, other)
            return
        try:
            if bool(expected == actual):
                return
        except Exception:  # noqa: BLE001, S110 - the user's own comparison; its state tells too
            pass
        if isinstance(expected, type | FunctionType | BuiltinFunctionType):
            if _name(expected) != _name(actual):
                yield f"{path} is {_name(actual)}, not {_name(expected)}"
            return
        # What pickle keeps of them is what makes them up; caches in their __dict__ are not.
        one, other = _parts(expected), _parts(actual)
        if one is None or other is None:
            yield f"{path} is {actual!r:.80}, not {expected!r:.80}"
            return
        for name, part in one.items():
            where = f"{path}.{name}" if name else path
            yield from self.lines(where, part, other.get(name))

    def _close(self, expected: complex, actual: complex) -> bool:
        if expected == actual or (expected != expected and actual != actual):  # noqa: PLR0124 - NaN
            return True
        gap = abs(expected - actual)
        limit = self._tolerance + self._tolerance * abs(expected)
        return math.isfinite(gap) and gap <= limit


def _name(thing: Any) -> str:
    return f"{demangle(str(thing.__module__))}.{thing.__qualname__}"


def _parts(thing: Any) -> dict[str, Any] | None:
    """What an object is made of, by its own account; None if it gives none."""
    try:
        reduced = thing.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - the user's own code; it can't be taken apart then
        return None
    if isinstance(reduced, str):
        return {"": reduced}
    values = [*reduced, None, None, None]
    arguments, state, items, pairs = values[1:5]
    parts: dict[str, Any] = {"arguments": arguments, "": state}
    if items is not None:
        parts["items"] = list(items)
    if pairs is not None:
        parts["pairs"] = dict(pairs)
    return parts
