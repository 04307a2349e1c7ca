"""Compresses and expands blocks, frames and streams."""

import lz4.block
import lz4.frame

MADE_WITH = "C"
DISTRIBUTION = "lz4"


def exercise() -> object:
    data = b"".join(b"line %d of the text\n" % k for k in range(5000))
    block = lz4.block.compress(data, mode="high_compression")
    frame = lz4.frame.compress(data, content_checksum=True)
    expander = lz4.frame.LZ4FrameDecompressor()
    parts = [expander.decompress(frame[k : k + 1000]) for k in range(0, len(frame), 1000)]
    try:
        lz4.frame.decompress(b"nonsense")
    except RuntimeError as error:
        failure = str(error)
    return lz4.block.decompress(block) == data, b"".join(parts) == data, len(block), failure
