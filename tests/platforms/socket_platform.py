"""A chat platform over a TCP connection, a line of JSON each way: as much of a real one as tests of crashes need.

The server stands in the process of the test and keeps what people see; the platform is in the bot, which may be another
process and may be killed. An event is acknowledged once `receive` has returned, and told again until it is.

    to the bot      {"welcome": true}  {"unwanted": why}
                    {"event": {...}}  {"command": {"id", "origin", "line"}}  {"answer": id, "sent_id" | "fault"}
    from the bot    {"hello": token}  {"ack": event_id}  {"reply": id, "text"}  {"notice": text}
                    {"send": id, "to": address, "text", "key"}  {"find": id, "to": address, "key"}
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal, Self

from adapters.ports.commands import CommandCall
from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake, Receive, RunCommand
from adapters.ports.messages import Address, InboundMessage, Origin, Person
from adapters.ports.platform import Sought
from tests.platforms.changing import Changing

Json = dict[str, Any]

Fault = Literal["unavailable", "refused", "lost", "hangs"]
"""What becomes of a reply: not taken; never taken; taken, and the answer is lost with the connection or never comes."""


def _line(entry: Json) -> bytes:
    return json.dumps(entry).encode() + b"\n"


# ── in the bot ───────────────────────────────────────────────────────────────────────────────────────


class SocketPlatform:
    """See `ChatPlatform`."""

    name = "socket"

    def __init__(self, port: int, token: str = "good") -> None:
        self._port = port
        self._token = token
        self._writer: asyncio.StreamWriter | None = None
        self._is_welcome = False
        self._awaited: dict[int, asyncio.Future[Json]] = {}
        self._ids = count(1)

    @property
    def is_connected(self) -> bool:
        return self._is_welcome

    async def run(self, intake: Intake) -> None:
        try:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise PlatformUnavailable(str(error)) from error
        events: asyncio.Queue[Json] = asyncio.Queue()
        tasks = {asyncio.create_task(self._take_in(events, intake.receive))}
        try:
            self._write({"hello": self._token})
            while line := await reader.readline():
                entry = json.loads(line)
                if "unwanted" in entry:
                    raise ServiceMissing(entry["unwanted"])
                if "welcome" in entry:
                    self._is_welcome = True
                    intake.connected(self.name)
                elif "event" in entry:
                    events.put_nowait(entry["event"])
                elif "command" in entry:
                    tasks.add(asyncio.create_task(self._run_command(entry["command"], intake.command)))
                elif not (answer := self._awaited.pop(entry["answer"], asyncio.Future())).done():
                    answer.set_result(entry)
        except ConnectionError as error:
            raise PlatformUnavailable(str(error)) from error
        finally:
            self._disconnect()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        raise PlatformUnavailable("the server has gone")

    def parts_of(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        return await self._ask({"send": next(self._ids), "to": asdict(address), "text": text, "key": key})

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        return await self._ask({"find": next(self._ids), "to": asdict(address), "key": key})

    async def notify(self, origin: Origin, text: str) -> None:
        self._write({"notice": text})

    @asynccontextmanager
    async def working(self, address: Address) -> AsyncIterator[None]:
        yield

    async def _take_in(self, events: "asyncio.Queue[Json]", receive: Receive) -> None:
        while True:
            event = await events.get()
            sent_at = datetime.fromisoformat(event["sent_at"])
            await receive(InboundMessage(event["event_id"], _origin(event["origin"]), event["text"], sent_at))
            self._write({"ack": event["event_id"]})

    async def _run_command(self, entry: Json, command: RunCommand) -> None:
        reply = await command(CommandCall(_origin(entry["origin"]), entry["line"]))
        self._write({"reply": entry["id"], "text": reply.text})
        if reply.turn is not None:
            await reply.turn

    def _write(self, entry: Json) -> None:
        if self._writer is None:
            raise PlatformUnavailable("not connected")
        self._writer.write(_line(entry))

    async def _ask(self, entry: Json) -> str | None:
        id_ = entry.get("send") or entry["find"]
        answer = self._awaited[id_] = asyncio.get_running_loop().create_future()
        try:
            self._write(entry)
            found = await answer
        finally:
            self._awaited.pop(id_, None)
        match found.get("fault"):
            case "unavailable":
                raise PlatformUnavailable("out of order")
            case "refused":
                raise DeliveryRefused("closed to us")
            case "cannot tell":
                raise CannotTell("no history")
        return found["sent_id"]

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._is_welcome = None, False
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(PlatformUnavailable("the connection ended before the answer came"))


def _origin(entry: Json) -> Origin:
    return Origin(Address(**entry["address"]), Person(**entry["person"]), entry["is_direct"], entry["space"])


# ── in the test ──────────────────────────────────────────────────────────────────────────────────────


class SocketServer(Changing):
    """The platform's other side, and the people in it.

    Attributes:
        seen: what people see, by channel, in order, without the small print below the first reply.
        notices: what they are told privately.
        replies: texts of commands' replies, by the number of the command.
        acknowledged: the events that the bot says it has.
        faults: what becomes of the next replies; None is taken well.
        remembers_keys: a second reply of one key is dropped; a platform may forget them after a while.
        has_history: whether it can be looked up what was sent.
        is_open: whether a bot that connects is let in; if not it may try again.
        unwanted: what a bot is told that connects, so that it cannot ever be served.
        turned_away: how many bots found it not open.
        told_again: how often an event was told that had been told before.
        sent_again: how often a reply came whose key had come before.
        looked_up: how often it was asked whether a reply is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: defaultdict[str, list[str]] = defaultdict(list)
        self.notices: list[str] = []
        self.replies: dict[int, str] = {}
        self.acknowledged: list[str] = []
        self.faults: deque[Fault | None] = deque()
        self.remembers_keys = True
        self.has_history = True
        self.is_open = True
        self.unwanted: str | None = None
        self.connections = self.turned_away = 0
        self.told_again = self.sent_again = self.looked_up = 0
        self._told: set[str] = set()
        self._sent: dict[tuple[str, str], str] = {}
        self._events: dict[str, Json] = {}
        self._numbers = count(1)
        self._writer: asyncio.StreamWriter | None = None

    @property
    def port(self) -> int:
        """Where the bot connects to."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await self.until(lambda: self._writer is None)
        await self._server.wait_closed()

    def say(self, text: str, *, person: str = "ada", channel: str | None = None, event_id: str | None = None) -> str:
        """Write to the bot, in a direct conversation or in a channel; returns the event's id.

        With the id of an event that was told before it is told again.
        """
        id_ = event_id or f"event-{next(self._numbers)}"
        origin, now = _origin_of(person, channel), datetime.now(UTC)  # a bot may put aside what is too old
        self._events[id_] = {"event_id": id_, "origin": origin, "text": text, "sent_at": now.isoformat()}
        self._tell_event(id_)
        return id_

    def command(self, line: str, *, person: str = "ada", channel: str | None = None) -> int:
        """Type a slash command; its reply will stand in `replies` under the number that is returned."""
        number = next(self._numbers)
        self._tell({"command": {"id": number, "origin": _origin_of(person, channel), "line": line}})
        return number

    def drop(self) -> None:
        """End the connection."""
        if self._writer is not None:
            self._writer.close()

    async def until(self, holds: Callable[[], object], within_s: float = 30) -> None:
        """Wait until something holds; processes that have to start take longer than what is said in one."""
        await super().until(holds, within_s)

    async def connected(self) -> None:
        """Wait until the bot is there."""
        await self.until(lambda: self._writer is not None)

    async def gone(self) -> None:
        """Wait until no bot is there."""
        await self.until(lambda: self._writer is None)

    async def has_acknowledged(self, event_id: str) -> None:
        """Wait until the bot has an event."""
        await self.until(lambda: event_id in self.acknowledged)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._hear(json.loads(line), writer)
                self.stir()
        except ConnectionError:
            pass
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
            self.stir()

    def _hear(self, entry: Json, writer: asyncio.StreamWriter) -> None:
        if "hello" in entry:
            self._welcome(writer)
        elif "ack" in entry:
            self.acknowledged.append(entry["ack"])
        elif "notice" in entry:
            self.notices.append(entry["notice"])
        elif "reply" in entry:
            self.replies[entry["reply"]] = entry["text"]
        elif "find" in entry:
            self.looked_up += 1
            sent_id = self._sent.get((entry["to"]["channel"], entry["key"]))
            found = {"sent_id": sent_id} if self.has_history else {"fault": "cannot tell"}
            self._tell({"answer": entry["find"], **found})
        else:
            self._take(entry)

    def _welcome(self, writer: asyncio.StreamWriter) -> None:
        if self.unwanted is not None:
            writer.write(_line({"unwanted": self.unwanted}))
            return
        if not self.is_open:
            self.turned_away += 1
            writer.close()
            return
        self._writer = writer
        self._tell({"welcome": True})
        self.connections += 1
        known = set(self.acknowledged)
        for id_ in self._events:
            if id_ not in known:
                self._tell_event(id_)

    def _take(self, entry: Json) -> None:
        fault = self.faults.popleft() if self.faults else None
        if fault in ("unavailable", "refused"):
            self._tell({"answer": entry["send"], "fault": fault})
            return
        channel, key = entry["to"]["channel"], entry["key"]
        self.sent_again += (channel, key) in self._sent
        if not (self.remembers_keys and (channel, key) in self._sent):
            self._sent[channel, key] = f"message-{next(self._numbers)}"
            words, _, _ = entry["text"].partition("\n\n-# ")
            self.seen[channel].append(words)
        if fault == "lost":
            self.drop()
        elif fault is None:
            self._tell({"answer": entry["send"], "sent_id": self._sent[channel, key]})

    def _tell_event(self, id_: str) -> None:
        if self._writer is not None:
            self.told_again += id_ in self._told
            self._told.add(id_)
            self._tell({"event": self._events[id_]})

    def _tell(self, entry: Json) -> None:
        if self._writer is not None:
            self._writer.write(_line(entry))


def _origin_of(person: str, channel: str | None) -> Json:
    address = Address("socket", channel or person)
    return asdict(Origin(address, Person(person, person.capitalize()), is_direct=channel is None))
