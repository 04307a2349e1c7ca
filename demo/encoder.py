"""The encoder: what the demo packs, and all of this repository's code that the package holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tokenizers import Tokenizer

    Vector = npt.NDArray[np.float32]


class Encoder:
    """Turns a sentence into a vector.

    That is the mean of its tokens' last hidden states, of length one: what the model card of
    all-MiniLM-L6-v2 says to do.

    Args:
        tokenizer: Cuts a sentence into tokens.
        model: A model of transformers that gives a hidden state for each token.
    """

    def __init__(self, tokenizer: Tokenizer, model: Any) -> None:  # noqa: ANN401 - transformers' types are not there for the checker
        self.tokenizer = tokenizer
        self.model = model

    def __call__(self, sentence: str) -> Vector:
        """Return the sentence's vector, shape (384,), float32, of length one."""
        encoding = self.tokenizer.encode(sentence)
        with torch.inference_mode():
            output: Any = self.model(
                input_ids=torch.tensor([encoding.ids]),
                attention_mask=torch.tensor([encoding.attention_mask]),
            )
            mean = output.last_hidden_state[0].mean(dim=0)
            vector: Vector = torch.nn.functional.normalize(mean, dim=0).numpy()
        return vector
