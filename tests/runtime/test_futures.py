"""The futures of submitted calls."""

from __future__ import annotations

from concurrent.futures import CancelledError, wait
from typing import TYPE_CHECKING

import pytest

import sesha
from sesha.errors import InterpreterDied
from sesha.runtime.futures import CallFuture

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def single() -> Iterator[sesha.Pool]:
    """A pool of one interpreter, so that calls wait for each other."""
    with sesha.Pool(interpreters=1) as pool:
        yield pool


def test_waiting_call_is_cancelled(single: sesha.Pool) -> None:
    """A call that waits leaves the queue when it is cancelled; who waits for it is woken."""
    with single.session():
        future = single.submit(len, "abc")
        assert not future.running()
        assert future.cancel()
        assert future.cancel()
        assert single.statistics().queued == 0
    assert future.cancelled()
    assert wait([future]).done == {future}
    with pytest.raises(CancelledError):
        future.result()


def test_ended_call_cannot_be_cancelled(single: sesha.Pool) -> None:
    """A call that is over keeps its result."""
    future = single.submit(len, "abc")
    assert future.result() == 3
    assert not future.cancel()
    assert not future.running()
    assert future.result() == 3


def test_future_without_a_task_is_an_ordinary_one() -> None:
    """Before it is submitted, a future behaves as the standard library's."""
    future: CallFuture[int] = CallFuture()
    assert not future.running()
    assert future.cancel()
    assert future.cancelled()


def test_call_that_nobody_can_run_fails() -> None:
    """A call whose interpreter died while it waited says so."""
    future: CallFuture[int] = CallFuture()
    future._fail_unrun()
    with pytest.raises(InterpreterDied, match="no other can run it"):
        future.result()
