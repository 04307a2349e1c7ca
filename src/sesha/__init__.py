"""Many complete Pythons in one process, and packages of models for them.

Importing this is cheap and imports nothing else: names are loaded when they are first used, so that
an interpreter of a pool, which imports it too, has only what it needs.
"""

from __future__ import annotations

import importlib

# As typing has it, but without its import, which takes a third of the time that an interpreter
# takes to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesha.errors import CallTimeout as CallTimeout
    from sesha.errors import ForkedProcessError as ForkedProcessError
    from sesha.errors import ImageError as ImageError
    from sesha.errors import InterpreterDied as InterpreterDied
    from sesha.errors import InterpreterStartError as InterpreterStartError
    from sesha.errors import PoolClosed as PoolClosed
    from sesha.errors import QueueFull as QueueFull
    from sesha.errors import RemoteError as RemoteError
    from sesha.errors import ReplicaUnloaded as ReplicaUnloaded
    from sesha.errors import SeshaError as SeshaError
    from sesha.errors import SessionClosed as SessionClosed
    from sesha.package.packing import pack as pack
    from sesha.runtime.model import Model as Model
    from sesha.runtime.output import InterpreterFilter as InterpreterFilter
    from sesha.runtime.output import current_interpreter as current_interpreter
    from sesha.runtime.pool import Pool as Pool
    from sesha.runtime.pool import PoolStatistics as PoolStatistics
    from sesha.runtime.references import Reference as Reference
    from sesha.runtime.replica import Replica as Replica
    from sesha.runtime.session import Session as Session

_HOMES = {
    "CallTimeout": "sesha.errors",
    "ForkedProcessError": "sesha.errors",
    "ImageError": "sesha.errors",
    "InterpreterDied": "sesha.errors",
    "InterpreterFilter": "sesha.runtime.output",
    "InterpreterStartError": "sesha.errors",
    "Model": "sesha.runtime.model",
    "Pool": "sesha.runtime.pool",
    "PoolClosed": "sesha.errors",
    "PoolStatistics": "sesha.runtime.pool",
    "QueueFull": "sesha.errors",
    "Reference": "sesha.runtime.references",
    "RemoteError": "sesha.errors",
    "Replica": "sesha.runtime.replica",
    "ReplicaUnloaded": "sesha.errors",
    "SeshaError": "sesha.errors",
    "Session": "sesha.runtime.session",
    "SessionClosed": "sesha.errors",
    "Tensor": "sesha._native",
    "current_interpreter": "sesha.runtime.output",
    "pack": "sesha.package.packing",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a name may be anything
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sesha' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
