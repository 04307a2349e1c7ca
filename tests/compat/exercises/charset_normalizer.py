"""Guesses the encoding of text."""

from charset_normalizer import from_bytes

MADE_WITH = "mypyc"
DISTRIBUTION = "charset-normalizer"


def exercise() -> object:
    text = "Příliš žluťoučký kůň úpěl ďábelské ódy. " * 20
    return [
        (match.encoding, str(match) == text)
        for match in [from_bytes(text.encode(encoding)).best() for encoding in ("utf-8", "utf-16")]
        if match is not None
    ]
