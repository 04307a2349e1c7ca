"""Indexes and searches vectors."""

import faiss
import numpy as np

MADE_WITH = "SWIG"
DISTRIBUTION = "faiss-cpu"


def exercise() -> object:
    vectors = np.random.default_rng(4).random((500, 16), dtype=np.float32)
    index = faiss.IndexHNSWFlat(16, 8)
    flat = faiss.IndexFlatL2(16)
    for each in (index, flat):
        each.add(vectors)
    distances, neighbours = flat.search(vectors[:5], 3)
    try:
        faiss.index_factory(16, "nonsense")
    except RuntimeError as error:
        failure = type(error).__name__
    return (
        neighbours.tolist(),
        distances.round(4).tolist(),
        index.search(vectors[:5], 1)[1].tolist(),
        failure,
    )
