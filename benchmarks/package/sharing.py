"""Physical memory of one package's weights in 1, 2 and 8 interpreters, beside 8 processes.

Every weight is read, in each interpreter and in each process, before memory is looked at.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import sesha
from benchmarks.figures import Figure, Findings, at_most, single
from benchmarks.memory import MIB, footprint, mappings
from benchmarks.package.samples import Samples, written
from benchmarks.rounds import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

_PROCESS = """
import gc, sys
from benchmarks.memory import footprint
import torch
{importing}
torch.ones(64, 64).sum()
before = footprint().private
{loading}
network.total()
print(footprint().private - before, flush=True)
sys.stdin.read()
"""
_OURS = _PROCESS.format(
    importing="from sesha.package import PackageImporter",
    loading="network = PackageImporter(sys.argv[1]).load()",
)
_THEIRS = _PROCESS.format(
    importing="from torch.package import PackageImporter",
    loading="network = PackageImporter(sys.argv[1]).load_pickle('model', 'model.pkl')",
)


def measure(*, quick: bool) -> Findings:
    """Load the package into pools of each size, then into processes."""
    counts = (1, 2) if quick else (1, 2, 8)
    rows = []
    written_per_interpreter = 0.0
    with written(quick=quick) as samples, progress_bar() as progress:
        for count in progress.track(counts, description="interpreters"):
            row = _interpreters(samples, count)
            rows.append(row)
            written_per_interpreter = max(written_per_interpreter, row["private"] / count)
        processes = {
            "processes, sesha": _processes(_OURS, samples.sesha, counts[-1]),
            "processes, torch.package": _processes(_THEIRS, samples.torch_package, counts[-1]),
        }
    figures: list[Figure] = [
        single(
            "private memory for weights of one more interpreter",
            "MiB",
            written_per_interpreter,
            target=at_most(5),
            note=f"of {samples.size / MIB:,.0f} MiB; Anonymous of all mappings of the package",
        )
    ]
    for name, private in processes.items():
        figures.append(
            single(f"private memory after loading, each of {counts[-1]} {name}", "MiB", private)
        )
    return Findings(
        figures=figures,
        tables={
            "The package's mappings in one process, MiB (smaps)": [
                {key: round(value, 2) for key, value in row.items()} for row in rows
            ]
        },
    )


def _interpreters(samples: Samples, count: int) -> dict[str, float]:
    with sesha.Pool(count, preload=("torch",)) as pool:
        before = footprint().private
        model = pool.load(samples.sesha)
        with ExitStack() as stack:
            # Held at the same time, so that each interpreter is reached once.
            for _ in range(count):
                session = stack.enter_context(pool.session())
                session.load(model).total()
        grown = footprint().private - before
        mapped = [each for each in mappings() if each.path == str(samples.sesha)]
        row = {
            "interpreters": float(count),
            "mapped": sum(each.size for each in mapped) / MIB,
            "resident": sum(each.resident for each in mapped) / MIB,
            "proportional": sum(each.proportional for each in mapped) / MIB,
            "private": sum(each.anonymous for each in mapped) / MIB,
            "private of all that loading took": grown,
        }
        model.unload()
    return row


def _processes(script: str, package: Path, count: int) -> float:
    """Private MiB that loading took in each of some processes that live at the same time."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", script, str(package)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(count)
        ]
        taken = []
        for process in processes:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            assert process.stdin is not None  # noqa: S101
            stack.callback(process.stdin.close)
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("a process that loads the package failed: see above")
            taken.append(float(line))
    return sum(taken) / len(taken)
