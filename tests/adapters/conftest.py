"""A TCP server of a test's own, for answers that no HTTP library would give."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TcpServer = Callable[[Serve], AbstractAsyncContextManager[int]]


@pytest.fixture
def tcp_server() -> TcpServer:
    """`async with tcp_server(serve) as port`: every connection is served, and closed when `serve` ends or the block."""
    return _tcp_server


@asynccontextmanager
async def _tcp_server(serve: Serve) -> AsyncIterator[int]:
    tasks = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
