"""Discord's gateway: a websocket that tells a bot what happens, and what a connection's failures look like.

https://docs.discord.com/developers/events/gateway. Of compressions only `zlib-stream` is spoken: one deflate context a
connection, flushed after each event.
"""

import asyncio
import json
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from uuid import uuid4

from aiohttp import ClientConnectionResetError, WSMsgType, web

from tests.platforms.discord import payloads
from tests.platforms.discord.errors import Json
from tests.platforms.discord.state import Body, State
from tests.platforms.discord.things import PRIVILEGED, Guild, Intent

MAX_FRAME = 4096
"""Longer ones are not taken from a bot."""


class Op(IntEnum):
    """What a frame is."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Connection:
    """One websocket; what goes out waits in a queue, so that its order is that of the events."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.is_closing = False
        self._request = request
        self._deflate = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._outbox: asyncio.Queue[str | bytes | int] = asyncio.Queue()

    def send(self, op: Op, body: object = None, *, seq: int | None = None, event: str | None = None) -> None:
        self.send_text(json.dumps({"op": op, "d": body, "s": seq, "t": event}))

    def send_text(self, text: str) -> None:
        """Send a frame as it is, whether it makes sense or not."""
        self._outbox.put_nowait(text)

    def close(self, code: int) -> None:
        """End it with a code, after what waits has gone out."""
        self.is_closing = True
        self._outbox.put_nowait(code)

    def cut(self) -> None:
        """End it as a broken line does: no close frame, and what waits is lost."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        """Send what waits, as long as the connection stands."""
        with suppress(ClientConnectionResetError):
            while not isinstance(frame := await self._outbox.get(), int):
                if self._deflate is None:
                    await self.socket.send_str(str(frame))
                else:
                    packed = self._deflate.compress(str(frame).encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
            await self.socket.close(code=frame)


@dataclass(eq=False)
class Session:
    """What a bot asked for, and all that it was told; it outlives its connections."""

    intents: Intent
    shard: tuple[int, int]
    connection: Connection | None
    id: str = field(default_factory=lambda: uuid4().hex)
    told: list[tuple[str, Json]] = field(default_factory=list)

    def tell(self, event: str, body: Json) -> None:
        """Number an event, and send it if anybody is there."""
        self.told.append((event, body))
        if self.connection is not None:
            self.connection.send(Op.DISPATCH, body, seq=len(self.told), event=event)

    def takes(self, guild: Guild | None) -> bool:
        """Whether the session's shard has the guild; direct conversations are the first one's."""
        number, of = self.shard
        return number == ((guild.id >> 22) % of if guild is not None else 0)


class Gateway:
    """The gateway, with what a test may make go wrong.

    Attributes:
        is_open: whether connections are taken; if not the answer is 503.
        acknowledges: whether heartbeats are.
        resumes: whether a session may be taken up again; if not, the bot has to begin anew.
        heartbeat_s: how often the bot has to give a sign of life.
        identified: what bots said at the beginning of each new session.
        resumed: how often one was taken up again.
        heartbeats: how many came in.
    """

    def __init__(self, state: State) -> None:
        self.is_open = True
        self.acknowledges = True
        self.resumes = True
        self.heartbeat_s = 41.25
        self.url = ""
        self.identified: list[Json] = []
        self.presences: list[Json] = []
        self.resumed = 0
        self.heartbeats = 0
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self._state = state
        state.emit = self.emit

    # ── for tests ────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_connected(self) -> bool:
        """Whether a bot is there that has introduced itself."""
        return any(connection.session for connection in self.connections)

    def cut(self) -> None:
        """Break every connection off without a word."""
        for connection in self.connections:
            connection.cut()

    def close(self, code: int) -> None:
        """End every connection with a code: 4000 may be resumed, 4004 and 4014 may not."""
        for connection in self.connections:
            connection.close(code)

    def ask_to_reconnect(self) -> None:
        """Tell bots to come back (op 7), as Discord does when it restarts a machine."""
        for connection in self.connections:
            connection.send(Op.RECONNECT)

    def invalidate(self, *, resumable: bool = False, guild: Guild | None = None) -> None:
        """Tell bots that their session is not valid (op 9), or that of the shard of a guild alone.

        Without `resumable` it is forgotten.
        """
        for connection in self.connections:
            session = connection.session
            if session is None or (guild is not None and not session.takes(guild)):
                continue
            if not resumable:
                del self.sessions[session.id]
                connection.session = None
            connection.send(Op.INVALID_SESSION, resumable)

    def send_text(self, text: str) -> None:
        """Send a frame that is not Discord's."""
        for connection in self.connections:
            connection.send_text(text)

    def emit(self, event: str, body: Body, *, guild: Guild | None = None, needs: Intent = Intent.NONE) -> None:
        """Tell of an event, to the sessions that asked for such; a body may also be one that Discord never sends."""
        for session in self.sessions.values():
            if session.takes(guild) and session.intents & needs == needs:
                shows_content = bool(session.intents & Intent.MESSAGE_CONTENT)
                session.tell(event, body(shows_content) if callable(body) else body)
        self._state.stir()

    # ── the connection ───────────────────────────────────────────────────────────────────────────────

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket."""
        compress = request.query.get("compress", "zlib-stream")
        assert compress == "zlib-stream", f"this gateway does not speak {compress}"
        if not self.is_open:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        connection.send(Op.HELLO, {"heartbeat_interval": int(self.heartbeat_s * 1000)})
        writer = asyncio.create_task(connection.write())
        try:
            await self._read(connection)
        finally:
            if not connection.is_closing:
                writer.cancel()
            await asyncio.wait([writer], timeout=1)
            self.connections.remove(connection)
            self._let_go(connection)
            self._state.stir()
        return socket

    async def _read(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is not WSMsgType.TEXT or len(frame.data) > MAX_FRAME:
                connection.close(4002)
            else:
                entry = json.loads(frame.data)
                self._hear(connection, entry["op"], entry["d"])
            self._state.stir()

    def _hear(self, connection: Connection, op: int, body: Json) -> None:
        match op:
            case Op.HEARTBEAT:
                self.heartbeats += 1
                if self.acknowledges:
                    connection.send(Op.HEARTBEAT_ACK)
            case Op.IDENTIFY:
                self._identify(connection, body)
            case Op.RESUME:
                self._resume(connection, body)
            case _ if connection.session is None:
                connection.close(4003)
            case Op.REQUEST_MEMBERS:
                self._tell_members(connection.session, body)
            case Op.PRESENCE:
                self.presences.append(body)
            case Op.VOICE:
                pass
            case _:
                connection.close(4001)

    def _identify(self, connection: Connection, body: Json) -> None:
        intents = Intent(body["intents"] & sum(Intent))
        if connection.session is not None:
            connection.close(4005)
        elif body["token"] != self._state.token:
            connection.close(4004)
        elif intents & PRIVILEGED & ~self._state.granted:
            connection.close(4014)
        else:
            self.identified.append(body)
            number, of = body.get("shard", (0, 1))
            session = connection.session = Session(intents, (number, of), connection)
            self.sessions[session.id] = session
            self._welcome(session)

    def _welcome(self, session: Session) -> None:
        bot = self._state.bot
        guilds = [guild for guild in self._state.guilds.values() if bot.id in guild.members and session.takes(guild)]
        application = {"id": str(bot.id), "flags": payloads.application_flags(self._state.granted)}
        ready: Json = {"v": 10, "user": payloads.user(bot), "session_id": session.id, "session_type": "normal"}
        ready |= {"guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds]}
        ready |= {"resume_gateway_url": self.url, "shard": list(session.shard), "application": application}
        session.tell("READY", ready)
        for guild in guilds:
            if session.intents & Intent.GUILDS and guild.is_available:
                session.tell("GUILD_CREATE", payloads.guild(guild))

    def _resume(self, connection: Connection, body: Json) -> None:
        if body["token"] != self._state.token:
            connection.close(4004)
            return
        session = self.sessions.get(body["session_id"])
        if session is None or not self.resumes:
            connection.send(Op.INVALID_SESSION, False)
        elif body["seq"] > len(session.told):
            connection.close(4007)
        else:
            self.resumed += 1
            connection.session, session.connection = session, connection
            for seq, (event, missed) in enumerate(session.told[body["seq"] :], start=body["seq"] + 1):
                connection.send(Op.DISPATCH, missed, seq=seq, event=event)
            session.tell("RESUMED", {})

    def _let_go(self, connection: Connection) -> None:
        """Keep the session for a resume, unless the bot said that it has done."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        if not connection.is_closing and connection.socket.close_code in (1000, 1001):
            self.sessions.pop(session.id, None)

    def _tell_members(self, session: Session, body: Json) -> None:
        guild = self._state.guilds[int(body["guild_id"])]
        wanted = {int(id_) for id_ in body.get("user_ids", [])} or set(guild.members)
        found = [payloads.member(guild, who) for id_, who in guild.members.items() if id_ in wanted]
        chunk = {"guild_id": str(guild.id), "members": found, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        session.tell("GUILD_MEMBERS_CHUNK", chunk | ({"nonce": body["nonce"]} if "nonce" in body else {}))
