"""What the host runs inside an interpreter: each function here is called there by name.

Kept free of imports that a bare interpreter has not made anyway.
"""

from __future__ import annotations

import importlib
import os
import sys

TYPE_CHECKING = False  # without the import of typing: see sesha/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    T = TypeVar("T")

_SOURCES = "__sesha_sources__"
"""Where a session's namespace keeps the sources that ran in it."""


def identity(value: T) -> T:
    """Return the value: copies what a reference stands for, or leaves an argument here."""
    return value


def run_chunk(fn: Callable[..., T] | str, chunk: Sequence[tuple[Any, ...]]) -> list[T]:
    """Call ``fn`` with each tuple of arguments."""
    if isinstance(fn, str):
        import pkgutil

        named: Callable[..., T] = pkgutil.resolve_name(fn)
        fn = named
    return [fn(*arguments) for arguments in chunk]


def prepare(preload: Iterable[str], prefix: str | None) -> None:
    """Make a new interpreter ready: forks end well, its output can be told, modules are there."""
    if sys.version_info < (3, 13):
        os.register_at_fork(after_in_child=_become_main_thread_of_child)
    if prefix is not None:
        from sesha.runtime.output import prefix_streams

        prefix_streams(prefix)
    for name in preload:
        importlib.import_module(name)


def import_module(name: str) -> Any:
    """Import a module and return it."""
    return importlib.import_module(name)


def new_namespace() -> dict[str, Any]:
    """Return the globals of a session."""
    return {"__name__": "__session__", "__builtins__": __builtins__}


def execute(namespace: dict[str, Any], source: str, filename: str) -> None:
    """Run statements; tracebacks show their lines."""
    from sesha.runtime.sources import RememberedSources

    remembered = namespace.setdefault(_SOURCES, RememberedSources())
    if isinstance(remembered, RememberedSources):  # a source may bind any name
        remembered.add(filename, source)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - it is what a session is for


def evaluate(namespace: dict[str, Any], source: str) -> Any:
    """Return the value of an expression."""
    return eval(source, namespace)  # noqa: S307 - it is what a session is for


def contains(container: Any, item: Any) -> bool:
    """Return whether ``item in container``."""
    return item in container


def set_item(container: Any, key: Any, value: Any) -> None:
    """Do ``container[key] = value``."""
    container[key] = value


def delete_item(container: Any, key: Any) -> None:
    """Do ``del container[key]``."""
    del container[key]


def get_item(container: Any, key: Any) -> Any:
    """Return ``container[key]``."""
    return container[key]


def describe(value: Any) -> str:
    """Return the type and the repr of a value."""
    return f"{type(value).__module__}.{type(value).__qualname__}: {value!r}"


def call_method(target: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of an object."""
    return getattr(target, name)(*args, **kwargs)


def _become_main_thread_of_child() -> None:
    """In a forked child, give the only thread what makes it a main thread, as Python 3.13 does.

    `threading` knows a thread of the host as a dummy, or takes it for the thread that started the
    interpreter when it got that one's number. Neither holds the lock that the main thread gives
    back in the end: `multiprocessing` would fail there.
    """
    import threading

    current: Any = threading.main_thread()
    lock = current._tstate_lock
    if lock is None or not lock.locked():
        current.__class__ = threading._MainThread  # type: ignore[attr-defined]
        current.name = "MainThread"
        current._daemonic = current._is_stopped = False
        current._set_tstate_lock()


def become_main_thread() -> None:
    """Make the calling thread the one that Python's end takes for the main thread.

    `threading` gives that name to the thread in which the interpreter was started, which is over by
    now; it would be waited for until it gives a lock back.
    """
    import threading

    threading.main_thread()._ident = threading.get_ident()  # type: ignore[attr-defined]
