"""Runs processes, several at once, from uvloop's event loop."""

import asyncio
import sys

import uvloop

MADE_WITH = "Cython"
DISTRIBUTION = "uvloop"
NOTE = (
    "Starting processes with uvloop at the same moment in the host and in an interpreter can hang: uvloop's "
    "handler of fork() in the host takes the host's GIL in the child of the interpreter"
)
BESIDE_HOST = False


async def _ask(number: int) -> tuple[bytes, int | None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; print(int(sys.stdin.read()) ** 2); sys.exit(3)",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(str(number).encode())
    return output, process.returncode


async def _main() -> object:
    return await asyncio.gather(*(_ask(number) for number in range(4)))


def exercise() -> object:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())
