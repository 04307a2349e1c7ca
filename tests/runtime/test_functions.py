"""How functions reach the interpreter that calls them."""

from __future__ import annotations

import functools
import math
import sys
import types
from typing import Any

import cloudpickle
import numpy as np
import pytest

from sesha import _native
from sesha.runtime._captures import pickle_function
from tests.runtime.crossing import call


class Counter:
    """Its methods are called."""

    total = 0

    def __init__(self) -> None:
        self.count = 0

    def add(self, by: int = 1) -> int:
        self.count += by
        return self.count

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @staticmethod
    def double(x: int) -> int:
        return 2 * x


def whoami() -> Any:
    return whoami


def test_an_importable_function_is_found_by_name() -> None:
    """It is not copied: the very function runs."""
    assert call(whoami) is whoami
    assert call("tests.runtime.test_functions:whoami") is whoami
    assert call("tests.runtime.test_functions:Counter.double", 4) == 8


@pytest.mark.parametrize(
    ("fn", "args", "result"),
    [
        (len, ([1, 2],), 2),
        (math.sqrt, (4,), 2),
        (str.upper, ("a",), "A"),
        (int, ("12",), 12),
        (Counter.double, (2,), 4),
        (Counter.name, (), "Counter"),
        (Counter().add, (3,), 3),
        (functools.partial(pow, 2), (5,), 32),
        (np.add, (1, 2), 3),
        ([1, 2].count, (1,), 1),
        (operator_like := (lambda *args: args), (1, 2), (1, 2)),
    ],
)
def test_every_kind_of_callable_is_called(fn: Any, args: tuple[Any, ...], result: Any) -> None:
    """Functions, classes, methods, builtins, partials, ufuncs, lambdas."""
    assert call(fn, *args) == result


@pytest.mark.parametrize("name", ["math", "math:", ":sqrt", ""])
def test_a_malformed_name_is_a_value_error(name: str) -> None:
    """The error shows the form."""
    with pytest.raises(ValueError, match="module:qualname"):
        _native.encode_call(name, ())


def test_a_name_that_leads_nowhere_is_an_error_of_the_call() -> None:
    """As importing and getting it there would be."""
    with pytest.raises(ModuleNotFoundError):
        call("no_such_module_at_all:x")
    with pytest.raises(AttributeError):
        call("math:no_such_function")


def test_what_cannot_be_called_is_a_type_error() -> None:
    """Before anything is sent."""
    with pytest.raises(TypeError, match="callable"):
        _native.encode_call(3, ())  # type: ignore[arg-type]


def test_a_patched_function_is_seen() -> None:
    """A name is looked up at each call."""
    module = types.ModuleType("patched_for_a_test")
    sys.modules[module.__name__] = module
    try:
        module.f = lambda: 1  # type: ignore[attr-defined]
        assert call("patched_for_a_test:f") == 1
        module.f = lambda: 2  # type: ignore[attr-defined]
        assert call("patched_for_a_test:f") == 2
    finally:
        del sys.modules[module.__name__]


def test_a_shadowed_function_goes_by_value() -> None:
    """A name that leads to another object than the function is not sent."""

    def shadowed() -> str:
        return "inner"

    shadowed.__qualname__ = "whoami"
    assert call(shadowed) == "inner"


def test_functions_by_value_see_what_they_capture_now() -> None:
    """Cells, defaults and globals that change between two calls."""
    captured = 1
    fn = lambda: captured  # noqa: E731 - a lambda is what is tested
    assert call(fn) == 1
    captured = 2
    assert call(fn) == 2
    with_default = lambda x=1: x  # noqa: E731 - a lambda is what is tested
    assert call(with_default) == 1
    with_default.__defaults__ = (5,)
    assert call(with_default) == 5
    namespace = {"__name__": "__main__", "scale": 2}
    exec("def scaled(x, *, by=1): return x * scale * by", namespace)  # noqa: S102 - makes a function of __main__
    scaled: Any = namespace["scaled"]
    assert call(scaled, 3) == 6
    namespace["scale"] = 10
    assert call(scaled, 3) == 30
    scaled.__kwdefaults__["by"] = 2
    assert call(scaled, 3) == 60
    del namespace["scale"]
    with pytest.raises(NameError):
        call(scaled, 3)


def test_captured_functions_are_watched_too() -> None:
    """A helper of a helper changes: the next call sees it."""
    namespace: dict[str, Any] = {"__name__": "__main__", "offset": 1}
    exec("def inner(x): return x + offset\ndef outer(x): return inner(x)", namespace)  # noqa: S102 - as above
    assert call(namespace["outer"], 1) == 2
    namespace["offset"] = 10
    assert call(namespace["outer"], 1) == 11
    exec("def inner(x): return -x", namespace)  # noqa: S102 - as above
    assert call(namespace["outer"], 1) == -1


def test_mutable_captures_are_sent_anew_each_time() -> None:
    """A list in a closure is never remembered."""
    seen: list[int] = []
    fn = lambda: len(seen)  # noqa: E731 - a lambda is what is tested
    assert call(fn) == 0
    seen.append(1)
    assert call(fn) == 1
    assert pickle_function(fn) is None  # type: ignore[arg-type]


def test_functions_that_assign_what_they_capture_start_anew_each_time() -> None:
    """A counter in a closure or a global counts from where the sender's stands."""
    count = 0

    def closure() -> int:
        nonlocal count
        count += 1
        return count

    assert [call(closure), call(closure)] == [1, 1]
    namespace: dict[str, Any] = {"__name__": "__main__", "total": 0}
    exec("def add():\n global total\n total += 1\n return total", namespace)  # noqa: S102 - as above
    assert [call(namespace["add"]), call(namespace["add"])] == [1, 1]


def test_lambdas_of_one_code_share_a_pickle() -> None:
    """A lambda that a loop makes anew is pickled once; what it captures still counts."""
    assert [call(lambda x, i=i: x * i, 10) for i in (1, 2, 3)] == [10, 20, 30]
    made = [lambda x: x + 1 for _ in range(3)]
    assert [call(fn, 1) for fn in made] == [2, 2, 2]


def test_recursive_functions_by_value_work() -> None:
    """A function that captures itself."""

    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    assert call(factorial, 10) == 3628800
    assert call(factorial, 10) == 3628800


def test_modules_registered_by_value_are_sent_by_value() -> None:
    """``cloudpickle.register_pickle_by_value`` holds here too."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        assert call(whoami) is not whoami
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    assert call(whoami) is whoami


def test_many_different_lambdas_do_not_exhaust_the_cache() -> None:
    """Old ones are forgotten and sent again."""
    functions = [eval(f"lambda: {i}") for i in range(600)]  # noqa: S307 - makes 600 codes
    for _ in range(2):
        assert [call(fn) for fn in functions] == list(range(600))
