"""Shakes hands over memory, and over a socket between two threads."""

import socket
import ssl
import tempfile
import threading
from pathlib import Path

MADE_WITH = "C"
DISTRIBUTION = ""


# Made for these tests alone.
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbVKXTSi0tEFoD43p
6yoQ7jbiw9QcWSdaEOcgsqBhc5ehRANCAAQq+/Ljw5Hv2ua+6CRhH0Udd8nNEWp7
4sPvlzm/DcTaMLmouD7aPfe5bqNg8AKDHAo7Bu9hU4iZGIvG7mIUtRwn
-----END PRIVATE KEY-----
"""
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUXASo38Db6BPBMivjqs/DybfzYQgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjIwNTU0N1oYDzIxMjYxMDI5
MjA1NTQ3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQq+/Ljw5Hv2ua+6CRhH0Udd8nNEWp74sPvlzm/DcTaMLmouD7aPfe5
bqNg8AKDHAo7Bu9hU4iZGIvG7mIUtRwno2kwZzAdBgNVHQ4EFgQUqKk0XWYsiNkg
ENEVAinxDPSBPtQwHwYDVR0jBBgwFoAUqKk0XWYsiNkgENEVAinxDPSBPtQwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAPHXvnaQ+TInkSNLyHvGLbCVZDGG2cZw8CwHg0fU/5ncAiAOpMpXePvy
TJw8pXgUwhZa1WgfTkJhq3Taxi2H0SdxIA==
-----END CERTIFICATE-----
"""


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pem")
        path.write_text(KEY + CERTIFICATE)
        server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=CERTIFICATE)
    return server, client


def _in_memory(server: ssl.SSLContext, client: ssl.SSLContext) -> object:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, to_client, server_side=True)
    other = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    waiting = [one, other]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    other.write(b"hello")
    return one.read(), other.version(), other.cipher()[0]


def exercise() -> object:
    server, client = _contexts()
    a, b = socket.socketpair()

    def serve() -> None:
        with server.wrap_socket(a, server_side=True) as side:
            side.sendall(side.recv(100).upper())

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(b, server_hostname="localhost") as side:
        side.sendall(b"over a socket")
        answer = side.recv(100)
    thread.join()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata="nonsense")
    except ssl.SSLError as error:
        failure = error.reason or str(error)
    return _in_memory(server, client), answer, failure, ssl.OPENSSL_VERSION
