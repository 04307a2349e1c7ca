"""Many interpreters at once: they start, compute the right thing and stay within their memory."""

from __future__ import annotations

import time

import psutil

import sesha
from benchmarks import workloads
from benchmarks.figures import Findings, at_least, single
from benchmarks.memory import footprint


def with_torch(*, quick: bool) -> Findings:
    """Start 16 interpreters with torch (4 when quick)."""
    return _crowd("torch", 4 if quick else 16)


def with_numpy(*, quick: bool) -> Findings:
    """Start 64 interpreters with numpy (8 when quick)."""
    return _crowd("numpy", 8 if quick else 64)


def _crowd(module: str, count: int) -> Findings:
    before = footprint()
    start = time.perf_counter()
    with sesha.Pool(interpreters=count, preload=(module,)) as pool:
        started = time.perf_counter() - start
        results = pool.broadcast(workloads.checksum, module)
        after = footprint()
        descriptors = psutil.Process().num_fds()
    expected = workloads.checksum(module)
    right = sum(result == expected for result in results)
    return Findings(
        [
            single(
                f"interpreters with {module} that computed what the host does",
                "",
                right,
                target=at_least(count),
            ),
            single("time to start them all", "s", started),
            single("private memory of each", "MiB", (after.private - before.private) / count),
            single("PSS of each", "MiB", (after.proportional - before.proportional) / count),
            single("descriptors open in the process", "", descriptors),
        ]
    )
