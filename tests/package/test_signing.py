import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from sesha.package import keys, signing
from sesha.package.container import Container
from sesha.package.errors import DigestError, SignatureError
from sesha.package.writer import ContainerWriter
from tests.package import samples

KEY = ed25519.Ed25519PrivateKey.generate()
OTHER = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return samples.write(tmp_path / "x.sesha")


def verify(path: Path, *trusted: keys.PublicKey) -> signing.Signer:
    with Container.open(path) as container:
        return signing.verify(container, trusted)


def unpacked(package: Path) -> Path:
    folder = package.parent / "unpacked"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def test_a_signed_package_verifies_with_its_key(package: Path) -> None:
    """The signature holds for the trusted key, whichever of several it is, and tells which."""
    signer = signing.sign(package, KEY)
    assert verify(package, OTHER.public_key(), KEY.public_key()) == signer
    assert signer.fingerprint == keys.fingerprint(KEY.public_key())
    with Container.open(package) as container:
        container.verify()
        assert sorted(container.names) == sorted(samples.MEMBERS)


def test_signing_changes_nothing_but_the_signature(package: Path) -> None:
    """All bytes before the signature stay; signing again with the same key gives the same file."""
    before = package.read_bytes()
    signing.sign(package, KEY)
    after = package.read_bytes()
    with zipfile.ZipFile(package) as archive:
        assert archive.namelist()[-1] == "model.sig"
        end = archive.getinfo("model.sig").header_offset
    assert before[:end] == after[:end]
    signing.sign(package, KEY)
    assert package.read_bytes() == after
    signing.sign(package, OTHER, output=package.parent / "y.sesha")
    assert package.read_bytes() == after
    verify(package.parent / "y.sesha", OTHER.public_key())


def test_a_folder_is_signed_in_place(package: Path) -> None:
    """The signature of an unpacked folder is the one of the file, and verifies there."""
    folder = unpacked(package)
    signing.sign(folder, KEY)
    signing.sign(package, KEY)
    verify(folder, KEY.public_key())
    with Container.open(package) as container:
        assert container.signature == (folder / "model.sig").read_bytes()


def test_an_unsigned_package_is_refused(package: Path) -> None:
    """Without a signature there is nothing to trust; the error tells the command that signs."""
    with pytest.raises(SignatureError, match="sesha sign --key"):
        verify(package, KEY.public_key())


def test_another_key_is_refused(package: Path) -> None:
    """A package that somebody else signed is refused, with the fingerprint of that key."""
    signing.sign(package, OTHER)
    with pytest.raises(SignatureError, match=keys.fingerprint(OTHER.public_key())[:64]):
        verify(package, KEY.public_key())


def test_altered_bytes_are_refused(package: Path) -> None:
    """One changed byte in a member, with the manifest as it was, is refused."""
    signing.sign(package, KEY)
    data = bytearray(package.read_bytes())
    data[data.index(samples.SOURCE)] ^= 1
    package.write_bytes(data)
    with pytest.raises(SignatureError, match=r"sample/__init__\.py"):
        verify(package, KEY.public_key())


def test_a_changed_manifest_is_refused(package: Path) -> None:
    """A package with other content, written whole around the old signature, is refused."""
    signing.sign(package, KEY)
    with Container.open(package) as container:
        signature = container.signature
    changes: list[tuple[dict[str, bytes], str]] = [
        ({**samples.MEMBERS, "model/notes.txt": b"other!\n"}, "model/notes.txt"),
        ({**samples.MEMBERS, "new.py": b""}, "new.py"),
        ({k: v for k, v in samples.MEMBERS.items() if k != "model/weights.bin"}, "weights"),
    ]
    for members, named in changes:
        with ContainerWriter(package) as writer:
            for name, data in members.items():
                writer.add(name, data)
            writer.finish(samples.MANIFEST, signature=signature)
        with pytest.raises(SignatureError, match=f"altered after it was signed: .*{named}"):
            verify(package, KEY.public_key())


def test_a_damaged_package_is_not_signed(package: Path) -> None:
    """What does not match its manifest gets no signature, as a file or as a folder."""
    folder = unpacked(package)
    (folder / "model" / "notes.txt").write_bytes(b"1234567")
    with pytest.raises(DigestError):
        signing.sign(folder, KEY)
    assert not (folder / "model.sig").exists()
    data = bytearray(package.read_bytes())
    data[data.index(samples.SOURCE)] ^= 1
    package.write_bytes(data)
    with pytest.raises(DigestError):
        signing.sign(package, KEY)
    assert package.read_bytes() == data


def resigned(package: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Writes the package with a bundle and statement that `change` has changed, signed by KEY."""
    signing.sign(package, KEY)
    with Container.open(package) as container:
        assert container.signature is not None
        bundle = json.loads(container.signature)
        members = {name: container.read(name) for name in container.names}
    envelope = bundle["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(bundle, statement)
    if "dsseEnvelope" in bundle and "payload" in envelope:
        payload = json.dumps(statement).encode()
        message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
        envelope["payload"] = base64.b64encode(payload).decode()
        if envelope["signatures"]:
            envelope["signatures"][0]["sig"] = base64.b64encode(KEY.sign(message)).decode()
    with ContainerWriter(package) as writer:
        for name, data in members.items():
            writer.add(name, data)
        writer.finish(samples.MANIFEST, signature=json.dumps(bundle).encode())


def test_another_spelling_of_a_statement_verifies(package: Path) -> None:
    """A bundle of another writer, with other spaces and order, is read."""
    resigned(package, lambda *_: None)
    verify(package, KEY.public_key())


@pytest.mark.parametrize(
    "change",
    [
        lambda b, _: b.update(mediaType="application/json"),
        lambda b, _: b.pop("dsseEnvelope"),
        lambda b, _: b["verificationMaterial"].pop("publicKey"),
        lambda b, _: b["dsseEnvelope"].update(payloadType="text/plain"),
        lambda b, _: b["dsseEnvelope"].update(signatures=[]),
        lambda b, _: b["dsseEnvelope"]["signatures"].append({"sig": "AA==", "keyid": ""}),
        lambda _, s: s.update(_type="https://example.org"),
        lambda _, s: s.update(predicateType="https://model_signing/Digests/v0.1"),
        lambda _, s: s.update(predicate=[]),
        lambda _, s: s["predicate"]["serialization"].update(ignore_paths=["model"]),
        lambda _, s: s["predicate"]["serialization"].update(method="shards"),
        lambda _, s: s["predicate"]["resources"].pop(),
        lambda _, s: s["predicate"]["resources"].append({"name": "x"}),
        lambda _, s: s["predicate"]["resources"][0].update(algorithm="blake3"),
        lambda _, s: s["predicate"]["resources"][0].update(digest="0" * 64),
    ],
)
def test_a_statement_of_something_else_is_refused(
    package: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]
) -> None:
    """A bundle or statement of another kind is refused though the trusted key signed it."""
    resigned(package, change)
    with pytest.raises(SignatureError):
        verify(package, KEY.public_key())


def test_a_forged_signature_is_told_from_an_unknown_key(package: Path) -> None:
    """A hint at a trusted key that did not sign is called forged."""
    signing.sign(package, KEY)
    with Container.open(package) as container:
        assert container.signature is not None
        bundle = json.loads(container.signature)
        members = {name: container.read(name) for name in container.names}
    for forged in (base64.b64encode(bytes(64)).decode(), "", "!"):
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = forged
        with ContainerWriter(package) as writer:
            for name, data in members.items():
                writer.add(name, data)
            writer.finish(samples.MANIFEST, signature=json.dumps(bundle).encode())
        with pytest.raises(SignatureError, match=r"forged|damaged"):
            verify(package, KEY.public_key())


def test_model_signings_own_command_verifies_it(package: Path) -> None:
    """`model_signing verify key` accepts the unpacked folder, and refuses it once it is altered."""
    pytest.importorskip("model_signing")
    key = ec.generate_private_key(ec.SECP256R1())
    signing.sign(package, key)
    folder = unpacked(package)
    public = package.parent / "key.pub"
    public.write_bytes(keys.pem(key.public_key()))
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "model_signing",
        "verify",
        "key",
        "--public_key",
        public,
    ]
    command += ["--signature", folder / "model.sig", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Verification succeeded"), done.stderr
    (folder / "model" / "notes.txt").write_bytes(b"1234567")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Hash mismatch" in done.stdout + done.stderr


def test_model_signings_library_verifies_ed25519(package: Path) -> None:
    """Given a verifier for Ed25519 keys, which its command lacks, model signing accepts it too."""
    pytest.importorskip("model_signing")
    from model_signing import verifying  # noqa: PLC0415 - optional
    from model_signing._signing import sign_sigstore_pb  # noqa: PLC0415 - same

    class Verifier(sign_sigstore_pb.Verifier):
        def _verify_bundle(self, bundle: Any) -> tuple[str, bytes]:
            envelope = bundle.dsse_envelope
            hint = hashlib.sha256(keys.pem(KEY.public_key())).hexdigest()
            assert bundle.verification_material.public_key.hint == hint
            message = sign_sigstore_pb.pae(envelope.payload)
            KEY.public_key().verify(envelope.signatures[0].sig, message)
            return envelope.payload_type, envelope.payload

    signing.sign(package, KEY)
    folder = unpacked(package)
    config = verifying.Config()  # type: ignore[no-untyped-call]
    config._verifier = Verifier()
    config.verify(folder, folder / "model.sig")
    (folder / "model" / "notes.txt").write_bytes(b"1234567")
    with pytest.raises(ValueError, match="Hash mismatch"):
        config.verify(folder, folder / "model.sig")


def test_without_cryptography_the_error_tells_what_to_install() -> None:
    """Where the library is missing, importing the module is a SignatureError with the command."""
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from sesha.package.errors import SignatureError\n"
        "try:\n    import sesha.package.signing\n"
        "except SignatureError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 'pip install "sesha[sign]"' in done.stdout


def test_a_key_in_a_file_signs(tmp_path: Path, package: Path) -> None:
    """Keys are taken from PEM files and their bytes as well."""
    keys.generate(tmp_path / "key", tmp_path / "key.pub")
    signing.sign(package, tmp_path / "key")
    with Container.open(package) as container:
        signing.verify(container, [tmp_path / "key.pub"])
        signing.verify(container, [(tmp_path / "key.pub").read_bytes()])
    assert (
        serialization.load_pem_public_key((tmp_path / "key.pub").read_bytes()) != KEY.public_key()
    )
