"""A turn that is not over: what it is about, how far it has come, and why it may take no further step (pure)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.ports.messages import Address, Origin, Person
from adapters.ports.progress import StepReport
from bot.documents.reading import FilesOf
from bot.scopes import person_of
from bot.turns.step import Progress
from memory.ports import Kind, Message

Observe = Callable[[StepReport], None]


class Ended(StrEnum):
    """Why a turn takes no further step."""

    YIELDED = "yielded"
    """The agent is done."""
    GAVE_WAY = "gave way"
    """A person's message came while the agent was busy with itself."""
    PAUSED = "paused"
    """The program is about to end; the turn goes on at its next start."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that is not over.

    Attributes:
        id: in the journal.
        event: what woke the agent; of several messages taken together the last, with the text of all.
        origin: where that came from, and replies go.
        progress: how far it has come, with the agent as it is.
        person: who wrote, if anybody did.
        messages: what woke the agent.
        files: came with them, and are to be read before the first step, or again.
    """

    id: int
    event: Message
    origin: Origin
    progress: Progress
    person: str | None = None
    messages: tuple[Message, ...] = ()
    files: tuple[FilesOf, ...] = ()

    @property
    def address(self) -> Address:
        """Where replies go."""
        return self.origin.address

    @property
    def people(self) -> tuple[Person, ...]:
        """Who wrote what woke the agent, each once."""
        wrote = {it.author_id: it.author_name or "" for it in self.messages if it.author_id is not None}
        return tuple(Person(id_, name) for id_, name in wrote.items())


def open_turn(
    id_: int, messages: tuple[Message, ...], origin: Origin, progress: Progress, files: tuple[FilesOf, ...]
) -> OpenTurn:
    """A turn about messages; what came with them is to be read."""
    event = as_one(messages)
    person = person_of(origin) if event.kind is Kind.USER_MESSAGE else None
    return OpenTurn(id_, event, origin, progress, person, messages, files)


def as_one(messages: Sequence[Message]) -> Message:
    """Messages that are taken together: the last of them, with the text of all."""
    return replace(messages[-1], text="\n\n".join(message.text or "" for message in messages))
