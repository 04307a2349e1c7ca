"""Signs packages and checks who signed them, in the form of OpenSSF model signing.

Format: an in-toto statement (<https://in-toto.io/Statement/v1>) with model signing's predicate
(<https://model_signing/signature/v1.0>) that lists the SHA-256 of each member and of the manifest;
in a DSSE envelope (<https://github.com/secure-systems-lab/dsse>, v1.0.2); in a Sigstore bundle
(media type below) that hints at the key. It is the member `model.sig`, so it travels with the
package; the statement excludes it by name. The tool `model_signing` verifies the unpacked folder
with it: `model_signing verify key` where the key is on a NIST curve, and for Ed25519, which that
command does not take, its library with a verifier for such keys.

A signature that holds means: the owner of the key signed the manifest and every member, just as
they are. It does not mean that the code is harmless.
"""

import base64
import binascii
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from sesha.package import canonical, keys, names
from sesha.package.canonical import Json
from sesha.package.container import Container
from sesha.package.errors import DigestError, FormatError, SignatureError
from sesha.package.keys import PrivateKey, PrivateKeySource, PublicKey, PublicKeySource
from sesha.package.staging import StagedFile
from sesha.package.writer import ContainerWriter

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_SERIALIZATION: dict[str, Json] = {
    "method": "files",
    "hash_type": "sha256",
    "allow_symlinks": False,
    "ignore_paths": [names.SIGNATURE],
}


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a package: the public key in PEM form and its SHA-256."""

    fingerprint: str
    public_key: bytes


def sign(
    path: str | os.PathLike[str],
    key: PrivateKeySource,
    *,
    password: bytes | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Signer:
    """Signs a package; a signature that it had is replaced.

    Args:
        path: A package's file or unpacked folder.
        key: A private key: a PEM file, its bytes, or a key of `cryptography`.
        password: Of an encrypted PEM file.
        output: Where the signed package goes; in place of the unsigned one by default. Not for a
            folder, into which the signature is written.
        progress: Called with the number of bytes just written.

    Raises:
        DigestError: The package is altered or damaged; nothing is signed.
        SignatureError: The key is unfit.
        FormatError: It is no package.
        OSError: It can't be read, or the signed one not be written; nothing is left half-written.
    """
    private = keys.load_private(key, password)
    with Container.open(path) as container:
        bundle = _bundle(private, _statement(container))
        if Path(path).is_dir():
            container.verify(progress=progress)
            with StagedFile(Path(path, names.SIGNATURE)) as staged:
                staged.file.write(bundle)
                staged.commit()
        else:
            _rewrite(container, path if output is None else output, bundle, progress)
    return _signer(private.public_key())


def verify(
    container: Container,
    trusted_keys: Iterable[PublicKeySource],
    *,
    progress: Callable[[int], None] | None = None,
) -> Signer:
    """Checks that one of `trusted_keys` signed the package as it is, every byte of it.

    Args:
        container: The opened package; none of its code is run.
        trusted_keys: Public keys: PEM files, their bytes, or keys of `cryptography`.
        progress: Called with the number of bytes just read.

    Returns:
        The key that signed it.

    Raises:
        SignatureError: It is unsigned, altered, or signed by another key.
        OSError: It, or a key, can't be read.
    """
    trusted = keys.load_trusted(trusted_keys)
    signature = container.signature
    if signature is None:
        raise SignatureError(
            f"{container.origin} is not signed; sign it: sesha sign --key KEY {container.origin}"
        )
    payload, signed, hint = _opened(signature, container.origin)
    message = _authenticated(payload)
    key = next((key for key in trusted if keys.signed_by(key, signed, message)), None)
    if key is None:
        known = hint in {keys.fingerprint(key) for key in trusted}
        raise SignatureError(
            f"the signature of {container.origin} is forged or damaged: it names a trusted key, "
            "which did not make it"
            if known
            else f"{container.origin} is signed by a key that is not trusted; SHA-256: {hint}"
        )
    _compare(payload, container)
    try:
        container.verify(progress=progress)
    except FormatError as error:
        raise SignatureError(str(error)) from error
    return _signer(key)


def _signer(key: PublicKey) -> Signer:
    return Signer(keys.fingerprint(key), keys.pem(key))


def _resources(container: Container) -> dict[str, str]:
    """SHA-256 of everything in the package but its signature, by name."""
    digests = {member.name: member.sha256 for member in container.manifest.members}
    digests[names.MANIFEST] = hashlib.sha256(container.manifest_bytes).hexdigest()
    return dict(sorted(digests.items()))


def _statement(container: Container) -> bytes:
    resources = _resources(container)
    # As model signing defines it: the digest of the digests, in the order of the list.
    root = hashlib.sha256(b"".join(map(bytes.fromhex, resources.values()))).hexdigest()
    return canonical.encode(
        {
            "_type": _STATEMENT,
            "subject": [{"name": container.manifest.name, "digest": {"sha256": root}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "serialization": _SERIALIZATION,
                "resources": [
                    {"name": name, "algorithm": "sha256", "digest": digest}
                    for name, digest in resources.items()
                ],
            },
        }
    )


def _authenticated(payload: bytes) -> bytes:
    """What DSSE signs for a payload: its pre-authentication encoding, PAE."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _bundle(key: PrivateKey, payload: bytes) -> bytes:
    signature = keys.sign(key, _authenticated(payload))
    return canonical.encode(
        {
            "mediaType": _BUNDLE,
            "verificationMaterial": {
                "publicKey": {"hint": keys.fingerprint(key.public_key())},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def _opened(bundle: bytes, origin: str) -> tuple[bytes, bytes, str]:
    """Payload, signature and hint at the key of a bundle; none of them is to be believed yet."""
    try:
        match canonical.decode_any_spelling(bundle):
            case {
                "mediaType": str(media),
                "verificationMaterial": {"publicKey": {"hint": str(hint)}},
                "dsseEnvelope": {
                    "payload": str(payload),
                    "payloadType": str(kind),
                    "signatures": [{"sig": str(signature)}],
                },
            } if (media, kind) == (_BUNDLE, _PAYLOAD):
                return (
                    base64.b64decode(payload, validate=True),
                    base64.b64decode(signature, validate=True),
                    ascii(hint)[1:65],
                )
    except (canonical.NotCanonicalError, binascii.Error, ValueError) as error:
        raise SignatureError(f"the signature of {origin} is damaged: {error}") from error
    raise SignatureError(
        f"the signature of {origin} is not a Sigstore bundle (v0.3) with a DSSE envelope"
    )


def _compare(payload: bytes, container: Container) -> None:
    """Compares what was signed with what is there."""
    try:
        statement = canonical.decode_any_spelling(payload)
    except canonical.NotCanonicalError as error:
        raise SignatureError(f"what was signed is no statement: {error}") from error
    signed: dict[str, Json] = {}
    match statement:
        case {
            "_type": str(kind),
            "predicateType": str(predicate),
            "predicate": {"serialization": dict(serialization), "resources": list(resources)},
        } if (kind, predicate, serialization) == (_STATEMENT, _PREDICATE, _SERIALIZATION):
            for resource in resources:
                match resource:
                    case {"name": str(name), "algorithm": "sha256", "digest": str(digest)}:
                        signed[name] = digest
                    case _:
                        raise SignatureError("what was signed lists something other than SHA-256")
        case _:
            raise SignatureError(
                "what was signed is not the statement of a package (model signing, v1.0, by files)"
            )
    present = _resources(container)
    other = [name for name in sorted({*signed, *present}) if signed.get(name) != present.get(name)]
    if other:
        raise SignatureError(
            f"{container.origin} was altered after it was signed: "
            + ", ".join(map(names.shown, other[:10]))
        )


def _rewrite(
    container: Container,
    path: str | os.PathLike[str],
    signature: bytes,
    progress: Callable[[int], None] | None,
) -> None:
    """Writes the package again with a signature; DigestError if its bytes are not as declared."""
    with ContainerWriter(path, progress=progress) as writer:
        for name in container.names:
            added = writer.add(name, container.map(name), align=container.alignment(name))
            if added != container.digest(name):
                raise DigestError(
                    f"{container.origin} was altered or damaged: {names.shown(name)} is not what "
                    "the manifest declares; it is not signed"
                )
        writer.finish(container.manifest, signature=signature)
