"""Doubles for tests and benchmarks: a platform that records, a clock that stands still, a bot in a folder."""

import asyncio
import json
import re
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Aim, InboundMessage, Origin, Person
from adapters.ports.model import LanguageModel
from adapters.ports.platform import Sought
from adapters.ports.progress import StepReport
from bot.agent import Agent
from bot.app import App, open_app
from bot.choices import Choices
from bot.metering.budget_alert import BudgetAlert
from bot.metering.budgets import Budgets, Caps
from bot.scopes import scope_of
from bot.timed.follow_ups import FollowUps
from bot.timed.heartbeats import Heartbeats, Rhythm
from config.settings import QuietHours, load_settings
from memory.people.accounts import Accounts
from memory.people.channels import Mode
from memory.people.known import People
from memory.people.told import Told
from memory.portable.dump import dump
from memory.portable.records import KeptChange, KeptEdit, KeptNoteEdit, Record
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox
from memory.turns.outbox import OutboxStore
from memory.turns.timers import Timers

JOURNAL = (KeptChange, KeptEdit, KeptNoteEdit)
"""Records of what changed, which only grow."""

GENERAL = "general"
"""The channel where people are, unless another one is named."""


class Clock:
    """A clock that moves a second at each look, and further only when told to."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self.moment = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def __call__(self) -> datetime:
        """The time."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def advance(self, **duration: float) -> None:
        """Let time pass: `advance(days=2)`. Whoever waits for a moment in it is woken."""
        self.moment += timedelta(**duration)
        woken = [future for until, future in self._sleepers if until <= self.moment and not future.done()]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.moment]
        for future in woken:
            future.set_result(None)

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for a moment."""
        return any(not future.done() for _, future in self._sleepers)

    async def wait(self, seconds: float) -> None:
        """Wait until time was let pass: in the place of `asyncio.sleep`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.moment + timedelta(seconds=seconds), future))
        await future


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls one call of a platform: `error` is raised, of a reply perhaps only after it was posted."""

    error: Exception
    is_posted: bool = False


@dataclass
class RecordingPlatform:
    """A `ChatPlatform` that keeps what it was told to send, and fails as it is told to.

    Like Discord it drops a second message of the same key. A None in a script lets a call pass, its end lets all pass.
    """

    name: str = "console"
    incoming: list[InboundMessage] = field(default_factory=list)
    """What people write while it runs."""
    sent: list[tuple[Address, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    shown: dict[Address, dict[str, str]] = field(default_factory=dict)
    """The replies that stand in each place, in order, by their keys."""
    dropped: list[str] = field(default_factory=list)
    """The keys that came a second time."""
    on_send: deque[Fault | None] = field(default_factory=deque)
    reactions: list[tuple[Address, str, str]] = field(default_factory=list)
    """Where, to which message, and the emoji."""
    timeline: list[str] = field(default_factory=list)
    """Replies and reactions, in the order in which they were shown."""
    on_react: deque[Fault | None] = field(default_factory=deque)
    on_find: deque[Fault | None] = field(default_factory=deque)
    at_work: Counter[Address] = field(default_factory=Counter)
    """How often it shows at a place that an answer is on its way."""

    async def run(self, intake: Intake) -> None:
        """Hand in what people write, each when the last has its answer."""
        for message in self.incoming:
            await (await intake.receive(message))

    def parts_of(self, text: str) -> Sequence[str]:
        """As it stands."""
        return (text,)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        """Record a reply."""
        fault = self.on_send.popleft() if self.on_send else None
        if fault is None or fault.is_posted:
            self._show(address, text, key)
        if fault is not None:
            raise fault.error
        return f"message-{key}"

    def _show(self, address: Address, text: str, key: str) -> None:
        place = self.shown.setdefault(address, {})
        if key in place:
            self.dropped.append(key)
            return
        place[key] = text
        self.sent.append((address, text))
        self.timeline.append(text)

    async def react(self, address: Address, message_id: str, emoji: str) -> None:
        """Record a reaction; one that stands there already is as good."""
        fault = self.on_react.popleft() if self.on_react else None
        reaction = (address, message_id, emoji)
        if (fault is None or fault.is_posted) and reaction not in self.reactions:
            self.reactions.append(reaction)
            self.timeline.append(emoji)
        if fault is not None:
            raise fault.error

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """Look among the replies that stand there."""
        if self.on_find and (fault := self.on_find.popleft()) is not None:
            raise fault.error
        return f"message-{key}" if key in self.shown.get(address, {}) else None

    async def notify(self, origin: Origin, text: str) -> None:
        """Record a notice."""
        self.notices.append(text)

    @asynccontextmanager
    async def _working(self, address: Address) -> AsyncIterator[None]:
        self.at_work[address] += 1
        try:
            yield
        finally:
            self.at_work[address] -= 1

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Count it."""
        return self._working(address)


@dataclass
class Bot:
    """A whole bot with one recording platform, and short ways to talk to it."""

    app: App
    platform: RecordingPlatform
    clock: Clock
    steps: list[StepReport]

    async def say(self, text: str, *, person: str = "ada") -> list[str]:
        """Write to the bot in a direct conversation; returns what it replied in that turn."""
        before = len(self.platform.sent)
        message = InboundMessage(f"{self.clock()}-{secrets.token_hex(4)}", direct(person), text, self.clock())
        await (await self.app.receiver.receive(message))
        return [sent for _, sent in self.platform.sent[before:]]

    async def command(self, line: str, *, person: str = "ada", channel: str | None = None) -> str:
        """Run what stands after `/agent`; returns the text of its reply."""
        origin = direct(person) if channel is None else among_many(person, channel)
        return (await self.app.commands.run(CommandCall(origin, line, is_moderator=True))).text

    async def give(
        self, origin: Origin, line: str, *, is_moderator: bool = False, confirms: bool = False
    ) -> CommandReply:
        """Run a command of somebody anywhere, tell the channel if that is to be told, and say yes when asked."""
        reply = await self.app.commands.run(CommandCall(origin, line, is_moderator=is_moderator))
        if reply.announcement is not None:
            reply = await reply.announcement.announced()
        return await reply.confirmed(is_moderator=is_moderator) if confirms and reply.confirmed is not None else reply

    async def write_at(self, origin: Origin, text: str, *, aim: Aim = Aim.AT_US) -> list[str]:
        """Write anywhere; returns what the bot replied in that turn."""
        before = len(self.platform.sent)
        message = InboundMessage(f"{self.clock()}-{secrets.token_hex(4)}", origin, text, self.clock(), aim=aim)
        await (await self.app.receiver.receive(message))
        await self.app.lanes.idle()
        return [sent for _, sent in self.platform.sent[before:]]

    async def write(
        self,
        text: str,
        *,
        person: str = "ada",
        channel: str = GENERAL,
        aim: Aim = Aim.AT_US,
        thread: str | None = None,
        message_id: str | None = None,
    ) -> list[str]:
        """Write in a channel; returns what the bot replied anywhere until all that waited in that channel was done."""
        before = len(self.platform.sent)
        message = in_channel(text, self.clock(), person, channel=channel, aim=aim, thread=thread, message_id=message_id)
        await (await self.app.receiver.receive(message))
        await self.app.lanes.idle()
        return [sent for _, sent in self.platform.sent[before:]]

    async def choose_mode(self, mode: Mode, *, channel: str = GENERAL) -> None:
        """How the bot behaves in a channel from now on."""
        await self.app.stores.channels.choose(scope_of(among_many("ada", channel)), mode, "console:ada", self.clock())

    async def sweep(self) -> list[str]:
        """Hand over what is due by the clock; returns what the bot said until all of it was done."""
        before = len(self.platform.sent)
        await self.app.sweep()
        await self.app.lanes.idle()
        for place in await OutboxStore(self.app.stores.database).addresses():
            await self.app.outbox.settled(Address(*place))
        return [sent for _, sent in self.platform.sent[before:]]

    async def agent(self, *, person: str = "ada", channel: str | None = None) -> Agent:
        """Somebody's agent as it stands now, or that of a channel."""
        return await self.app.agents.get(scope_of(direct(person) if channel is None else among_many(person, channel)))

    async def kept(self, *, person: str = "ada", channel: str | None = None) -> list[Record]:
        """All that is kept of somebody's agent, as an export has it, but for the journal of changes."""
        agent = await self.agent(person=person, channel=channel)
        async with self.app.stores.database.snapshot() as connection:
            records = [record async for record in dump(connection, agent.id)]
        return [record for record in records[1:-1] if not isinstance(record, JOURNAL)]

    async def in_chat(self, line: str, *, person: str = "ada") -> str:
        """Run a command of the terminal, without its slash; says yes when asked, and waits for the turn it began."""
        reply = await self.app.in_chat.run(CommandCall(direct(person), line, is_moderator=True))
        if reply.confirmed is not None:
            reply = await reply.confirmed(is_moderator=True)
        if reply.turn is not None:
            await reply.turn
        return reply.text


def waking_by_itself(database: Database, inbox: Inbox, now: Callable[[], datetime]) -> dict[str, Any]:
    """What turns take for agents that nothing wakes but what is handed in."""
    timers, zone, quiet = Timers(database, inbox), ZoneInfo("UTC"), QuietHours(time(22), time(8))
    budgets, rhythm = Budgets(Accounts(database), Caps(0, 0, 0.0), zone, now), Rhythm(0, timedelta(days=3), quiet, 0)
    follow_ups = FollowUps(
        timers,
        OutboxStore(database),
        People(database),
        zone,
        is_everybodys=True,
        most=50,
        most_unasked=2,
        quiet=quiet,
        idle=rhythm.idle,
    )
    return {
        "follow_ups": follow_ups,
        "heartbeats": Heartbeats(timers, rhythm, zone, budgets, is_busy=lambda scope: False, thinks=_thinks),
        "budget_alert": BudgetAlert(budgets, Told(database, now)),
    }


async def _thinks(scope: str) -> bool:
    return True


def direct(person: str, *, platform: str = "console") -> Origin:
    """Where a person's direct messages come from."""
    return Origin(Address(platform, person), Person(person, person.capitalize()), is_direct=True)


def at_channel(person: str, *, platform: str = "discord", channel: str = "general") -> Origin:
    """Where what a person writes in a channel comes from."""
    return Origin(Address(platform, channel), Person(person, person.capitalize()), is_direct=False, space="home")


def among_many(person: str, channel: str = GENERAL, thread: str | None = None) -> Origin:
    """Where a person's messages in a channel come from."""
    return Origin(Address("console", channel, thread), Person(person, person.capitalize()), is_direct=False)


def in_channel(
    text: str,
    now: datetime,
    person: str = "ada",
    *,
    channel: str = GENERAL,
    aim: Aim = Aim.AT_US,
    thread: str | None = None,
    message_id: str | None = None,
) -> InboundMessage:
    """A message of somebody in a channel; it has an id of its own if none is given."""
    key = secrets.token_hex(4)
    origin = among_many(person, channel, thread)
    return InboundMessage(f"{now}-{key}", origin, text, now, message_id=message_id or f"in-{key}", aim=aim)


@asynccontextmanager
async def open_bot(
    data_dir: Path,
    *,
    platform: RecordingPlatform | None = None,
    clock: Clock | None = None,
    choices: Choices | None = None,
    around_model: Callable[[LanguageModel], LanguageModel] = lambda model: model,
    **settings: Any,
) -> AsyncIterator[Bot]:
    """A bot that keeps its things in `data_dir`, and goes on with what was left there.

    `settings` by field name, as in `config.settings`; a `platform` that another bot had keeps what it shows.
    """
    platform, steps = platform or RecordingPlatform(), list[StepReport]()
    moments = clock or Clock()
    chosen = load_settings(bot_data_dir=data_dir, **settings)
    async with open_app(
        chosen,
        {platform.name: platform},
        choices or Choices(chosen.bot_preset),
        observe=lambda scope: steps.append,
        around_model=around_model,
        now=moments,
        wait=moments.wait,
    ) as app:
        await app.resume()
        yield Bot(app, platform, moments, steps)


def texts(messages: Iterable[dict[str, Any]], role: str) -> list[str]:
    """The contents of a request's messages of one role."""
    return [str(message["content"]) for message in messages if message["role"] == role]


def refused_for(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What OpenAI's API would refuse a request's messages for, strictly; empty if it takes them.

    Source: https://platform.openai.com/docs/guides/function-calling
    """
    faults: list[str] = []
    awaited: list[str] = []
    for at, message in enumerate(messages):
        role, content, calls = message["role"], message.get("content"), message.get("tool_calls") or []
        if awaited and role != "tool":
            faults.append(f"{at}: no result of {awaited}")
            awaited = []
        if role == "tool":
            if message["tool_call_id"] not in awaited:
                faults.append(f"{at}: a result that nothing asked for")
            awaited = [id_ for id_ in awaited if id_ != message["tool_call_id"]]
        if not isinstance(content, str) and not (content is None and calls):
            faults.append(f"{at}: no content")
        if calls and role != "assistant":
            faults.append(f"{at}: calls of the {role}")
        faults += [f"{at}: {fault}" for call in calls for fault in _faults_of(call["function"])]
        awaited += [call["id"] for call in calls]
        if len(set(awaited)) < len(awaited):
            faults.append(f"{at}: two calls of one id")
        if (role == "system") != (at == 0):
            faults.append(f"{at}: the system does not come first and once")
    return [*faults, f"no result of {awaited}"] if awaited else faults


def _faults_of(function: Mapping[str, str]) -> Iterable[str]:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
        yield f"the name {function['name']!r}"
    try:
        if not isinstance(json.loads(function["arguments"], parse_constant=refuse), dict):
            yield "arguments that are no object"
    except ValueError:
        yield "arguments that are no JSON"
