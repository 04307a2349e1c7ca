"""What the benchmarks run in interpreters and in processes: the same functions in both.

Imported by name on the other side, so nothing heavy is imported before it is needed.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    import numpy as np
    import numpy.typing as npt
    import torch

T = TypeVar("T")
LAYERS = 20
WIDTH = 64


def nothing() -> None:
    """Do nothing."""


def same(value: T) -> T:
    """Return the argument itself: it comes back as what was lent."""
    return value


def fresh(tensor: torch.Tensor) -> torch.Tensor:
    """Return a new tensor like the argument: memory of this interpreter goes out."""
    return tensor.clone()


@functools.cache
def _stock(size: int) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.zeros(size, dtype=np.float32)


def exchange(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Take an array and give one of the same size that lives here."""
    return _stock(array.size)


def touch(array: npt.NDArray[np.float32]) -> float:
    """Read one element at either end."""
    return float(array[0] + array[-1])


def single_threaded() -> None:
    """Keep torch's operators on one thread: interpreters are measured here, not OpenMP."""
    import torch

    torch.set_num_threads(1)


@functools.cache
def mlp() -> tuple[torch.nn.Module, torch.Tensor]:
    """Return a model of 20 small layers and an input of shape (1, 64), float32."""
    import torch

    single_threaded()
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for _ in range(LAYERS):
        layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers).eval(), torch.randn(1, WIDTH)


def pure_python() -> int:
    """Do some hundred microseconds of what Python programs do: numbers, strings, dicts, calls."""
    counts: dict[int, int] = {}
    total = 0
    for number in range(400):
        key = (number * 7919) % 61
        counts[key] = counts.get(key, 0) + number
        total += len(str(number)) + max(number, key)
    return total + sum(sorted(counts.values()))


def forward() -> None:
    """Run the model once."""
    import torch

    model, batch = mlp()
    with torch.inference_mode():
        model(batch)


def infer(batch: torch.Tensor) -> torch.Tensor:
    """Run the model on a batch that comes from elsewhere."""
    import torch

    model, _ = mlp()
    with torch.inference_mode():
        result: torch.Tensor = model(batch)
    return result


WORK: dict[str, Callable[[], Any]] = {"pure Python": pure_python, "torch MLP": forward}


def repeat(kind: str, seconds: float, core: int) -> float:
    """Do one kind of work over and over, on one core; return how often it was done per second."""
    return repeated(WORK[kind], seconds, core)


def repeated(work: Callable[[], Any], seconds: float, core: int) -> float:
    """Call something over and over, on one core; return how often it was done per second."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # of this thread
    try:
        count = 0
        start = now = time.perf_counter()
        end = start + seconds
        while now < end:
            work()
            count += 1
            now = time.perf_counter()
    finally:
        os.sched_setaffinity(0, allowed)
    return count / (now - start)


def checksum(module: str) -> float:
    """Compute something with numpy or torch whose result is the same everywhere."""
    if module == "numpy":
        import numpy as np

        matrix = np.linspace(0, 1, 64 * 64).reshape(64, 64)
        return float(np.linalg.eigvalsh(matrix @ matrix.T).sum())
    import torch

    torch.manual_seed(1)
    weights = torch.randn(64, 64, requires_grad=True)
    loss = torch.tanh(weights @ weights).square().sum()
    loss.backward()  # type: ignore[no-untyped-call] # torch gives it no types
    gradient = weights.grad
    assert gradient is not None  # noqa: S101 - for the type checker
    return float(gradient.double().abs().sum())


def serve(connection: Connection) -> None:
    """Serve as a process of the baseline: (kind, seconds, core) in, rate out, until None comes."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while (order := connection.recv()) is not None:
        connection.send(repeat(*order))
