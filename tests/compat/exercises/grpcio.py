"""Serves and calls over a socket, unary and streaming, in one interpreter."""

from concurrent.futures import ThreadPoolExecutor

import grpc

MADE_WITH = "Cython"
DISTRIBUTION = "grpcio"


def _shout(request: bytes, context: grpc.ServicerContext) -> bytes:
    if request == b"refuse":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
    return request.upper()


def _count(request: bytes, _: grpc.ServicerContext) -> object:
    for number in range(int(request)):
        yield str(number).encode()


def exercise() -> object:
    handlers = {
        "Shout": grpc.unary_unary_rpc_method_handler(_shout),
        "Count": grpc.unary_stream_rpc_method_handler(_count),
    }
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("sesha.Test", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            shout = channel.unary_unary("/sesha.Test/Shout")
            answers = [shout(f"call {k}".encode(), timeout=60) for k in range(20)]
            numbers = list(channel.unary_stream("/sesha.Test/Count")(b"5", timeout=60))
            try:
                shout(b"refuse", timeout=60)
            except grpc.RpcError as error:
                failure = error.code().name
    finally:
        server.stop(None).wait()
    return answers, numbers, failure
