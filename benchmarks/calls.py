"""`Pool.run`: what it costs to call into another interpreter and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

import sesha
from benchmarks import workloads
from benchmarks.figures import Findings, at_most, figure
from benchmarks.rounds import interleaved, latencies

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_MIB_256 = 256 * 2**20


def measure(*, quick: bool) -> Findings:
    """Time empty calls, calls with a small tensor, and calls with 256 MiB."""
    torch.set_num_threads(1)
    rounds, count = (5, 200) if quick else (31, 300)
    row = torch.zeros(1, 128)
    array = np.zeros(_MIB_256 // 4, dtype=np.float32)
    tensor = torch.from_numpy(array)
    with sesha.Pool(
        interpreters=1, preload=("numpy", "torch"), initializer=workloads.single_threaded
    ) as pool:
        _check_arrays_are_lent(pool, array)
        calls: dict[str, Callable[[], object]] = {
            "direct": workloads.nothing,
            "direct clone": lambda: workloads.fresh(row),
            "empty": lambda: pool.run(workloads.nothing),
            "empty by name": lambda: pool.run("benchmarks.workloads:nothing"),
            "tensor": lambda: pool.run(workloads.fresh, row),
            "same tensor": lambda: pool.run(workloads.same, row),
            "array": lambda: pool.run(workloads.exchange, array),
            "same array": lambda: pool.run(workloads.same, array),
            "same large tensor": lambda: pool.run(workloads.same, tensor),
        }
        taken = interleaved(
            {name: latencies(call, count) for name, call in calls.items()},
            rounds=rounds,
            label="calls",
        )
    rows = [
        ("run of an empty function", "empty", at_most(5), ""),
        ("the same, named by a string", "empty by name", None, ""),
        ("run with a (1, 128) float32 tensor in and a new one out", "tensor", at_most(20), ""),
        ("the same tensor in and out", "same tensor", None, ""),
        ("a 256 MiB array in and another out", "array", at_most(100), ""),
        ("the same 256 MiB array in and out", "same array", at_most(100), ""),
        ("the same 256 MiB tensor in and out", "same large tensor", at_most(100), ""),
        ("plain call of an empty function, no pool", "direct", None, "for comparison"),
        ("plain call with that tensor, no pool", "direct clone", None, "for comparison"),
    ]
    return Findings(
        [figure(name, "us", taken[key], target=t, note=note) for name, key, t, note in rows]
    )


def _check_arrays_are_lent(pool: sesha.Pool, array: npt.NDArray[np.float32]) -> None:
    """Fail unless both directions share memory: a figure for copies would mean nothing."""
    array[0] = 3
    array[-1] = 4
    back = pool.run(workloads.same, array)
    other = pool.run(workloads.exchange, array)
    if pool.run(workloads.touch, array) != 7 or not np.shares_memory(back, array):
        raise AssertionError("a 256 MiB array was copied on its way")
    other[5] = 6
    if pool.run(workloads.exchange, array)[5] != 6:
        raise AssertionError("an array of the interpreter was copied on its way to the host")
