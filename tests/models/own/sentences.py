"""Sentence embedding out of a package's modules."""

from __future__ import annotations

import torch


class Embedder(torch.nn.Module):
    """An encoder, and what sentence-transformers puts behind it."""

    def __init__(
        self, encoder: torch.nn.Module, pooling: torch.nn.Module, normalize: torch.nn.Module
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.normalize = normalize

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Embeddings of shape (batch, width) for tokens of shape (batch, length)."""
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        pooled = self.pooling({"token_embeddings": hidden, "attention_mask": mask})
        embedding: torch.Tensor = self.normalize(pooled)["sentence_embedding"]
        return embedding
