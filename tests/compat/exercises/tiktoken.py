"""Encodes and decodes with a vocabulary made here, on its threads too."""

import tiktoken

MADE_WITH = "PyO3"
DISTRIBUTION = "tiktoken"


def exercise() -> object:
    ranks = {bytes([k]): k for k in range(256)}
    for pair in (b"th", b"he", b"the", b" t", b" the", b"in", b"ing"):
        ranks[pair] = len(ranks)
    encoding = tiktoken.Encoding(
        "tiny",
        pat_str=r"""'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+""",
        mergeable_ranks=ranks,
        special_tokens={"<end>": 1000},
    )
    text = "the thing in the other hand isn't the end <end>"
    tokens = encoding.encode(text, allowed_special="all")
    return (
        tokens,
        encoding.decode(tokens),
        encoding.encode_batch(["the end", "thing"], num_threads=2),
    )
