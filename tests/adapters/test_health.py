"""The endpoints for those who watch, over real HTTP."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from adapters.health import health_server
from adapters.ports.errors import ServiceMissing


class Watched:
    """Something to be watched."""

    def __init__(self) -> None:
        self.faulty: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    async def faults(self) -> dict[str, str]:
        return self.faulty

    async def metrics(self) -> bytes:
        return b"up 1\n"

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
        async with health_server(
            host,
            port,
            faults=self.faults,
            unready=lambda: self.missing,
            platforms=lambda: {"discord": not self.missing},
            metrics=self.metrics,
        ) as listening:
            yield listening


async def get(port: int, path: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, response.headers["content-type"], await response.text()


async def test_a_bot_that_is_well_says_so() -> None:
    async with Watched().serve() as port:
        status, kind, body = await get(port, "/healthz")
        assert (status, kind) == (200, "application/json; charset=utf-8")
        assert json.loads(body) == {"healthy": True, "faults": {}}
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)) == (200, {"ready": True, "not_ready": {}, "platforms": {"discord": True}})
        status, kind, body = await get(port, "/metrics")
        assert (status, kind.partition(";")[0], body) == (200, "text/plain", "up 1\n")
        assert (await get(port, "/"))[0] == 404


async def test_one_that_is_not_names_what_is_missing() -> None:
    watched = Watched()
    async with watched.serve() as port:
        watched.faulty = {"database": "nothing could be written"}
        watched.missing = {"discord": "is not connected"}
        status, _, body = await get(port, "/healthz")
        assert (status, json.loads(body)["faults"]) == (503, watched.faulty)
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["not_ready"]) == (503, watched.missing)


async def test_where_it_cannot_listen_the_operator_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceMissing, match=rf"^BOT_HEALTH_PORT={port}: cannot listen on 127.0.0.1 \(Address al"):
            async with Watched().serve(port=port):
                pass
    with pytest.raises(ServiceMissing, match=r"cannot listen on 192.0.2.1 \("):
        async with Watched().serve(host="192.0.2.1", port=port):
            pass
