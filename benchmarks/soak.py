"""Long runs: memory, descriptors and threads must be at the end what they were at the start."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import torch

import sesha
from benchmarks import workloads
from benchmarks.figures import Findings, at_most, single
from benchmarks.memory import footprint
from benchmarks.rounds import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

_CALLS = 100_000
_SECONDS = 120.0
_SAMPLES = 100


@dataclass
class Vitals:
    """Samples of this process over time."""

    done: list[int] = field(default_factory=list)
    private: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def take(self, done: int) -> None:
        """Sample now, after that many units of work."""
        process = psutil.Process()
        self.done.append(done)
        self.private.append(round(footprint().private, 3))
        self.descriptors.append(process.num_fds())
        self.threads.append(process.num_threads())

    def findings(self, unit: str) -> Findings:
        """Compare the last quarter with the second one; the first is warming up."""
        quarter = len(self.done) // 4
        early, late = slice(quarter, 2 * quarter), slice(-quarter, None)

        def grown(values: list[float] | list[int]) -> float:
            return float(np.median(values[late]) - np.median(values[early]))

        return Findings(
            figures=[
                single(f"{unit} made", "", self.done[-1]),
                single(
                    "growth of private memory",
                    "MiB",
                    grown(self.private),
                    target=at_most(1.0),
                    note="median of the last quarter less that of the second; "
                    f"{self.private[0]:.1f} MiB at the start, {self.private[-1]:.1f} at the end",
                ),
                single(
                    "growth of open descriptors", "", grown(self.descriptors), target=at_most(0)
                ),
                single("growth of threads", "", grown(self.threads), target=at_most(0)),
            ],
            tables={
                "Samples": [
                    {unit: a, "private MiB": b, "descriptors": c, "threads": d}
                    for a, b, c, d in zip(
                        self.done, self.private, self.descriptors, self.threads, strict=True
                    )
                ]
            },
        )


def calls(*, quick: bool) -> Findings:
    """Make 100,000 calls with tensors of changing size, by `run` and by `submit`."""
    torch.set_num_threads(1)
    total = 2_000 if quick else _CALLS
    vitals = Vitals()
    with (
        sesha.Pool(
            interpreters=2, preload=("torch",), initializer=workloads.single_threaded
        ) as pool,
        progress_bar() as progress,
    ):
        work = _tensor_calls(pool)
        for number in progress.track(range(total), description="calls"):
            if number % (total // _SAMPLES) == 0:
                vitals.take(number)
            next(work)
        vitals.take(total)
    return vitals.findings("calls")


def _tensor_calls(pool: sesha.Pool) -> Iterator[None]:
    """Make one call a step."""
    tensors = [
        torch.zeros(1, 128),
        torch.zeros(64, 1024),
        torch.zeros(0, 3),
        torch.zeros(1024)[::2],
    ]
    pending: list[Future[torch.Tensor]] = []
    number = 0
    while True:
        tensor = tensors[number % len(tensors)]
        function = workloads.fresh if number % 3 else workloads.same
        if number % 8 == 0:
            pending.append(pool.submit(function, tensor))
            if len(pending) == 16:
                for future in pending:
                    future.result()
                pending.clear()
        else:
            result: Any = pool.run(function, tensor)
            if result.shape != tensor.shape:
                raise AssertionError(f"{tensor.shape} came back as {result.shape}")
        number += 1
        yield


def sessions(*, quick: bool) -> Findings:
    """Open sessions, leave objects in them, fetch some and close them, for two minutes."""
    duration = 5.0 if quick else _SECONDS
    vitals = Vitals()
    with (
        sesha.Pool(interpreters=2, preload=("numpy",)) as pool,
        progress_bar() as progress,
    ):
        task = progress.add_task("sessions", total=duration)
        start = now = time.monotonic()
        made = 0
        due = start
        while now < start + duration:
            if now >= due:
                vitals.take(made)
                due += duration / _SAMPLES
            _session(pool, made)
            made += 1
            now = time.monotonic()
            progress.update(task, completed=now - start)
        vitals.take(made)
    return vitals.findings("sessions")


def _session(pool: sesha.Pool, number: int) -> None:
    with pool.session() as session:
        numpy = session.import_module("numpy")
        session.exec(f"values = list(range({number % 100}))\ndef double(x): return 2 * x")
        array = numpy.arange(1000)
        if session.eval("double(21)").get() != 42 or int(array.sum().get()) != 499_500:
            raise AssertionError("a session computed something else")
        kept = session.eval("values")
    # It outlived its session; nothing but an error may come of it.
    del kept
