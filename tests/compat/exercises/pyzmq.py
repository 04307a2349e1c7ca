"""Sends between threads and in asyncio."""

import asyncio
import threading

import zmq
import zmq.asyncio

MADE_WITH = "Cython"
DISTRIBUTION = "pyzmq"


async def _main() -> object:
    context = zmq.asyncio.Context()
    with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
        port = one.bind_to_random_port("tcp://127.0.0.1")
        other.connect(f"tcp://127.0.0.1:{port}")
        await other.send_multipart([b"a", b"b"])
        answer = await one.recv_multipart()
    context.term()
    return answer


def exercise() -> object:
    with (
        zmq.Context() as context,
        context.socket(zmq.REP) as server,
        context.socket(zmq.REQ) as client,
    ):
        server.bind("inproc://sesha")

        def serve() -> None:
            for _ in range(20):
                server.send_json(server.recv_json() * 2)

        thread = threading.Thread(target=serve)
        thread.start()
        client.connect("inproc://sesha")
        answers = []
        for k in range(20):
            client.send_json(k)
            answers.append(client.recv_json())
        thread.join()
    return answers, asyncio.run(_main())
