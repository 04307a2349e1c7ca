"""Compresses and expands, streams, and trains a dictionary."""

import io

import zstandard

MADE_WITH = "C"
DISTRIBUTION = "zstandard"


def exercise() -> object:
    data = b"".join(b"line %d of the text\n" % k for k in range(5000))
    packed = zstandard.ZstdCompressor(level=7, threads=2).compress(data)
    sink = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(sink, closefd=False) as writer:
        writer.write(data)
    dictionary = zstandard.train_dictionary(
        4096, [data[k : k + 200] for k in range(0, 100_000, 200)]
    )
    small = zstandard.ZstdCompressor(dict_data=dictionary).compress(data[:300])
    expander = zstandard.ZstdDecompressor(dict_data=dictionary)
    try:
        zstandard.ZstdDecompressor().decompress(b"nonsense")
    except zstandard.ZstdError as error:
        failure = str(error)
    return (
        zstandard.ZstdDecompressor().decompress(packed) == data,
        zstandard.ZstdDecompressor().stream_reader(sink.getvalue()).read(20),
        expander.decompress(small) == data[:300],
        failure,
    )
