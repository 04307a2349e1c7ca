"""Load and first call: in an interpreter of a pool, beside torch.package in a fresh process.

Both have imported torch before the clock starts, and have computed something with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import torch

import sesha
from benchmarks.figures import Findings, at_most, figure, ratio
from benchmarks.package.samples import Samples, written
from benchmarks.rounds import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

_PROCESS = """
import sys, time
import torch
from torch.package import PackageImporter
torch.relu(torch.nn.Linear(64, 64)(torch.ones(1, 64)))
rows = torch.ones(1, int(sys.argv[2]))
start = time.perf_counter()
network = PackageImporter(sys.argv[1]).load_pickle("model", "model.pkl")
with torch.no_grad():
    network(rows)
print((time.perf_counter() - start) * 1e3)
"""


def measure(*, quick: bool) -> Findings:
    """Take turns between a new pool and a new process."""
    with written(quick=quick) as samples:
        taken = interleaved(
            {"interpreter": _interpreter(samples), "process": _process(samples)},
            rounds=2 if quick else 7,
            label="first calls",
        )
    return Findings(
        figures=[
            figure("pool.load and the first call", "ms", taken["interpreter"]),
            figure("torch.package in a fresh process", "ms", taken["process"]),
            ratio(
                "interpreter to process",
                taken["interpreter"],
                taken["process"],
                target=at_most(1.0),
            ),
        ]
    )


def warm_up() -> None:
    """What the process does before its clock starts; runs in the interpreter."""
    torch.relu(torch.nn.Linear(64, 64)(torch.ones(1, 64)))


def _interpreter(samples: Samples) -> Callable[[], list[float]]:
    def take() -> list[float]:
        rows = torch.ones(1, samples.width)
        with sesha.Pool(1, preload=("torch",)) as pool:
            pool.run(warm_up)
            start = time.perf_counter()
            pool.load(samples.sesha)(rows)
            return [(time.perf_counter() - start) * 1e3]

    return take


def _process(samples: Samples) -> Callable[[], list[float]]:
    def take() -> list[float]:
        command = [sys.executable, "-c", _PROCESS, str(samples.torch_package), str(samples.width)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [float(done.stdout)]

    return take
