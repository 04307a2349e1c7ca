"""Runs servers, clients, timers and threads on its event loop."""

import asyncio

import uvloop

MADE_WITH = "Cython"
DISTRIBUTION = "uvloop"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def _main() -> object:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(k: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"line {k}\n".encode())
        answer = await reader.readline()
        writer.close()
        return answer

    answers = await asyncio.gather(*(ask(k) for k in range(20)))
    server.close()
    in_thread = await asyncio.to_thread(sum, range(10))
    await asyncio.sleep(0.01)
    return answers, in_thread, type(asyncio.get_running_loop()).__module__


def exercise() -> object:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())
