"""Looking into a package of 1 GiB without running it, and checking all of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Findings, at_most, figure
from benchmarks.package.model import LAYERS, QUICK_LAYERS, folder, layers, write_package
from benchmarks.rounds import interleaved
from sesha.package.container import Container
from sesha.package.inspection import inspect_package


def measure(*, quick: bool) -> Findings:
    """Read what `sesha inspect` shows: directory, manifest, tensors' headers, pickles' globals."""
    with folder() as name:
        path = Path(name, "model.sesha")
        write_package(path, layers(QUICK_LAYERS if quick else LAYERS))

        def inspect() -> list[float]:
            start = time.perf_counter()
            with Container.open(path) as container:
                inspect_package(container)
            return [(time.perf_counter() - start) * 1e3]

        def verify() -> list[float]:
            start = time.perf_counter()
            with Container.open(path) as container:
                container.verify()
            return [path.stat().st_size / (time.perf_counter() - start) / 1e6]

        def command() -> list[float]:
            arguments = [sys.executable, "-m", "sesha", "inspect", str(path), "--json"]
            start = time.perf_counter()
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
            return [(time.perf_counter() - start) * 1e3]

        taken = interleaved(
            {"inspect": inspect, "command": command, "verify": verify},
            rounds=3 if quick else 10,
            label="inspecting",
        )
    return Findings(
        [
            figure(
                "reading what inspect shows",
                "ms",
                taken["inspect"],
                target=at_most(200),
                note="without the start of Python and the printing",
            ),
            figure(
                "sesha inspect --json, a process of its own",
                "ms",
                taken["command"],
                note="with the start of Python and its imports",
            ),
            figure("verifying every digest", "MB/s", taken["verify"]),
        ]
    )
