"""The network that is packed: square linear layers, one behind the other."""

from __future__ import annotations

import torch


class Stack(torch.nn.Module):
    """`count` linear layers of `width` without biases; 64 of 2,048 are 1 GiB of float32."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(width, width, bias=False) for _ in range(count)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows of shape (batch, width), through all layers."""
        for layer in self.layers:
            rows = torch.relu(layer(rows))
        return rows

    def total(self) -> float:
        """The sum of all weights: reads every one."""
        return sum(float(weight.detach().sum()) for weight in self.parameters())


def make(count: int, width: int) -> Stack:
    """A network with random weights, in inference mode."""
    torch.manual_seed(0)
    return Stack(count, width).eval()
