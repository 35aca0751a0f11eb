"""What the bot may rely on, whatever the chat platform: each implementation is a `Stand` with the world around it."""

import asyncio
import io
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from discord.http import Route
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from adapters.console.conversation import Conversation
from adapters.console.interactive import InteractiveConsole
from adapters.console.plain import PlainConsole
from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, InboundMessage, Origin, Person
from adapters.ports.platform import ChatPlatform, ComparesHistories, Sought, TellsConnection
from bot.testing import RecordingPlatform
from tests.platforms.discord.served import QuickPlatform, of_bot
from tests.platforms.discord.world import World
from tests.platforms.slack.served import QuickPlatform as QuickSlack
from tests.platforms.slack.world import World as SlackWorld

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
CONVERSATION = Conversation("ada", lambda: LONG_AGO)


@dataclass
class Stand:
    """A platform, and what is seen of it from outside."""

    platform: ChatPlatform
    origin: Origin
    shown: Callable[[], list[str]]
    """The replies that everybody sees at the origin's address, in order."""
    told: Callable[[], str]
    """All that the origin's person alone was told."""
    type: Callable[[list[str]], AbstractContextManager[None]]
    """Somebody writes these messages, and leaves."""
    remembers: bool
    """Whether what an earlier process sent can still be found."""
    is_working: Callable[[], bool] | None = None
    """Whether it shows that an answer is on its way, where it shows such a thing at once."""


def recording() -> Iterator[Stand]:
    platform = RecordingPlatform()
    origin = CONVERSATION.origin

    def write(texts: list[str]) -> AbstractContextManager[None]:
        platform.incoming.extend(CONVERSATION.message(text) for text in texts)
        return nullcontext()

    yield Stand(
        platform,
        origin,
        shown=lambda: list(platform.shown.get(origin.address, {}).values()),
        told=lambda: "\n".join(platform.notices),
        type=write,
        remembers=True,
        is_working=lambda: platform.at_work[origin.address] > 0,
    )


def plain_console() -> Iterator[Stand]:
    written: list[str] = []
    noted: list[str] = []
    reader, writer = os.pipe()

    @contextmanager
    def write(texts: list[str]) -> Iterator[None]:
        os.write(writer, "".join(f"{text}\n" for text in texts).encode())
        os.close(writer)
        yield

    with os.fdopen(reader, "rb") as stdin:
        platform = PlainConsole(CONVERSATION, stdin, written.append, noted.append)
        yield Stand(
            platform,
            CONVERSATION.origin,
            shown=lambda: list(written),
            told=lambda: "\n".join(noted),
            type=write,
            remembers=False,
        )


def interactive_console(folder: Path) -> Iterator[Stand]:
    screen = io.StringIO()
    platform = InteractiveConsole(
        CONVERSATION, folder / "history", Console(file=screen, width=80, highlight=False, force_terminal=False)
    )

    def shown() -> list[str]:
        replies = screen.getvalue().split("ada>\n")[1:]
        return [reply.splitlines()[0].strip() for reply in replies]

    @contextmanager
    def write(texts: list[str]) -> Iterator[None]:
        with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
            keys.send_text("".join(f"{text}\r" for text in texts) + "\x04")
            yield

    yield Stand(
        platform,
        CONVERSATION.origin,
        shown=shown,
        told=screen.getvalue,
        type=write,
        remembers=False,
        is_working=lambda: platform._is_spinning,
    )


class VisitedDiscord(QuickPlatform):
    """Discord, where people write what is in `texts` once the bot is there, and it ends when they have been answered.

    It is served from the beginning, so that something can be sent; and anew when a test runs it.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.texts: list[str] = []
        self._world = world
        self._serving: asyncio.Task[None] | None = None

    async def begin(self, intake: Intake) -> None:
        await self.end()
        self._serving = asyncio.create_task(super().run(intake))
        self._serving.add_done_callback(lambda _: self._world.stir())
        await self._world.until(lambda: self.is_connected)

    async def end(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])

    async def run(self, intake: Intake) -> None:
        turns: list[Awaitable[None]] = []

        async def receive(message: InboundMessage) -> Awaitable[None]:
            turns.append(await intake.receive(message))
            self._world.stir()
            return turns[-1]

        try:
            await self.begin(replace(intake, receive=receive))
            for text in self.texts:
                await self._world.says(self._world.ada, self._world.general, text)
            await self._world.until(lambda: len(turns) == len(self.texts))
            await asyncio.gather(*turns)
        finally:
            await self.end()


@asynccontextmanager
async def discord(patch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    patch.setattr(Route, "BASE", Route.BASE)  # so that it is as before when the test is over
    async with World() as world:
        platform = VisitedDiscord(world)
        ada = Person(str(world.ada.id), "Ada")
        origin = Origin(Address("discord", str(world.general.id)), ada, is_direct=False, space=str(world.guild.id))

        def write(texts: list[str]) -> AbstractContextManager[None]:
            platform.texts = texts
            return nullcontext()

        async def nothing(*given: object) -> Awaitable[None]:
            raise AssertionError("nothing should come in")

        await platform.begin(Intake(nothing, Bot.command))  # type: ignore[arg-type]
        try:
            yield Stand(
                platform,
                origin,
                shown=lambda: [it.content for it in of_bot(world, world.general)],
                told=lambda: world.transcript(world.dm(world.ada), world.ada),
                type=write,
                remembers=True,
            )
        finally:
            await platform.end()


class VisitedSlack(QuickSlack):
    """The same of Slack."""

    def __init__(self, world: SlackWorld) -> None:
        super().__init__(world)
        self.texts: list[str] = []
        self._world = world
        self._serving: asyncio.Task[None] | None = None

    async def begin(self, intake: Intake) -> None:
        await self.end()
        connected = asyncio.Event()

        def told(name: str) -> None:
            intake.connected(name)
            connected.set()

        self._serving = asyncio.create_task(super().run(replace(intake, connected=told)))
        await connected.wait()

    async def end(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving])

    async def run(self, intake: Intake) -> None:
        turns: list[Awaitable[None]] = []

        async def receive(message: InboundMessage) -> Awaitable[None]:
            turns.append(await intake.receive(message))
            self._world.stir()
            return turns[-1]

        try:
            await self.begin(replace(intake, receive=receive))
            for text in self.texts:
                await self._world.says(self._world.ada, self._world.general, text)
            await self._world.until(lambda: len(turns) == len(self.texts))
            await asyncio.gather(*turns)
        finally:
            await self.end()


@asynccontextmanager
async def slack() -> AsyncIterator[Stand]:
    async with SlackWorld() as world:
        platform = VisitedSlack(world)
        address = Address("slack", world.general.id)
        origin = Origin(address, Person(world.ada.id, "Ada"), is_direct=False, space=world.state.workspace.id)

        def write(texts: list[str]) -> AbstractContextManager[None]:
            platform.texts = texts
            return nullcontext()

        def shown() -> list[str]:
            said = [it for it in world.general.messages.values() if it.author is world.bot and it.visible_to is None]
            return [it.blocks[0]["text"] for it in said]

        async def nothing(*given: object) -> Awaitable[None]:
            raise AssertionError("nothing should come in")

        await platform.begin(Intake(nothing, Bot.command))  # type: ignore[arg-type]
        try:
            yield Stand(
                platform,
                origin,
                shown=shown,
                told=lambda: world.transcript(world.general, world.ada),
                type=write,
                remembers=True,
            )
        finally:
            await platform.end()


@pytest.fixture(params=["recording", "plain console", "interactive console", "discord", "slack"])
async def stand(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stand]:
    if request.param == "discord":
        async with discord(monkeypatch) as stand:
            yield stand
        return
    if request.param == "slack":
        async with slack() as stand:
            yield stand
        return
    made = {
        "recording": recording,
        "plain console": plain_console,
        "interactive console": lambda: interactive_console(tmp_path),
    }
    with contextmanager(made[request.param])() as stand:
        yield stand


@dataclass
class Bot:
    """Stands where `bot/` stands: answers every message with its text, one after the other."""

    stand: Stand
    heard: list[InboundMessage] = field(default_factory=list)
    lane: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        self.heard.append(message)
        return asyncio.ensure_future(self._answer(message, f"key{len(self.heard)}"))

    async def _answer(self, message: InboundMessage, key: str) -> None:
        platform = self.stand.platform
        async with self.lane, platform.working(message.origin.address):
            await platform.send(message.origin.address, f"You said {message.text}", key)

    async def command(self, call: CommandCall) -> CommandReply:
        return CommandReply()


async def test_a_reply_is_shown_when_send_returns_and_they_come_in_order(stand: Stand) -> None:
    for number in range(5):
        await stand.platform.send(stand.origin.address, f"reply {number}", f"key{number}")
        assert stand.shown() == [f"reply {earlier}" for earlier in range(number + 1)]


async def test_what_was_sent_is_found_where_the_place_remembers(stand: Stand) -> None:
    named = await stand.platform.send(stand.origin.address, "Hello", "known")
    found = await stand.platform.find_sent(stand.origin.address, "known", Sought("Hello", LONG_AGO))
    assert (found is not None) == stand.remembers
    if stand.remembers:
        assert found == (named or "")


async def test_what_was_not_sent_is_not_found(stand: Stand) -> None:
    sought = Sought("Goodbye", LONG_AGO)
    assert await stand.platform.find_sent(stand.origin.address, "unknown", sought) is None
    await stand.platform.send(stand.origin.address, "Hello", "known")
    assert await stand.platform.find_sent(stand.origin.address, "unknown", sought) is None


async def test_what_says_the_same_and_is_known_is_not_taken_for_what_is_looked_for(stand: Stand) -> None:
    known = await stand.platform.send(stand.origin.address, "Hello", "known")
    sought = Sought("Hello", LONG_AGO, frozenset({known} if known else ()))
    assert await stand.platform.find_sent(stand.origin.address, "unknown", sought) is None


async def test_a_notice_is_told_to_the_person_and_is_no_reply(stand: Stand) -> None:
    await stand.platform.send(stand.origin.address, "Hello", "key")
    await stand.platform.notify(stand.origin, "The model is down.")
    assert stand.shown() == ["Hello"]
    assert "The model is down." in stand.told()


async def test_it_shows_that_an_answer_is_on_its_way_until_the_work_ends(stand: Stand) -> None:
    async with stand.platform.working(stand.origin.address):
        if stand.is_working is not None:
            assert stand.is_working()
        await stand.platform.send(stand.origin.address, "Hello", "key")
        assert stand.shown() == ["Hello"]
    if stand.is_working is not None:
        assert not stand.is_working()


async def broken(stand: Stand) -> None:
    async with stand.platform.working(stand.origin.address):
        raise LookupError


async def test_work_that_breaks_is_shown_to_have_ended(stand: Stand) -> None:
    for _ in range(2):  # and the next can begin
        with pytest.raises(LookupError):
            await broken(stand)
    if stand.is_working is not None:
        assert not stand.is_working()


async def test_work_that_is_cancelled_is_shown_to_have_ended(stand: Stand) -> None:
    async def work() -> None:
        async with stand.platform.working(stand.origin.address):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    if stand.is_working is not None:
        assert not stand.is_working()


async def test_what_people_write_is_handed_in_and_answered_and_it_ends_with_the_input(stand: Stand) -> None:
    bot = Bot(stand)
    with stand.type(["one", "two", "three"]):
        async with asyncio.timeout(10):
            await stand.platform.run(Intake(bot.receive, bot.command))
    assert [message.text for message in bot.heard] == ["one", "two", "three"]
    assert stand.shown() == ["You said one", "You said two", "You said three"]
    assert {message.origin for message in bot.heard} == {stand.origin}
    assert {message.origin.address.platform for message in bot.heard} == {stand.platform.name}
    assert Counter(message.event_id for message in bot.heard).most_common(1)[0][1] == 1
    assert all(message.sent_at.tzinfo is not None for message in bot.heard)


async def test_one_that_tells_whether_it_is_connected_says_when_it_is(stand: Stand) -> None:
    platform, told = stand.platform, list[tuple[str, bool]]()

    def connected(name: str) -> None:
        told.append((name, isinstance(platform, TellsConnection) and platform.is_connected))

    bot = Bot(stand)
    with stand.type(["one"]):
        async with asyncio.timeout(10):
            await platform.run(Intake(bot.receive, bot.command, connected=connected))
    assert told == ([(platform.name, True)] if isinstance(platform, TellsConnection) else [])


async def test_one_that_compares_histories_says_when_it_has(stand: Stand) -> None:
    told: list[str] = []
    bot = Bot(stand)
    with stand.type(["one"]):
        async with asyncio.timeout(10):
            await stand.platform.run(Intake(bot.receive, bot.command, caught_up=told.append))
    assert told == ([stand.platform.name] if isinstance(stand.platform, ComparesHistories) else [])


async def test_it_stops_when_it_is_cancelled(stand: Stand) -> None:
    bot = Bot(stand)
    hangs = asyncio.Event()

    async def receive(message: InboundMessage) -> Awaitable[None]:
        return asyncio.ensure_future(reached())

    async def reached() -> None:
        hangs.set()
        await asyncio.Event().wait()

    with stand.type(["one"]):
        serving = asyncio.ensure_future(stand.platform.run(Intake(receive, bot.command)))
        async with asyncio.timeout(10):
            await hangs.wait()
        serving.cancel()
        await asyncio.wait([serving], timeout=10)
        assert serving.done()
    assert stand.shown() == []
