"""The model that packages are measured with: 64 linear layers of 16 MiB, 1 GiB of weights."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from torch.package.package_exporter import PackageExporter as TorchPackageExporter

from sesha.package import PackageExporter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAYERS = 64
WIDTH = 2048
QUICK_LAYERS = 8
PACKAGE, RESOURCE = "model", "model.pkl"


def layers(count: int) -> torch.nn.Sequential:
    """A stack of linear layers with weights that all differ, so that none is stored for two."""
    made = torch.nn.Sequential(
        *(torch.nn.Linear(WIDTH, WIDTH, device="meta") for _ in range(count))
    ).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-1, 1, generator=generator)
    return made


def skeleton(count: int) -> torch.nn.Sequential:
    """The same stack without memory, for weights to be assigned to."""
    return torch.nn.Sequential(
        *(torch.nn.Linear(WIDTH, WIDTH, device="meta") for _ in range(count))
    )


def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder on a disk, not in memory, for files of that size; gone when closed."""
    return tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sesha-benchmark-")


def write_package(path: Path, obj: object) -> None:
    """Write an object as a package of sesha."""
    with PackageExporter(path) as exporter:
        exporter.save_pickle(PACKAGE, RESOURCE, obj)


def files(place: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Write the model in each format; give name and path of each file."""
    model = layers(count)
    yield "sesha", place / "model.sesha"
    write_package(place / "model.sesha", model)
    yield "torch.save", place / "model.pt"
    torch.save(model, place / "model.pt")
    yield "safetensors", place / "model.safetensors"
    safetensors.torch.save_file(model.state_dict(), place / "model.safetensors")
    yield "torch.package", place / "model.package"
    with TorchPackageExporter(place / "model.package") as exporter:
        exporter.extern("**")
        exporter.save_pickle(PACKAGE, RESOURCE, model)
