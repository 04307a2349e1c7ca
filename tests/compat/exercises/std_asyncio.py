"""Runs servers, subprocesses, threads, timers and cancellation."""

import asyncio
import sys

MADE_WITH = "C"
DISTRIBUTION = ""


async def _main() -> object:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(k: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"line {k}\n".encode())
        answer = await reader.readline()
        writer.close()
        return answer

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(k)) for k in range(10)]
    server.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; print(sys.stdin.read()[::-1])",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(b"abc")
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        late = True
    return [task.result() for task in tasks], output, late, await asyncio.to_thread(sum, range(9))


def exercise() -> object:
    return asyncio.run(_main())
