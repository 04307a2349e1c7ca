"""What an entry of the corpus is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Made = tuple[Any, Any]
Maker = Callable[[], Made]


@dataclass(frozen=True)
class Entry:
    """A model of the corpus.

    Attributes:
        name: Its name in the table.
        distribution: What it comes from.
        make: Gives the object, with random weights where none are shipped, and its example inputs.
        tolerance: How far outputs may be apart, ``"0"`` for not at all.
        vendor: Pure-Python distributions that are packed too, the second time.
    """

    name: str
    distribution: str
    make: Maker
    tolerance: str = "0"
    vendor: tuple[str, ...] = ()


CORPUS: list[Entry] = []


def entry(
    name: str, distribution: str, *, tolerance: str = "0", vendor: tuple[str, ...] = ()
) -> Callable[[Maker], Maker]:
    """Put a function that makes a model into the corpus."""

    def add(make: Maker) -> Maker:
        CORPUS.append(Entry(name, distribution, make, tolerance, vendor))
        return make

    return add


def tokens(vocabulary: int, length: int = 12) -> torch.Tensor:
    """Token numbers of shape (2, length)."""
    return torch.randint(1, vocabulary, (2, length), generator=torch.Generator().manual_seed(1))


def floats(*shape: int) -> torch.Tensor:
    """Normal numbers of a shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


def table(rows: int = 60, columns: int = 6) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows of numbers and a class of two for each."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(rows, columns))
    return features, (features[:, 0] + features[:, 1] ** 2 > 0.5).astype(int)
