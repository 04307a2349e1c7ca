"""A bare interpreter: how long it takes to come up and what memory is its own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack

import sesha
from benchmarks.figures import Findings, at_most, figure
from benchmarks.memory import footprint
from benchmarks.rounds import interleaved, progress_bar
from sesha import _native
from sesha.runtime import interpreters


def measure(*, quick: bool) -> Findings:
    """Start bare interpreters one after the other, pools and processes of Python beside them."""
    count = 5 if quick else 40
    taken = interleaved(
        {"interpreter": _interpreter, "pool": _pool, "process": _process},
        rounds=count,
        label="boot",
    )
    private = _private_memory(count=5 if quick else 16)
    return Findings(
        [
            figure(
                "boot of a bare interpreter",
                "ms",
                [samples[:1] for samples in taken["interpreter"]],
                target=at_most(30),
            ),
            figure(
                "processor time of that boot",
                "ms",
                [samples[1:] for samples in taken["interpreter"]],
            ),
            figure("Pool(1), until its first call has returned", "ms", taken["pool"]),
            figure(
                "python -c pass, a whole process", "ms", taken["process"], note="for comparison"
            ),
            figure("private memory of a bare interpreter", "MiB", private, target=at_most(8)),
        ]
    )


def _interpreter() -> list[float]:
    """Return the time on the clock, and that of the processor, which others disturb less."""
    start, used = time.perf_counter(), time.process_time()
    index = interpreters.start_interpreter()
    passed, used = time.perf_counter() - start, time.process_time() - used
    _native.stop_interpreter(index)
    return [passed * 1e3, used * 1e3]


def _pool() -> list[float]:
    start = time.perf_counter()
    with sesha.Pool(interpreters=1) as pool:
        pool.run("os:getpid")
        passed = time.perf_counter() - start
    return [passed * 1e3]


def _process() -> list[float]:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return [(time.perf_counter() - start) * 1e3]


def _private_memory(count: int) -> list[list[float]]:
    """Return what each of some pools of one added to this process, all kept until the end."""
    added = []
    with ExitStack() as stack, progress_bar() as progress:
        before = footprint().private
        for _ in progress.track(range(count), description="private memory"):
            pool = stack.enter_context(sesha.Pool(interpreters=1))
            pool.run("os:getpid")
            now = footprint().private
            added.append([now - before])
            before = now
    return added
