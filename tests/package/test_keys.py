import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sesha.package import keys
from sesha.package.errors import SignatureError

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.mark.parametrize(
    "private",
    [ed25519.Ed25519PrivateKey.generate(), *map(ec.generate_private_key, CURVES)],
    ids=["Ed25519", "P-256", "P-384", "P-521"],
)
def test_only_the_right_key_and_message_verify(private: keys.PrivateKey) -> None:
    """A signature holds for its key and its message, and for no other of either."""
    signature = keys.sign(private, b"message")
    assert keys.signed_by(private.public_key(), signature, b"message")
    assert not keys.signed_by(private.public_key(), signature, b"massage")
    assert not keys.signed_by(private.public_key(), b"", b"message")
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    assert not keys.signed_by(other, signature[:64], b"message")


def test_a_generated_pair_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    """The private file has mode 600, both load again, and neither overwrites a file."""
    private, public = tmp_path / "key", tmp_path / "key.pub"
    keys.generate(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    loaded = keys.load_private(private)
    assert keys.pem(loaded.public_key()) == public.read_bytes()
    assert keys.fingerprint(keys.load_public(public)) == keys.fingerprint(loaded.public_key())
    with pytest.raises(FileExistsError):
        keys.generate(private, tmp_path / "other.pub")
    with pytest.raises(FileExistsError):
        keys.generate(tmp_path / "other", public)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    """A wrong or missing password is a SignatureError that names the file."""
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    loaded = keys.load_private(tmp_path / "key", b"secret")
    assert keys.pem(loaded.public_key()) == keys.pem(key.public_key())
    for password in (None, b"wrong"):
        with pytest.raises(SignatureError, match="key"):
            keys.load_private(tmp_path / "key", password)


def test_other_keys_are_refused() -> None:
    """RSA, other curves, garbage and the wrong half of a pair are named errors."""
    unfit = rsa.generate_private_key(65537, 2048)
    with pytest.raises(SignatureError, match="RSAPrivateKey can't sign packages"):
        keys.load_private(unfit)  # type: ignore[arg-type]
    with pytest.raises(SignatureError, match="Ed25519 key, or one on P-256"):
        keys.load_private(ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(SignatureError, match="no private key in PEM form"):
        keys.load_private(b"garbage")
    secret = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(SignatureError, match="not the private one"):
        keys.load_public(secret)
    with pytest.raises(SignatureError, match="name at least one"):
        keys.load_trusted([])
