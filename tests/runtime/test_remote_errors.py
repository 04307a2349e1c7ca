"""Exceptions that come back from a call."""

from __future__ import annotations

import subprocess
import sys
import traceback
from typing import Any

import pytest

from sesha.errors import RemoteError, RemoteTraceback
from sesha.runtime._pickling import describe_exception, rebuild_exception
from tests.runtime.crossing import call, settle


class NeedsTwoError(Exception):
    """Its pickle does not give it back: the default calls it with one argument."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


class UnpicklableError(Exception):
    """Refuses to be pickled."""

    def __reduce__(self) -> Any:
        raise RuntimeError("no")


class BadTextError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError("no text")


def fail(error: BaseException) -> None:
    raise error


def fail_with(kind: type[BaseException], *args: Any) -> None:
    raise kind(*args)


def divide(x: int) -> float:
    return 1 / x


def test_an_exception_arrives_as_its_own_type_with_the_remote_traceback() -> None:
    """What is printed shows both sides."""
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        call(divide, 0)
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert "return 1 / x" in cause.text
    printed = "".join(traceback.format_exception(caught.value))
    assert "in divide" in printed
    assert "direct cause" in printed


def test_attributes_and_notes_arrive() -> None:
    """What an exception carries is pickled with it."""
    error = KeyError("k")
    error.add_note("a note")
    error.extra = [1]  # type: ignore[attr-defined]
    with pytest.raises(KeyError) as caught:
        call(fail, error)
    assert caught.value.args == ("k",)
    assert caught.value.__notes__ == ["a note"]
    assert caught.value.extra == [1]  # type: ignore[attr-defined]


def test_the_chain_of_causes_is_in_the_traceback() -> None:
    """``raise … from …`` there shows here."""

    def chained() -> None:
        try:
            divide(0)
        except ZeroDivisionError as error:
            raise ValueError("outer") from error

    with pytest.raises(ValueError, match="outer") as caught:
        call(chained)
    assert "ZeroDivisionError" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("kind", "args"), [(SystemExit, (3,)), (KeyboardInterrupt, ()), (GeneratorExit, ())]
)
def test_orders_to_end_are_errors_of_the_call(
    kind: type[BaseException], args: tuple[Any, ...]
) -> None:
    """They arrive as RemoteError, which ends nobody."""
    with pytest.raises(RemoteError) as caught:
        call(fail_with, kind, *args)
    assert caught.value.type_name == f"builtins.{kind.__name__}"


@pytest.mark.parametrize(
    "error", [NeedsTwoError(1, 2), UnpicklableError("x"), ValueError(sys._getframe())]
)
def test_an_exception_that_cannot_cross_is_a_remote_error(error: Exception) -> None:
    """With the type's name, its message and the traceback."""
    kind, args = type(error), error.args
    fn = (lambda: fail(NeedsTwoError(1, 2))) if kind is NeedsTwoError else None
    if kind is ValueError:
        fn = lambda: fail(ValueError(sys._getframe()))  # noqa: E731 - made where it is needed
    with pytest.raises(RemoteError) as caught:
        call(fn) if fn is not None else call(fail_with, kind, *args)
    assert caught.value.type_name.endswith(kind.__name__)
    assert str(caught.value).startswith(caught.value.type_name)
    assert isinstance(caught.value.__cause__, RemoteTraceback)


def test_an_exception_without_a_text_arrives() -> None:
    """``str()`` that raises harms nobody."""
    with pytest.raises(BadTextError):
        call(fail_with, BadTextError)


def test_a_type_of_the_caller_comes_back_as_the_same_type() -> None:
    """A class in a function has no importable name, but went out from here."""

    class LocalError(Exception):
        pass

    with pytest.raises(LocalError, match="mine"):
        call(fail_with, LocalError, "mine")


def test_a_type_that_only_the_callee_knows_is_a_remote_error() -> None:
    """Nobody here could name it in an ``except``."""
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec("class Theirs(Exception): pass", namespace)  # noqa: S102 - makes a type without a home
    error = namespace["Theirs"]("secret")
    raised = rebuild_exception(error, describe_exception(error), known=[])
    assert isinstance(raised, RemoteError)
    assert str(raised) == "nowhere.Theirs: secret"
    assert (raised.type_name, raised.message) == ("nowhere.Theirs", "secret")
    assert rebuild_exception(error, describe_exception(error), known=[type(error)]) is error


def test_a_result_that_cannot_cross_is_a_type_error_of_the_call() -> None:
    """The path begins with the result."""
    with pytest.raises(TypeError, match=r"^result\['x'\]\[1\]: cannot send a generator"):
        call(lambda: {"x": [1, (i for i in [1])]})


def test_an_error_gives_back_what_the_call_was_lent() -> None:
    """A traceback that is text holds no frames, and so no arguments."""
    for _ in range(100):
        with pytest.raises(TypeError):
            call(divide, memoryview(bytearray(100)))
    assert settle() == 0


def test_endless_recursion_is_an_error_of_the_call() -> None:
    """As any other exception."""

    def endless() -> Any:
        return endless()

    with pytest.raises(RecursionError):
        call(endless)


def test_surrogates_in_a_message_do_not_stop_the_printing() -> None:
    """The traceback's text is always valid."""
    with pytest.raises(ValueError, match="\ud800") as caught:
        call(fail_with, ValueError, "\ud800")
    str(caught.value.__cause__).encode()


def test_a_release_that_fails_is_reported_and_forgotten() -> None:
    """A finaliser that raises in a release is Python's unraisable error, no error of any call."""
    program = """
import sys
from sesha import _native
class Loud:
    def __del__(self):
        raise RuntimeError("in del")
handle = _native.decode(_native.serve(_native.encode_call(Loud, (), keep=True)))
handle.close()
del handle
try:
    _native.decode(_native.serve(_native.encode_call("operator:truediv", (1, 0))))
except ZeroDivisionError:
    print("as it should")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "as it should\n"
    assert "in del" in done.stderr
