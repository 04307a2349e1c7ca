"""Compresses with zlib, bz2 and lzma, and digests."""

import bz2
import hashlib
import hmac
import lzma
import zlib

MADE_WITH = "C"
DISTRIBUTION = ""


def exercise() -> object:
    data = b"".join(b"line %d of the text\n" % k for k in range(3000))
    digests = {
        name: hashlib.new(name, data).hexdigest()
        for name in ("md5", "sha256", "sha3_512", "blake2b")
    }
    return (
        [module.decompress(module.compress(data)) == data for module in (zlib, bz2, lzma)],
        digests,
        hmac.new(b"key", data, "sha512").hexdigest(),
        hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 1000).hex(),
        zlib.crc32(data),
    )
