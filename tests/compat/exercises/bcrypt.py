"""Hashes and checks passwords."""

import bcrypt

MADE_WITH = "PyO3"
DISTRIBUTION = "bcrypt"


def exercise() -> object:
    hashed = bcrypt.hashpw(b"secret", b"$2b$04$abcdefghijklmnopqrstuu")
    return (
        hashed,
        bcrypt.checkpw(b"secret", hashed),
        bcrypt.kdf(b"word", b"salt", 32, 4, ignore_few_rounds=True),
    )
