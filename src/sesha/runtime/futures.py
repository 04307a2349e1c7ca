"""The future of a submitted call."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from sesha.errors import InterpreterDied

if TYPE_CHECKING:
    from sesha._native import Task

T = TypeVar("T")


class CallFuture(Future[T]):
    """A `concurrent.futures.Future` that leaves the pool's queue when it is cancelled.

    Whether the call has begun is known to the queue alone, so that a worker need not take the
    host's GIL to say so: a call can be cancelled exactly as long as no worker has been chosen for
    it.
    """

    _task: Task | None = None

    def cancel(self) -> bool:
        """Cancel the call if it waits; return whether it is cancelled."""
        task = self._task
        if task is None:
            return super().cancel()
        if task.cancel():
            self._cancel_unrun()
            return True
        return self.cancelled() or task.state == "cancelled"

    def running(self) -> bool:
        """Return whether the call runs in an interpreter now."""
        return self._task is not None and self._task.state == "running" and not self.done()

    def _cancel_unrun(self) -> None:
        """Mark the future as cancelled and wake who waits for it; its task has left the queue."""
        if super().cancel():
            self.set_running_or_notify_cancel()

    def _fail_unrun(self) -> None:
        """Fail the future of a call that no interpreter will run."""
        self.set_exception(
            InterpreterDied(
                "the interpreter that the call waited for died, and no other can run it"
            )
        )
