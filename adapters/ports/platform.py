"""What the bot asks of a chat platform; what not all of them can is a protocol of its own."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Attachment, Origin


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that may have been posted: what it says, since when it can be there, and which others it is not."""

    text: str
    since: datetime
    known: frozenset[str] = frozenset()


class ChatPlatform(Protocol):
    """An outside platform: events in, replies out, commands registered natively."""

    @property
    def name(self) -> str:
        """The first part of every scope and address of this platform."""
        ...

    async def run(self, intake: Intake) -> None:
        """Serve until the connection ends, or the caller cancels it.

        Raises:
            ServiceMissing: it cannot be served before the operator acts.
        """
        ...

    def parts_of(self, text: str) -> Sequence[str]:
        """A reply as the messages that the platform can show it in, in order; each is then sent by itself."""
        ...

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        """Post an agent's reply; returns when the platform has it.

        Args:
            address: where.
            text: Markdown, one of the `parts_of` a reply.
            reply_to: the message that it answers, if that is still there.
            key: at most 25 letters and digits that go with the message, so that the platform drops a second one of the
                same key, or `find_sent` finds it.

        Returns:
            The platform's name for the message, where it has one.

        Raises:
            PlatformUnavailable: it may be tried again.
            DeliveryRefused: it need not be.
        """
        ...

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """Look whether a message of that key was posted, although nobody heard the answer; None: it was not.

        Args:
            address: where it went.
            key: what went with it.
            sought: what else is known of it, for a platform that keeps no key with a message.

        Returns:
            The platform's name for the message, or an empty text where it has none.

        Raises:
            PlatformUnavailable: it may be asked again.
            CannotTell: there is no way to know.
        """
        ...

    async def notify(self, origin: Origin, text: str) -> None:
        """Tell one person something of our own (an error, a hint), privately where the platform can.

        An origin in direct messages without a channel is wherever the platform has those with that person.
        """
        ...

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Show, while inside, that an answer is on its way."""
        ...


@runtime_checkable
class TellsConnection(Protocol):
    """A chat platform that knows whether its connection stands; of others it is taken for granted while they run.

    Replies wait while it does not. So `run` calls `Intake.connected` each time that `is_connected` has become true.
    """

    @property
    def is_connected(self) -> bool:
        """Whether events reach us and replies would go out; false as soon as the connection is known to be lost."""
        ...


@runtime_checkable
class ComparesHistories(Protocol):
    """A chat platform that tells nothing twice, and so finds out what was deleted and edited while nobody listened.

    What an earlier process left is not answered before that: it may rest on words that are gone. So `run` calls
    `Intake.caught_up` once it has compared all places that it can read, or given up, after its first connection.
    """

    @property
    def compares_histories(self) -> bool:
        """Whether it does so; what waits there is held until then."""
        ...


@runtime_checkable
class KnowsStrangers(Protocol):
    """A chat platform on which people may write to the bot who share no place with it."""

    async def is_stranger(self, origin: Origin) -> bool:
        """Whether somebody writes directly who is in none of the places that the bot is in.

        Raises:
            PlatformUnavailable: that cannot be told now.
            DeliveryRefused: the same.
        """
        ...


@runtime_checkable
class TakesReactions(Protocol):
    """A chat platform on which messages can be reacted to."""

    async def react(self, address: Address, message_id: str, emoji: str) -> None:
        """Put a reaction on a message; one that stands there already is as good.

        Raises:
            PlatformUnavailable: it may be tried again.
            DeliveryRefused: it need not be.
        """
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A chat platform on which messages can have files."""

    async def fetch(self, attachment: Attachment, into: Path, max_bytes: int) -> None:
        """Download a file that came with a message, from the platform's own hosts only.

        Raises:
            DocumentUnreadable: it is too large, or stands elsewhere, or is gone; the text says so.
            PlatformUnavailable: it may be tried again.
        """
        ...
