"""Doubles for tests and benchmarks: a platform that records, a clock that stands still, a bot in a folder."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.ports import Address, InboundMessage, Origin, Person, Receive, RunCommand, StepReport
from bot.app import App, Choices, open_app
from config.settings import load_settings


class Clock:
    """A clock that moves a second at each look, and further only when told to."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        """The time."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def advance(self, **duration: float) -> None:
        """Let time pass: `advance(days=2)`."""
        self.moment += timedelta(**duration)


@dataclass
class RecordingPlatform:
    """A `ChatPlatform` that keeps what it was told to send."""

    name: str = "console"
    sent: list[tuple[Address, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    async def run(self, receive: Receive, command: RunCommand) -> None:
        """Nothing comes in by itself."""

    async def send(self, address: Address, text: str) -> None:
        """Record a reply."""
        self.sent.append((address, text))

    async def notify(self, origin: Origin, text: str) -> None:
        """Record a notice."""
        self.notices.append(text)

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Nothing to show."""
        return nullcontext()


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
        message = InboundMessage(f"event-{self.clock()}", direct(person), text, self.clock())
        await (await self.app.receiver.receive(message))
        return [sent for _, sent in self.platform.sent[before:]]

    async def command(self, line: str, *, person: str = "ada") -> str:
        """Run what stands after `/agent`."""
        return await self.app.commands.run(direct(person), line)


def direct(person: str) -> Origin:
    """Where a person's direct messages come from."""
    return Origin(Address("console", person), Person(person, person.capitalize()), is_direct=True)


@asynccontextmanager
async def open_bot(
    data_dir: Path, *, clock: Clock | None = None, choices: Choices | None = None, **settings: Any
) -> AsyncIterator[Bot]:
    """A bot that keeps its things in `data_dir`; `settings` by field name, as in `config.settings`."""
    platform, steps = RecordingPlatform(), list[StepReport]()
    moments = clock or Clock()
    chosen = load_settings(bot_data_dir=data_dir, **settings)
    async with open_app(
        chosen, {platform.name: platform}, choices or Choices(), observe=lambda scope: steps.append, now=moments
    ) as app:
        yield Bot(app, platform, moments, steps)


def texts(messages: Iterable[dict[str, Any]], role: str) -> list[str]:
    """The contents of a request's messages of one role."""
    return [str(message["content"]) for message in messages if message["role"] == role]
