"""What native code does not carry between interpreters goes by pickle: called by ``sesha._native``.

A message is pickled whole, by cloudpickle, but for the arrays, tensors and handles in it. Those
become parts of the message, which lend their memory: :meth:`_Pickler.reducer_override` hands them
to the message's sink and leaves a marker in the pickle, an out-of-band buffer (PEP 574). On the
other side the list of parts takes the place of the list of buffers.

Thread-safe; imports cloudpickle, which is why native code imports this module only when it must.
"""

from __future__ import annotations

import io
import pickle
import sys
import traceback
from typing import Any, Protocol

import cloudpickle

from sesha import _native
from sesha.errors import RemoteError, RemoteTraceback
from sesha.runtime._captures import pickle_function
from sesha.runtime._names import find_by_name, type_name
from sesha.runtime._sparse import reduce_sparse
from sesha.runtime._unsendable import explain

__all__ = [
    "describe_exception",
    "dlpack_namespace",
    "dumps",
    "dynamic_classes",
    "pickle_function",
    "rebuild_exception",
    "registered_by_value",
]

_NAMESPACES = {"jax": "jax.numpy", "jaxlib": "jax.numpy"}
"""Modules with ``from_dlpack`` of packages whose own root has none."""


by_value_registry: object = getattr(cloudpickle.cloudpickle, "_PICKLE_BY_VALUE_MODULES", None)
"""cloudpickle's own set of modules registered by value, for a look at whether it is empty."""


class Sink(Protocol):
    """Where the parts of a message go."""

    def add(self, value: object, /) -> bool:
        """Write a value as the next part; False if only a pickle can carry it."""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle is not typed
    """Pickles by value what has no name, and hands arrays, tensors and handles to a sink."""

    def __init__(self, file: io.BytesIO, sink: Sink) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._take_buffer)
        self._sink = sink
        # Any writable buffer: a read-only one would be wrapped in a memoryview on arrival.
        self._marker = pickle.PickleBuffer(bytearray(1))

    def _take_buffer(self, buffer: pickle.PickleBuffer) -> bool:
        """Take what is out of band: a marker, whose part the sink has, or a type's own buffer."""
        return buffer is not self._marker and not self._sink.add(buffer)

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what is a part of the message to a call that gives the part back."""
        if isinstance(obj, io.IOBase) and not isinstance(obj, (io.BytesIO, io.StringIO)):
            # cloudpickle would send a copy of a text file that is open for reading.
            if obj not in (sys.stdin, sys.stdout, sys.stderr):
                message = f"it is an open file ({type(obj).__name__})"
                raise TypeError(message)
        elif not isinstance(obj, type) and self._sink.add(obj):
            return _native.received, (self._marker,)
        elif (reduced := reduce_sparse(obj)) is not None:
            return reduced
        return super().reducer_override(obj)


def dumps(value: object, sink: Sink, root: str) -> memoryview:
    """Pickle ``value``; its arrays, tensors and handles go to ``sink``, in order of their markers.

    Args:
        value: Anything, or ``(fn, args, kwargs)`` when ``root`` is ``"call"``.
        sink: Where the parts go.
        root: The name that errors give the value.

    Raises:
        TypeError: Something in ``value`` can't be pickled; the message begins with the path to it.
    """
    file = io.BytesIO()
    try:
        _Pickler(file, sink).dump(value)
    except RecursionError:
        raise
    except Exception as error:
        if root == "exception":
            raise
        raise explain(value, root, error, _try_pickle) from error
    return file.getbuffer()


class _Question:
    """A sink that keeps nothing, for asking whether a value can be pickled."""

    def add(self, value: object, /) -> bool:
        """Answer as a message's sink would."""
        return _native.is_part(value)


def _try_pickle(value: object) -> None:
    """Raise what pickling ``value`` raises."""
    _Pickler(io.BytesIO(), _Question()).dump(value)


def registered_by_value(module: str) -> bool:
    """Whether ``register_pickle_by_value`` holds for a module or a package around it."""
    registry = cloudpickle.list_registry_pickle_by_value()
    return any(module == name or module.startswith(f"{name}.") for name in registry)


def dlpack_namespace(value: Any) -> str:
    """Name the module whose ``from_dlpack`` makes arrays like ``value``; empty if none does."""
    names = []
    if hasattr(value, "__array_namespace__"):
        names.append(getattr(value.__array_namespace__(), "__name__", ""))
    root = type(value).__module__.partition(".")[0]
    names += [root, _NAMESPACES.get(root, "")]
    return next((name for name in names if hasattr(sys.modules.get(name), "from_dlpack")), "")


def describe_exception(error: BaseException) -> tuple[str, str, str]:
    """Describe an exception: the name of its type, its message, the formatted traceback."""
    try:
        message = str(error)
    except Exception as failure:  # noqa: BLE001 - str() of an exception may raise anything
        message = f"(str() of the exception raised {type_name(type(failure))})"
    text = "".join(traceback.format_exception(error))
    # Lone surrogates in a message would stop whoever prints it.
    return type_name(type(error)), message, text.encode(errors="backslashreplace").decode()


def dynamic_classes() -> list[type]:
    """Classes without an importable name that this interpreter has sent or received."""
    return list(getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_CLASS", ()))


def rebuild_exception(
    error: object, texts: tuple[str, str, str], known: list[type]
) -> BaseException:
    """Make the exception to raise for what a call raised.

    Args:
        error: The remote exception, or None if it could not be unpickled.
        texts: What :func:`describe_exception` said there.
        known: What :func:`dynamic_classes` said here before ``error`` arrived: a class that came
            only with it is none that anybody here could name in an ``except``.
    """
    name, message, text = texts
    raised: BaseException = RemoteError(name, message)
    if isinstance(error, Exception):
        kind = type(error)
        if kind in known or find_by_name(kind.__module__, kind.__qualname__) is kind:
            raised = error
    raised.__cause__ = RemoteTraceback(text)
    return raised
