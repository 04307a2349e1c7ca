"""Runs a package's example and compares what comes out with what came out when it was packed."""

from __future__ import annotations

import contextlib
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sesha.package.comparing import differences
from sesha.package.errors import SelfTestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from sesha.package.importer import PackageImporter

__all__ = ["Call", "call", "run"]


@dataclass(frozen=True)
class Call:
    """An example call.

    Attributes:
        method: Name of the method; empty to call the object itself.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, obj: Any, example_inputs: Any, method: str = "") -> Call:
        """The call that example inputs mean: a tuple its arguments, a dict its keyword arguments,
        anything else its only argument.

        Raises:
            TypeError: The object can't be called and no method is named.
        """  # noqa: D205 - one sentence
        if not method and not callable(obj):
            if not callable(getattr(obj, "predict", None)):
                raise TypeError(
                    f"a {type(obj).__qualname__} can't be called; name the method that is to be: "
                    'method="predict"'
                )
            method = "predict"
        if isinstance(example_inputs, tuple):
            return cls(method, example_inputs, {})
        if isinstance(example_inputs, dict):
            return cls(method, (), dict(example_inputs))
        return cls(method, (example_inputs,), {})

    def __reduce__(self) -> tuple[Any, ...]:
        # As plain values: a package must not need sesha's classes to be read.
        return tuple, ((self.method, self.args, self.kwargs),)


def call(obj: Any, example: Call) -> Any:
    """Makes an example call with seeded random numbers and without gradients."""
    target: Callable[..., Any] = getattr(obj, example.method) if example.method else obj
    with _seeded(), _no_grad():
        return target(*example.args, **example.kwargs)


def run(importer: PackageImporter) -> bool:
    """Runs an opened package's self-test.

    Returns:
        False if the package has none.

    Raises:
        SelfTestError: Its output is another; names the first differences.
        Exception: What the packaged code raises.
    """
    test = importer.manifest.self_test if importer.manifest else None
    if test is None:
        return False
    example = Call(*importer.load_member(test.inputs))
    expected = importer.load_member(test.outputs)
    actual = call(importer.load(test.entry_point), example)
    found = differences(expected, actual, float(test.tolerance))
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise SelfTestError(
            f"the self-test of {importer.label} gives another output than when it was packed:\n"
            f"{lines}\nIf that is the model's nature, pack it with a tolerance."
        )
    return True


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    """Random numbers that are the same in every run; gives the generators their state back."""
    state = random.getstate()
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.get_rng_state() if torch else None
    random.seed(0)
    if numpy:
        numpy.random.seed(0)
    if torch:
        torch.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)


def _no_grad() -> contextlib.AbstractContextManager[Any]:
    torch: ModuleType | None = sys.modules.get("torch")
    return torch.no_grad() if torch is not None else contextlib.nullcontext()
