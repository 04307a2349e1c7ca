"""Errors that name the path to what can't be sent."""

from __future__ import annotations

import io
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sesha import _native
from tests.runtime.crossing import cross, settle


class Slotted:
    """Has no __dict__."""

    __slots__ = ("inner",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner


class Refuses:
    """Can't be pickled."""

    def __reduce__(self) -> Any:
        raise RuntimeError("not for sale")


def check(expected: str, fn: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(TypeError) as caught:
        _native.encode_call(fn, args, kwargs)
    assert str(caught.value).startswith(expected)


def test_the_path_leads_through_containers_attributes_and_keywords() -> None:
    """To the innermost thing that can't be pickled."""
    with socket.socket() as sock:
        check("args[0]: cannot send a socket", len, sock)
        check("args[0]['x'].sock: cannot send a socket", len, {"x": SimpleNamespace(sock=sock)})
        check("args[1][2][0]: cannot send a socket", len, 1, [1, 2, (sock,)])
        check("kwargs['k'].inner: cannot send a socket", len, k=Slotted(sock))
        check("fn.<variable sock>: cannot send a socket", lambda: sock)
    assert settle() == 0


def test_each_kind_names_a_way_out() -> None:
    """Files, generators, locks and frames."""
    with Path(__file__).open() as text, Path(__file__).open("rb") as binary:
        check("args[0]: cannot send a TextIOWrapper to another interpreter", len, text)
        check("args[0]: cannot send a BufferedReader to another interpreter", len, binary)
        with pytest.raises(TypeError, match="send its path and open it in the call"):
            cross(text)
    check("args[0]: cannot send a generator", len, (i for i in [1]))
    check("args[0][0]: cannot send a _thread.lock", len, [threading.Lock()])
    check("args[0]: cannot send a frame", len, sys._getframe())
    check("args[0][0]: cannot send a tests.runtime.test_unsendable.Refuses", len, [Refuses()])


def test_what_only_looks_unsendable_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard streams go by name, buffers in memory by value."""
    with capsys.disabled():
        assert cross(sys.stderr) is sys.stderr
    assert cross(io.StringIO("abc")).getvalue() == "abc"
    assert cross(io.BytesIO(b"abc")).getvalue() == b"abc"


def test_a_huge_value_is_explained_without_delay() -> None:
    """The search is bounded; the error then names what it has reached."""
    check("args[0]", len, [*range(200_000), (i for i in [1])])


def test_a_cycle_with_something_unsendable_ends() -> None:
    """The search does not run in circles."""
    node: dict[str, Any] = {}
    node["self"] = node
    node["bad"] = (i for i in [1])
    check("args[0]", len, node)


def test_values_sent_before_the_error_are_given_back() -> None:
    """Half a message leaves nothing behind."""
    memory = bytearray(10)
    for _ in range(10):
        check("args[1]", len, memoryview(memory), (i for i in [1]))
    assert settle() == 0
    memory.append(1)
