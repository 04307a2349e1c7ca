"""Encrypts, signs, derives keys and makes a certificate."""

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MADE_WITH = "PyO3, cffi"
DISTRIBUTION = "cryptography"


def exercise() -> object:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signature = key.sign(b"text")
    try:
        key.public_key().verify(signature, b"another text")
    except InvalidSignature:
        refused = True
    elliptic = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sesha")])
    begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, elliptic.public_key(), 5, begin, begin.replace(year=2034)
        )
        .sign(elliptic, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    rsa_key = rsa.generate_private_key(65537, 2048)
    fernet = Fernet(Fernet.generate_key())
    return (
        signature,
        refused,
        AESGCM(bytes(16)).encrypt(bytes(12), b"secret", b"more"),
        ChaCha20Poly1305(bytes(32)).encrypt(bytes(12), b"secret", None),
        Scrypt(b"salt", 32, 2**10, 8, 1).derive(b"word"),
        x509.load_pem_x509_certificate(certificate).subject.rfc4514_string(),
        rsa_key.key_size,
        fernet.decrypt(fernet.encrypt(b"message")),
    )
