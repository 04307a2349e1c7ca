"""All exceptions of the project.

.. code-block:: text

    SeshaError
    |-- RemoteError            a call raised what this side can't raise as its own type
    |-- InterpreterDied        the interpreter ended during the call (a fatal error, abort)
    |-- InterpreterStartError  an interpreter could not be started
    |-- ImageError             a library could not be made private to an interpreter
    |-- PoolClosed             the pool is shut down (a RuntimeError too)
    |-- SessionClosed          the session of a reference has ended (a RuntimeError too)
    |-- ReplicaUnloaded        the replica was unloaded from its pool's interpreters
    |-- ForkedProcessError     a forked child used its parent's pool (a RuntimeError too)
    |-- QueueFull              the pool's bounded queue has no room (a queue.Full)
    `-- CallTimeout            a call or its wait was too long (a TimeoutError)

    RemoteTraceback            a traceback of another interpreter: the cause of what a call raises

Wrong arguments raise what Python raises for them: ``TypeError`` (a value that can't cross, with the
path to it), ``ValueError``. An exception that a call raises arrives as its own type if both sides
know the type, with a :class:`RemoteTraceback` as its ``__cause__``.
"""

from __future__ import annotations

import queue

__all__ = [
    "CallTimeout",
    "ForkedProcessError",
    "ImageError",
    "InterpreterDied",
    "InterpreterStartError",
    "PoolClosed",
    "QueueFull",
    "RemoteError",
    "RemoteTraceback",
    "ReplicaUnloaded",
    "SeshaError",
    "SessionClosed",
]


class SeshaError(Exception):
    """Base of the errors of this library."""


class RemoteError(SeshaError):
    """A call raised an exception that can't be raised here as its own type.

    That is an exception whose type this side can't import, that can't be pickled or unpickled, or
    that is no :class:`Exception`: ``SystemExit`` or ``KeyboardInterrupt`` in a call is an error of
    that call and must not end the caller. What is printed shows the remote traceback.

    Attributes:
        type_name: Module and qualified name of the remote type, such as ``"builtins.SystemExit"``.
        message: ``str()`` of the remote exception.
    """

    def __init__(self, type_name: str, message: str) -> None:
        """Make the error for a remote type and message."""
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        """Read as a traceback's last line does."""
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


class RemoteTraceback(Exception):  # noqa: N818 - a text to be shown, not an error to be caught
    """The formatted traceback of another interpreter.

    Attributes:
        text: What the other interpreter would have printed.
    """

    def __init__(self, text: str) -> None:
        """Hold the text of a traceback."""
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        """Set the text apart from the local traceback that it is printed with."""
        return f'\n"""\n{self.text}"""'


class InterpreterDied(SeshaError):  # noqa: N818 - an event
    """The interpreter ended during the call, by a fatal error or by ``abort``."""


class InterpreterStartError(SeshaError):
    """An interpreter could not be started; the message names the cause and the next step."""


class ImageError(SeshaError):
    """A library could not be made private to an interpreter; the message says which and why."""


class PoolClosed(SeshaError, RuntimeError):  # noqa: N818 - a state
    """The pool is shut down and takes no more calls."""


class SessionClosed(SeshaError, RuntimeError):  # noqa: N818 - a state
    """The session has ended, and with it the objects that its references led to."""


class ReplicaUnloaded(SeshaError):  # noqa: N818 - a state
    """The replica or model was unloaded from its pool; replicate or load it again."""


class ForkedProcessError(SeshaError, RuntimeError):
    """A forked child has none of its parent's threads: the parent's pools do not work there."""


class QueueFull(SeshaError, queue.Full):  # noqa: N818 - as asyncio's
    """The pool's queue is as long as it may be."""


class CallTimeout(SeshaError, TimeoutError):  # noqa: N818 - an event
    """A call, or the wait for a free interpreter, took longer than it was given."""

    def __init__(self, *args: object) -> None:
        # In running code it is raised without arguments: Python's way to do that takes a type.
        super().__init__(*(args or ("the call took longer than it was given",)))
