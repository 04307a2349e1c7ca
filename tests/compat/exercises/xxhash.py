"""Digests at once and in parts."""

import xxhash

MADE_WITH = "C"
DISTRIBUTION = "xxhash"


def exercise() -> object:
    data = bytes(range(256)) * 100
    parts = xxhash.xxh3_128()
    for k in range(0, len(data), 1000):
        parts.update(data[k : k + 1000])
    return xxhash.xxh64(data, seed=3).hexdigest(), parts.hexdigest(), xxhash.xxh3_64_intdigest(data)
