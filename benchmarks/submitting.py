"""`Pool.submit(...).result()` beside the executors of the standard library."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import sesha
from benchmarks import workloads
from benchmarks.figures import Findings, at_most, figure
from benchmarks.rounds import interleaved, latencies

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB_64 = 64 * 2**20


def measure(*, quick: bool) -> Findings:
    """Time the way there and back through each executor, without and with 64 MiB."""
    rounds, count = (5, 100) if quick else (31, 200)
    array = np.zeros(_MIB_64 // 4, dtype=np.float32)
    spawn = multiprocessing.get_context("spawn")
    with (
        sesha.Pool(interpreters=1, preload=("numpy",)) as pool,
        ThreadPoolExecutor(1) as threads,
        ProcessPoolExecutor(1, mp_context=spawn) as processes,
    ):
        executors: dict[str, Executor] = {
            "sesha.Pool": pool,
            "ThreadPoolExecutor": threads,
            "ProcessPoolExecutor": processes,
        }
        empty = interleaved(
            {
                name: latencies(partial(_there_and_back, executor, workloads.nothing), count)
                for name, executor in executors.items()
            },
            rounds=rounds,
            label="empty calls",
        )
        large = interleaved(
            {
                name: latencies(
                    partial(_there_and_back, executor, workloads.same, array),
                    1 if name == "ProcessPoolExecutor" else 50,
                )
                for name, executor in executors.items()
            },
            rounds=3 if quick else 11,
            label="64 MiB arrays",
        )
    findings = Findings()
    for name in executors:
        target = at_most(30) if name == "sesha.Pool" else None
        findings.add(figure(f"empty function, {name}", "us", empty[name], target=target))
    for name in executors:
        findings.add(figure(f"64 MiB array in and out, {name}", "us", large[name]))
    return findings


def _there_and_back(executor: Executor, function: Callable[..., Any], *arguments: object) -> object:
    return executor.submit(function, *arguments).result()
