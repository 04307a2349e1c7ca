"""Writes, reads and refuses files of arrays."""

import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save, save_file

MADE_WITH = "PyO3"
DISTRIBUTION = "safetensors"


def exercise() -> object:
    arrays = {"a": np.arange(12.0).reshape(3, 4), "b": np.array([1, 2], np.int8)}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "file"))
        save_file(arrays, path, metadata={"by": "sesha"})
        with safe_open(path, "np") as file:
            part = file.get_slice("a")[1:, :2].tolist()
            keys, metadata = sorted(file.keys()), file.metadata()
    try:
        load(b"nonsense")
    except SafetensorError as error:
        failure = str(error)
    return load(save(arrays))["a"].tolist(), part, keys, metadata, failure
