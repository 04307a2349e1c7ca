"""Compresses and expands in seven formats."""

import cramjam

MADE_WITH = "PyO3"
DISTRIBUTION = "cramjam"


def exercise() -> object:
    data = b"".join(b"line %d of the text\n" % k for k in range(3000))
    results = {}
    for name in ("snappy", "gzip", "lz4", "zstd", "bzip2", "brotli", "deflate"):
        codec = getattr(cramjam, name)
        results[name] = bytes(codec.decompress(codec.compress(data))) == data
    try:
        cramjam.zstd.decompress(b"nonsense")
    except cramjam.DecompressionError as error:
        failure = type(error).__name__
    return results, failure
