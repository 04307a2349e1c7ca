"""Opening and loading 1 GiB of weights from a warm page cache, beside what else loads them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch.package.package_importer import PackageImporter as TorchPackageImporter

from benchmarks.figures import Findings, at_most, figure
from benchmarks.package.model import (
    LAYERS,
    PACKAGE,
    QUICK_LAYERS,
    RESOURCE,
    files,
    folder,
    skeleton,
)
from benchmarks.rounds import interleaved
from sesha.package import PackageImporter

if TYPE_CHECKING:
    from collections.abc import Callable


def measure(*, quick: bool) -> Findings:
    """Load the same model from each kind of file; files are read once before, so pages are warm."""
    count = QUICK_LAYERS if quick else LAYERS
    with folder() as name:
        paths = dict(files(Path(name), count))
        for path in paths.values():
            path.read_bytes()
        contenders: dict[str, Callable[[], object]] = {
            "sesha": lambda: PackageImporter(paths["sesha"]).load_pickle(PACKAGE, RESOURCE),
            "torch.load, mmap": lambda: torch.load(
                paths["torch.save"], mmap=True, weights_only=False
            ),
            "safetensors, assigned": lambda: _assigned(paths["safetensors"], count),
            "torch.load": lambda: torch.load(paths["torch.save"], weights_only=False),
            "torch.package": lambda: TorchPackageImporter(str(paths["torch.package"])).load_pickle(
                PACKAGE, RESOURCE
            ),
        }
        _check(contenders)
        taken = interleaved(
            {name: _timed(load) for name, load in contenders.items()},
            rounds=3 if quick else 15,
            label="loading",
        )
    size = sum(parameter.nbytes for parameter in skeleton(count).parameters()) / 2**20
    return Findings(
        [
            figure(
                f"open and load {size:,.0f} MiB: {name}",
                "ms",
                samples,
                target=at_most(25) if name == "sesha" else None,
                note="" if name == "sesha" else "for comparison",
            )
            for name, samples in taken.items()
        ]
    )


def _assigned(path: Path, count: int) -> torch.nn.Module:
    model = skeleton(count)
    model.load_state_dict(safetensors.torch.load_file(path), assign=True)
    return model


def _check(contenders: dict[str, Callable[[], Any]]) -> None:
    """All give the same weights, or the comparison would mean nothing."""
    expected = contenders["torch.load"]().state_dict()
    for name, load in contenders.items():
        state = load().state_dict()
        if not all(torch.equal(state[key], value) for key, value in expected.items()):
            raise RuntimeError(f"{name} loads other weights than torch.load")


def _timed(load: Callable[[], object]) -> Callable[[], list[float]]:
    def take() -> list[float]:
        start = time.perf_counter()
        loaded = load()
        passed = time.perf_counter() - start
        del loaded
        return [passed * 1e3]

    return take
