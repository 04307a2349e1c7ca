"""Sparse tensors of torch, taken apart into tensors that cross without a copy.

torch's own pickling leaves each sparse tensor that it unpickles in a list, until the next
``torch.load``.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any


def reduce_sparse(value: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """Reduce a sparse tensor for pickle; None if ``value`` is anything else, a subclass too."""
    torch = sys.modules.get("torch")
    if torch is None or type(value) is not getattr(torch, "Tensor", None):
        return None
    value = value.detach()
    if value.layout is torch.sparse_coo:
        make = partial(torch.sparse_coo_tensor, is_coalesced=value.is_coalesced())
        return make, (value._indices(), value._values(), tuple(value.shape))
    if value.layout in (torch.sparse_csr, torch.sparse_bsr):
        compressed, plain = value.crow_indices(), value.col_indices()
    elif value.layout in (torch.sparse_csc, torch.sparse_bsc):
        compressed, plain = value.ccol_indices(), value.row_indices()
    else:
        return None
    make = partial(torch.sparse_compressed_tensor, layout=value.layout)
    return make, (compressed, plain, value.values(), tuple(value.shape))
