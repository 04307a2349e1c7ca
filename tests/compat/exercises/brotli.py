"""Compresses and expands."""

import brotli

MADE_WITH = "C"
DISTRIBUTION = "brotli"


def exercise() -> object:
    data = b"".join(b"line %d of the text\n" % k for k in range(3000))
    packed = brotli.compress(data, quality=9)
    stream = brotli.Decompressor()
    parts = [stream.process(packed[k : k + 100]) for k in range(0, len(packed), 100)]
    try:
        brotli.decompress(b"nonsense")
    except brotli.error as error:
        failure = type(error).__name__
    return packed, b"".join(parts) == data, failure
