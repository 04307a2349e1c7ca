"""What `picture` imports only when it is called."""

from __future__ import annotations

import torch


def normalized(scores: torch.Tensor) -> torch.Tensor:
    """Scores that add up to 1 in each row."""
    return torch.nn.functional.softmax(scores, dim=-1)
