"""Packages to measure with, written once into a folder that goes away."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch.package.package_exporter import PackageExporter as TorchPackageExporter

from benchmarks.package.model import LAYERS, QUICK_LAYERS, WIDTH, folder
from benchmarks.package.stack import make
from sesha.package import pack

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Samples:
    """The same network as a package of ours and as an archive of torch.package.

    Attributes:
        sesha: The package.
        torch_package: The archive; the network is at ``model/model.pkl`` in both.
        width: Width of its layers.
        size: Bytes of its weights.
    """

    sesha: Path
    torch_package: Path
    width: int
    size: int


@contextlib.contextmanager
def written(*, quick: bool) -> Iterator[Samples]:
    """Write 1 GiB of weights in 64 layers, or 128 MiB if it has to be quick."""
    count = QUICK_LAYERS if quick else LAYERS
    network = make(count, WIDTH)
    with folder() as name:
        ours, theirs = Path(name, "stack.sesha"), Path(name, "stack.pt")
        pack(network, ours)
        with TorchPackageExporter(str(theirs)) as exporter:
            exporter.intern("benchmarks.**")
            exporter.extern("**")
            exporter.save_pickle("model", "model.pkl", network)
        del network
        yield Samples(ours, theirs, WIDTH, count * WIDTH * WIDTH * 4)
