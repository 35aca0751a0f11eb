"""Socket Mode: a websocket by which an app is told, and says that it has heard.

https://docs.slack.dev/apis/events-api/using-socket-mode. Of several connections each delivery takes one, in turn.
"""

import asyncio
import json
from contextlib import suppress
from uuid import uuid4

from aiohttp import ClientConnectionResetError, WSMsgType, web

from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Delivery
from tests.platforms.slack.web_api import Method

HOST = "applink-1"
MAX_CONNECTIONS = 10


class Connection:
    """One websocket; what goes out waits in a queue, so that its order is that of the deliveries."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.is_closing = False
        self._request = request
        self._outbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def send(self, body: Json) -> None:
        self.send_text(json.dumps(body))

    def send_text(self, text: str) -> None:
        """Send a frame as it is, whether it makes sense or not."""
        self._outbox.put_nowait(text)

    def ping(self, text: str) -> None:
        self._outbox.put_nowait(text.encode())

    def close(self) -> None:
        """End it, after what waits has gone out."""
        self.is_closing = True
        self._outbox.put_nowait(None)

    def cut(self) -> None:
        """End it as a broken line does: no close frame, and what waits is lost."""
        self.is_closing = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        """Send what waits, as long as the connection stands."""
        with suppress(ClientConnectionResetError):
            while (frame := await self._outbox.get()) is not None:
                if isinstance(frame, bytes):
                    await self.socket.ping(frame)
                else:
                    await self.socket.send_str(frame)
            await self.socket.close()


class SocketMode:
    """The connections, with what a test may make go wrong.

    Attributes:
        is_open: whether connections are taken; if not the answer is 503.
        answers_pings: whether the app's pings are answered.
        connections: those that stand.
        opened: how many there have been.
        pongs: how many of our pings were answered.
        strange: what the app sent that is no acknowledgement; at the end of a test there must be none.
    """

    def __init__(self, state: State) -> None:
        self.is_open = True
        self.answers_pings = True
        self.connections: list[Connection] = []
        self.opened = 0
        self.pongs = 0
        self.strange: list[str] = []
        self._state = state
        self._tickets: set[str] = set()
        self._sent: dict[str, Delivery] = {}
        self._turn = 0

    # ── for tests ────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_connected(self) -> bool:
        """Whether an app is there."""
        return bool(self._standing)

    def cut(self) -> None:
        """Break every connection off without a word."""
        for connection in self._standing:
            connection.cut()

    def close(self) -> None:
        """End every connection in order."""
        for connection in self._standing:
            connection.close()

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell the app to come back: `warning` (ten seconds before), `refresh_requested` or `link_disabled`."""
        for connection in self._standing:
            connection.send({"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}})
            if reason != "warning":
                connection.close()

    def ping(self) -> None:
        """Ask whether the app is there."""
        for connection in self._standing:
            connection.ping(f"Ping from {HOST}")

    def send_text(self, text: str) -> None:
        """Send a frame that is not Slack's."""
        for connection in self._standing:
            connection.send_text(text)

    def deliver(self, delivery: Delivery, reason: str = "") -> bool:
        """Send something by one of the connections; whether there is any."""
        standing = self._standing
        if not standing:
            return False
        self._turn += 1
        envelope_id = str(uuid4())
        delivery.envelope_ids.append(envelope_id)
        self._sent[envelope_id] = delivery
        envelope: Json = {"envelope_id": envelope_id, "type": delivery.kind, "payload": delivery.payload}
        envelope["accepts_response_payload"] = delivery.kind != "events_api"
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempts - 1, "retry_reason": reason}
        standing[self._turn % len(standing)].send(envelope)
        return True

    # ── the connection ───────────────────────────────────────────────────────────────────────────────

    def methods(self) -> dict[str, Method]:
        return {"apps.connections.open": Method(self._open, is_of_app=True)}

    def _open(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/apps.connections.open: each address serves once."""
        if len(self._standing) >= MAX_CONNECTIONS:
            raise Refused("too_many_websockets")
        ticket = uuid4().hex
        self._tickets.add(ticket)
        return {"url": f"{self._state.url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._state.app_id}"}

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket."""
        ticket = request.query.get("ticket", "")
        if not self.is_open or ticket not in self._tickets:
            return web.Response(status=503 if not self.is_open else 408)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        self.opened += 1
        writer = asyncio.create_task(connection.write())
        debug = {"host": HOST, "build_number": 10, "approximate_connection_time": 18060}
        told: Json = {"type": "hello", "num_connections": len(self._standing), "debug_info": debug}
        connection.send(told | {"connection_info": {"app_id": self._state.app_id}})
        self._state.stir()
        try:
            await self._read(connection)
        finally:
            if not connection.is_closing:
                writer.cancel()
            await asyncio.wait([writer], timeout=1)
            self.connections.remove(connection)
            self._state.stir()
        return socket

    async def _read(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is WSMsgType.PING and self.answers_pings:
                await connection.socket.pong(frame.data)
            elif frame.type is WSMsgType.PONG:
                self.pongs += 1
            elif frame.type is WSMsgType.TEXT:
                self._hear(frame.data)
            self._state.stir()

    def _hear(self, text: str) -> None:
        try:
            answer = json.loads(text)
            delivery = self._sent[answer["envelope_id"]]
        except (ValueError, LookupError, TypeError):
            self.strange.append(text)
            return
        if not delivery.is_acknowledged:
            delivery.acknowledge(answer.get("payload") or {}, asyncio.get_running_loop().time())

    @property
    def _standing(self) -> list[Connection]:
        return [it for it in self.connections if not it.is_closing]
