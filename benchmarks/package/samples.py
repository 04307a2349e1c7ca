"""Packages to measure with, written once into a folder that goes away."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
    """Write 1 GiB of weights in 64 layers, or 64 MiB if it has to be quick."""
    from torch.package import PackageExporter  # type: ignore[attr-defined]  # noqa: PLC0415 - slow to import

    width = 512 if quick else 2048
    network = make(64, width)
    with tempfile.TemporaryDirectory(prefix="sesha-benchmark-") as folder:
        ours, theirs = Path(folder, "stack.sesha"), Path(folder, "stack.pt")
        pack(network, ours)
        with PackageExporter(str(theirs)) as exporter:
            exporter.intern("benchmarks.**")
            exporter.extern("**")
            exporter.save_pickle("model", "model.pkl", network)
        del network
        yield Samples(ours, theirs, width, 64 * width * width * 4)
