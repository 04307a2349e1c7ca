"""What libraries of a guest do around fork() is done for that guest's forks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.native.images import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    import sesha
    from tests.native.images.conftest import Compiler

    Everywhere = Callable[..., list[Any]]


def counts(pool: sesha.Pool, library: str) -> list[list[int]]:
    return pool.broadcast(probe.calls, library, ["children_prepared", "children_in_parent"])


def test_fork_handlers_run_in_their_guest_alone(build: Compiler, pool: sesha.Pool) -> None:
    """A guest's fork runs its own handlers, before and on both sides; no other guest's."""
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_register", result="none")
    with pool.session() as one:
        assert one.run(probe.call, library, "children_fork") == 1
    assert sorted(counts(pool, library)) == [[0, 0], [1, 1]]


def test_hosts_fork_runs_no_guests_handlers(build: Compiler, pool: sesha.Pool) -> None:
    """A fork of the host leaves what guests registered alone."""
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_register", result="none")
    assert probe.call(library, "children_fork") == 0
    assert counts(pool, library) == [[0, 0], [0, 0]]


def test_python_forks_are_forks_of_its_guest(build: Compiler, pool: sesha.Pool) -> None:
    """os.fork in a guest runs the handlers of that guest's libraries."""
    library = build("libchildren.so", "children.c")
    pool.broadcast(probe.call, library, "children_register", result="none")
    with pool.session() as one:
        one.exec("import os\nchild = os.fork()\nif child == 0: os._exit(0)\nos.waitpid(child, 0)")
    assert sorted(counts(pool, library)) == [[0, 0], [1, 1]]
