"""A network as a user writes one: own code around a package's."""

from __future__ import annotations

import importlib

import torch


class Classifier(torch.nn.Module):
    """The features of a published network under a head of one's own."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        # As many do it: the name is only known when it runs.
        provider = importlib.import_module("pytorchcv.model_provider")
        self.features = provider.get_model("squeezenet_v1_1", pretrained=False).features
        self.head = torch.nn.LazyLinear(classes)
        self.head(self.features(torch.zeros(1, 3, 64, 64)).flatten(1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores of shape (batch, classes) for pictures of shape (batch, 3, 64, 64)."""
        from tests.models.own.scores import normalized  # a lazy import, as users have

        return normalized(self.head(self.features(pictures).flatten(1)))
