"""Packing 1 GiB of weights, beside writing as many bytes to the same disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.figures import Findings, at_least, figure, ratio
from benchmarks.package.model import LAYERS, QUICK_LAYERS, folder, layers, write_package
from benchmarks.rounds import interleaved

_CHUNK = 8 << 20


def measure(*, quick: bool) -> Findings:
    """Pack and write in turn; both end with fsync, so the disk has it all."""
    model = layers(QUICK_LAYERS if quick else LAYERS)
    size = sum(parameter.nbytes for parameter in model.parameters())
    junk = os.urandom(_CHUNK)
    with folder() as name:
        place = Path(name)

        def pack() -> list[float]:
            start = time.perf_counter()
            write_package(place / "model.sesha", model)
            passed = time.perf_counter() - start
            (place / "model.sesha").unlink()
            return [size / passed / 1e6]

        def write() -> list[float]:
            start = time.perf_counter()
            with (place / "junk").open("wb", buffering=0) as file:
                for _ in range(size // _CHUNK):
                    file.write(junk)
                os.fsync(file.fileno())
            passed = time.perf_counter() - start
            (place / "junk").unlink()
            return [size / passed / 1e6]

        taken = interleaved(
            {"pack": pack, "write": write}, rounds=2 if quick else 8, label="packing"
        )
    return Findings(
        [
            figure(f"packing {size / 2**20:,.0f} MiB", "MB/s", taken["pack"]),
            figure("sequential write and fsync of as much", "MB/s", taken["write"]),
            ratio(
                "packing to writing",
                taken["pack"],
                taken["write"],
                target=at_least(0.8),
                note="sha256 and crc32 of everything included",
            ),
        ]
    )
