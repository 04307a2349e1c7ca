"""Functions that tests call in interpreters, by name; imports nothing that is slow there."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sesha


def wait_for(path: str) -> int:
    """Return once the file exists: a call that lasts as long as a test wants."""
    while not Path(path).exists():
        time.sleep(0.001)
    return sesha.current_interpreter()


def announce_and_wait(announcement: str, path: str) -> int:
    Path(announcement).touch()
    return wait_for(path)


def square(value: int) -> int:
    return value * value


def add(left: int, right: int = 10) -> int:
    return left + right


def fail(message: str) -> None:
    raise ValueError(message)


def fail_on_two(value: int) -> int:
    if value == 2:
        raise ValueError("two")
    return value


def leave(code: int) -> None:
    sys.exit(code)


def die() -> None:
    os.abort()


def spin() -> None:
    while True:
        pass


def thread_id() -> int:
    return threading.get_native_id()


def mark(name: str, value: Any) -> None:
    """Leave a value in this interpreter."""
    sys.modules[__name__].__dict__[name] = value


def marked(name: str) -> Any:
    return sys.modules[__name__].__dict__.get(name)


def emit(text: str) -> None:
    print(text)  # noqa: T201 - output is what is tested
    print(text, file=sys.stderr)  # noqa: T201


class Model:
    """Weights and a count of calls."""

    def __init__(self, weights: Any) -> None:
        self.weights = weights
        self.calls = 0

    def __call__(self, factor: float) -> Any:
        self.calls += 1
        return self.weights * factor

    def count(self) -> tuple[int, int]:
        return sesha.current_interpreter(), self.calls

    def write(self, index: int, value: float) -> None:
        self.weights[index] = value


def modules_named(suffix: str) -> int:
    """How many modules with names that end so are loaded here."""
    return sum(name.endswith(suffix) for name in sys.modules)
