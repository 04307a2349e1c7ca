"""Serves and fetches over a socket, with a web socket."""

import asyncio

import aiohttp
from aiohttp import web

MADE_WITH = "Cython"
DISTRIBUTION = "aiohttp"


async def _echo(request: web.Request) -> web.StreamResponse:
    return web.json_response({"path": request.path, "body": await request.text()})


async def _socket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data[::-1])
    return socket


async def _main() -> object:
    application = web.Application()
    application.add_routes([web.post("/{name}", _echo), web.get("/socket", _socket)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:

            async def post(k: int) -> object:
                async with session.post(f"{url}/n{k}", data="x" * k) as response:
                    return await response.json()

            answers = await asyncio.gather(*(post(k) for k in range(10)))
            async with session.ws_connect(f"{url}/socket") as socket:
                await socket.send_str("abc")
                turned = (await socket.receive()).data
    finally:
        await runner.cleanup()
    return answers, turned


def exercise() -> object:
    return asyncio.run(_main())
