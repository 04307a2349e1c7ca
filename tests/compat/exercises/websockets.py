"""Serves and talks over a socket, in threads and in asyncio."""

import asyncio
import threading

from websockets.asyncio.client import connect as connect_async
from websockets.asyncio.server import serve as serve_async
from websockets.speedups import apply_mask
from websockets.sync.client import connect
from websockets.sync.server import serve

MADE_WITH = "C"
DISTRIBUTION = "websockets"


async def _main() -> object:
    async def echo(socket: object) -> None:
        async for message in socket:
            await socket.send(message * 2)

    async with serve_async(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect_async(f"ws://127.0.0.1:{port}") as socket:
            await socket.send("ab")
            return await socket.recv()


def exercise() -> object:
    def echo(socket: object) -> None:
        for message in socket:
            socket.send(message[::-1])

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        with connect(f"ws://127.0.0.1:{port}") as socket:
            socket.send("x" * 10_000 + "y")
            answer = socket.recv()
        server.shutdown()
        thread.join()
    return answer[:3], asyncio.run(_main()), apply_mask(b"some bytes here", b"\1\2\3\4")
