"""A proxy before a model server that does all that networks and servers do to a request, by chance, from a seed."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Self

SOON = b"retry-after-ms: 1\r\n"  # what the SDK itself waits for
MOST_DELAY_S = 0.01

# How often of a thousand requests; the rest is passed on as it is.
FAULTS = {
    "delayed": 100,
    "cut before the request": 40,
    "cut before the answer": 40,
    "cut within the head": 20,
    "cut within the body": 40,
    "garbled": 30,
    "a page of HTML": 20,
    "an empty body": 20,
    "an error with status 200": 20,
    "no choices": 10,
    "429 with Retry-After": 30,
    "429": 20,
    "500": 30,
    "503": 30,
}
BEGINS_OUTAGE = 1 / 60
OUTAGE = {"refused": 6, "503": 3, "429 with Retry-After": 1}
"""What an outage may look like; each looks the same to its end."""

UNREADABLE: dict[str, Callable[[bytes, Random], bytes]] = {
    "garbled": lambda body, chance: _garbled(body, chance),
    "a page of HTML": lambda body, chance: b"<html><body>Bad gateway</body></html>",
    "an empty body": lambda body, chance: b"",
    "an error with status 200": lambda body, chance: b'{"error": {"message": "overloaded", "code": null}}',
    "no choices": lambda body, chance: b'{"id": "c", "object": "chat.completion", "choices": []}',
}


class FaultyProxy:
    """Stands between the bot and a model server.

    Attributes:
        met: how many requests met with which fault.
        passed: how many answers went through unharmed.
        outages: how many there were.
        is_well: from now on all requests pass.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._upstream = port
        self._chance = Random(seed)
        self._outage: tuple[str, int] = ("", 0)
        self.met: Counter[str] = Counter()
        self.passed = 0
        self.outages = 0
        self.is_well = False

    @property
    def url(self) -> str:
        """What `OPENAI_BASE_URL` is set to."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request, until a fault ends it."""
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Returns whether the connection stays open."""
        request = await _message(reader)
        fault = self._fault()
        self.met[fault] += 1
        if fault in ("refused", "cut before the request"):
            return False
        if (status := fault.partition(" ")[0]).isdigit():
            writer.write(_error(status, SOON + (b"retry-after: 7\r\n" if "Retry-After" in fault else b"")))
            return True
        if fault == "delayed":
            await asyncio.sleep(self._chance.uniform(0, MOST_DELAY_S))
        head, body = await self._of_upstream(request)
        if fault == "cut before the answer":
            return False
        if fault == "cut within the head":
            writer.write(head[: len(head) // 2])
            return False
        if fault == "cut within the body":
            writer.write(head + body[: self._chance.randrange(len(body))])
            return False
        if fault in UNREADABLE:
            writer.write(_ok(UNREADABLE[fault](body, self._chance)))
            return True
        self.passed += 1
        writer.write(head + body)
        return True

    async def _of_upstream(self, request: bytes) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream, limit=2**24)
        try:
            writer.write(request)
            head, end, body = (await _message(reader)).partition(b"\r\n\r\n")
            return head + end, body
        finally:
            writer.close()

    def _fault(self) -> str:
        kind, left = self._outage
        if self.is_well:
            return "none"
        if left:
            self._outage = (kind, left - 1)
            return kind
        if self._chance.random() < BEGINS_OUTAGE:
            self.outages += 1
            self._outage = (self._chosen(OUTAGE), self._chance.randint(5, 40))
        return self._chosen({**FAULTS, "none": 1000 - sum(FAULTS.values())})

    def _chosen(self, among: dict[str, int]) -> str:
        return self._chance.choices(list(among), list(among.values()))[0]


async def _message(reader: asyncio.StreamReader) -> bytes:
    """An HTTP message with a length, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    return head + await reader.readexactly(length)


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _error(status: str, headers: bytes) -> bytes:
    body = json.dumps({"error": {"message": "out of order", "type": "error", "code": None}}).encode()
    return b"HTTP/1.1 %b Fault\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status.encode(),
        headers,
        len(body),
        body,
    )


def _garbled(body: bytes, chance: Random) -> bytes:
    """Some bytes in the place of others, and never JSON."""
    at = chance.randrange(1, len(body) - 8)
    return body[:at] + b'"\xff\x00}{\xfe"' + body[at + 7 :]
