"""A little HTTP server for those who watch the bot: `/healthz`, `/readyz`, `/metrics`."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from adapters.ports.errors import ServiceMissing

Faults = Mapping[str, str]
"""What is wrong, by the name of the part; empty if all is well."""


@asynccontextmanager
async def health_server(
    host: str,
    port: int,
    *,
    faults: Callable[[], Awaitable[Faults]],
    unready: Callable[[], Faults],
    platforms: Callable[[], Mapping[str, bool]],
    metrics: Callable[[], Awaitable[bytes]],
) -> AsyncIterator[int]:
    """Listen while inside; yields the port.

    Args:
        host: where to listen.
        port: on which port; 0 takes a free one.
        faults: what does not answer any more, so that only a new start helps.
        unready: what is not there yet, or is about to go.
        platforms: whether each platform is connected.
        metrics: everything that is counted, in Prometheus' text format.

    Raises:
        ServiceMissing: there is no listening there.
    """

    async def healthz(_: web.Request) -> web.Response:
        found = await faults()
        return _answer({"healthy": not found, "faults": dict(found)}, is_good=not found)

    async def readyz(_: web.Request) -> web.Response:
        found = unready()
        told = {"ready": not found, "not_ready": dict(found), "platforms": dict(platforms())}
        return _answer(told, is_good=not found)

    async def counted(_: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={"content-type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", counted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ServiceMissing(f"BOT_HEALTH_PORT={port}: cannot listen on {host} ({_cause(error)}).") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _cause(error: OSError) -> str:
    # The text of asyncio repeats the address; a host that is not known has a negative number and a text of its own.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _answer(body: dict[str, Any], *, is_good: bool) -> web.Response:
    return web.json_response(body, status=200 if is_good else 503, headers={"cache-control": "no-store"})
