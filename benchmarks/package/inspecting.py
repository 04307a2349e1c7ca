"""Looking into a package of 1 GiB without running it, and checking all of it."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Findings, at_most, figure
from benchmarks.package.model import LAYERS, QUICK_LAYERS, folder, layers, write_package
from benchmarks.rounds import interleaved
from sesha.package import pickles
from sesha.package.container import Container
from sesha.package.tensor_reader import TensorReader


def measure(*, quick: bool) -> Findings:
    """Read what `sesha inspect` shows: directory, manifest, tensors' headers, pickles' globals."""
    with folder() as name:
        path = Path(name, "model.sesha")
        write_package(path, layers(QUICK_LAYERS if quick else LAYERS))

        def inspect() -> list[float]:
            start = time.perf_counter()
            with Container.open(path) as container:
                reader = TensorReader(container)
                for member in container.names:
                    if member.endswith(".safetensors"):
                        reader.header(member)
                    elif member.endswith(".pkl"):
                        pickles.scan(container.read(member))
            return [(time.perf_counter() - start) * 1e3]

        def verify() -> list[float]:
            start = time.perf_counter()
            with Container.open(path) as container:
                container.verify()
            return [path.stat().st_size / (time.perf_counter() - start) / 1e6]

        taken = interleaved(
            {"inspect": inspect, "verify": verify}, rounds=3 if quick else 10, label="inspecting"
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
            figure("verifying every digest", "MB/s", taken["verify"]),
        ]
    )
