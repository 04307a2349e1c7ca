"""Every interpreter hears of ended children, whoever set a handler last."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.native.images import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sesha
    from tests.native.images.conftest import Compiler

    Everywhere = Callable[..., list[Any]]


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """The process's own handling of the signal is as before when a test is over."""
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.fixture
def watching(build: Compiler, pool: sesha.Pool) -> Iterator[str]:
    """A library that watches for children in both guests."""
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_watch", result="none")
    yield library
    pool.broadcast(probe.call, library, "children_unwatch", result="none")


def heard(pool: sesha.Pool, library: str) -> list[int]:
    return pool.broadcast(probe.call, library, "children_heard")


def end_a_child() -> None:
    subprocess.run(["/bin/true"], check=True)


def test_each_guest_hears_of_every_child(pool: sesha.Pool, watching: str) -> None:
    """A handler that one guest sets does not keep the signal from another's."""
    end_a_child()
    assert all(count > 0 for count in heard(pool, watching))
    assert pool.broadcast(probe.call, watching, "children_is_watching") == [1, 1]


def test_the_hosts_handler_hears_too(pool: sesha.Pool, build: Compiler) -> None:
    """The handler that the process had when a guest set one is called as before."""
    calls: list[int] = []
    signal.signal(signal.SIGCHLD, lambda number, _: calls.append(number))
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_watch", result="none")
    end_a_child()
    pool.broadcast(probe.call, library, "children_unwatch", result="none")
    assert set(calls) == {signal.SIGCHLD}


def test_guests_hear_after_the_host_has_set_its_own(pool: sesha.Pool, watching: str) -> None:
    """A handler that the host sets later takes the signal from guests for a moment only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = heard(pool, watching)
    end_a_child()
    while any(now <= then for now, then in zip(heard(pool, watching), before, strict=True)):
        time.sleep(0.01)


def test_ignoring_children_concerns_the_guest_alone(pool: sesha.Pool, build: Compiler) -> None:
    """A guest that ignores the signal does not have the process reap others' children."""
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_ignore", result="none")
    child = os.posix_spawn("/bin/false", ["false"], {})
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
