"""Writes and reads groups, chunks, strings and attributes in memory and on disk."""

import io
import tempfile
from pathlib import Path

import h5py
import numpy as np

MADE_WITH = "Cython"
DISTRIBUTION = "h5py"


def exercise() -> object:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        data = file.create_dataset(
            "a/b", data=np.arange(1000.0).reshape(100, 10), chunks=True, compression="gzip"
        )
        data.attrs["unit"] = "m"
        file["text"] = ["one", "two"]
    with h5py.File(memory, "r") as file:
        read = (
            float(file["a/b"][10:20, ::2].sum()),
            file["a/b"].attrs["unit"],
            file["text"].asstr()[1],
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.h5")
        with h5py.File(path, "w") as file:
            file["x"] = np.arange(5)
        with h5py.File(path) as file:
            names: list[str] = []
            file.visit(names.append)
            on_disk = file["x"][:].tolist(), names
    try:
        h5py.File(io.BytesIO(b"nonsense"), "r")
    except OSError as error:
        failure = type(error).__name__
    return read, on_disk, failure
