"""Local model servers: found by what they answer, passed over if it is anything else."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from adapters.models.local_servers import LocalServer, local_servers
from adapters.testing import ScriptedServer


async def test_a_server_is_found_with_its_models_and_others_are_passed_over(
    tcp_server: Any, unused_tcp_port: int
) -> None:
    async def no_json(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        await writer.drain()

    async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        await writer.drain()

    async with ScriptedServer() as server, tcp_server(no_json) as page, tcp_server(no_http) as mail:
        ports = [("closed", unused_tcp_port), ("page", page), ("mail", mail)]
        found = await local_servers([*ports, ("ours", urlsplit(server.url).port or 0)])
    assert found == (LocalServer("ours", server.url, ("scripted",)),)
