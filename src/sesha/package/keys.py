"""Keys that sign packages, and keys that are trusted to have signed them.

Ed25519, and for readers whose tools know no other, ECDSA over P-256, P-384 and P-521 (each with the
hash of its size, as Sigstore's protobuf specification pairs them). Keys are PEM files: PKCS #8 and
SubjectPublicKeyInfo. All of the cryptography is the library `cryptography`, which is imported when
this module is; without it that is a SignatureError.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from sesha.package.errors import SignatureError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError as error:
    raise SignatureError(
        'signatures need the library cryptography: pip install "sesha[sign]"'
    ) from error

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey
# A PEM file, its bytes, or a key of the library.
PrivateKeySource = str | os.PathLike[str] | bytes | PrivateKey
PublicKeySource = str | os.PathLike[str] | bytes | PublicKey

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


def generate(private: str | os.PathLike[str], public: str | os.PathLike[str]) -> None:
    """Makes an Ed25519 key pair and writes it as two PEM files.

    The private one is readable by its owner alone and not encrypted; neither may exist already.

    Raises:
        FileExistsError: One of the files exists.
        OSError: One can't be written.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(private, flags, 0o600), "wb") as file:
        file.write(secret)
    try:
        with Path(public).open("xb") as file:
            file.write(pem(key.public_key()))
    except BaseException:
        # A private key whose public one nobody has is of no use.
        Path(private).unlink()
        raise


def load_private(source: PrivateKeySource, password: bytes | None = None) -> PrivateKey:
    """The private key in a PEM file or its bytes; a key of the library is taken as it is.

    Raises:
        SignatureError: It is no private key of a kind that signs packages.
        OSError: The file can't be read.
    """
    if not isinstance(source, str | bytes | os.PathLike):
        _check(source)
        return source
    try:
        key = serialization.load_pem_private_key(_bytes(source), password)
    except (ValueError, TypeError) as error:
        raise SignatureError(f"{_shown(source)} is no private key in PEM form: {error}") from error
    _check(key)
    return cast("PrivateKey", key)


def load_public(source: PublicKeySource) -> PublicKey:
    """The public key in a PEM file or its bytes; a key of the library is taken as it is.

    Raises:
        SignatureError: It is no public key of a kind that signs packages.
        OSError: The file can't be read.
    """
    if not isinstance(source, str | bytes | os.PathLike):
        _check(source)
        return source
    try:
        key = serialization.load_pem_public_key(_bytes(source))
    except (ValueError, TypeError) as error:
        raise SignatureError(
            f"{_shown(source)} is no public key in PEM form: {error}; a package is checked with "
            "the public key, not the private one"
        ) from error
    _check(key)
    return cast("PublicKey", key)


def load_trusted(sources: Iterable[PublicKeySource]) -> list[PublicKey]:
    """The public keys in `sources`; SignatureError if there is none, or one is unfit."""
    keys = [load_public(source) for source in sources]
    if not keys:
        raise SignatureError("no key is trusted, so no package can be; name at least one")
    return keys


def sign(key: PrivateKey, message: bytes) -> bytes:
    """The signature of `message`."""
    if isinstance(key, EllipticCurvePrivateKey):
        return key.sign(message, ECDSA(_HASHES[key.curve.name]()))
    return key.sign(message)


def signed_by(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the owner of `key` signed `message`."""
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, message, ECDSA(_HASHES[key.curve.name]()))
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def pem(key: PublicKey) -> bytes:
    """The public key in PEM form."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the PEM form, in hexadecimal: how a signature hints at its key."""
    return hashlib.sha256(pem(key)).hexdigest()


def _bytes(source: str | bytes | os.PathLike[str]) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _shown(source: str | bytes | os.PathLike[str]) -> str:
    return "what was given" if isinstance(source, bytes) else os.fspath(source)


def _check(key: object) -> None:
    """Raises SignatureError unless `key` is of a kind that signs packages."""
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey) and (
        key.curve.name in _HASHES
    ):
        return
    raise SignatureError(
        f"a {type(key).__name__} can't sign packages; use an Ed25519 key, or one on P-256, P-384 "
        "or P-521"
    )
