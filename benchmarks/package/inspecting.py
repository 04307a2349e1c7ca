"""How long it takes to look into a package: the function, and the whole command."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Findings, at_most, figure
from benchmarks.package.samples import written
from benchmarks.rounds import interleaved, latencies
from sesha.package.container import Container
from sesha.package.inspection import inspect_package

if TYPE_CHECKING:
    from pathlib import Path


def measure(*, quick: bool) -> Findings:
    """Inspect 1 GiB of weights, in this process and by the command."""
    with written(quick=quick) as samples:
        taken = interleaved(
            {
                "function": latencies(lambda: _inspect(samples.sesha), 5, 1e-6),
                "command": lambda: [_command(samples.sesha)],
                "python": lambda: [_python()],
            },
            rounds=3 if quick else 15,
            label="inspecting",
        )
    size = "64 MiB" if quick else "1 GiB"
    return Findings(
        figures=[
            figure(f"inspect a package of {size}", "ms", taken["function"], target=at_most(200)),
            figure(
                "sesha inspect --json, a process of its own",
                "ms",
                taken["command"],
                note="the start of Python and its imports included",
            ),
            figure("python -c pass", "ms", taken["python"]),
        ]
    )


def _inspect(package: Path) -> None:
    with Container.open(package) as container:
        inspect_package(container)


def _command(package: Path) -> float:
    return _timed([sys.executable, "-m", "sesha", "inspect", str(package), "--json"])


def _python() -> float:
    return _timed([sys.executable, "-c", "pass"])


def _timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3
