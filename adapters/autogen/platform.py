"""A chat platform whose replies go to whoever waits for them in this process: a team of AutoGen's."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from autogen_core import Image

from adapters.autogen.images import file_of
from adapters.autogen.name import NAME
from adapters.ports.errors import DeliveryRefused, DocumentUnreadable
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Attachment, Origin
from adapters.ports.platform import Sought
from adapters.ports.progress import StepReport


@dataclass
class Heard:
    """What comes of one message, by its name: replies in order, notices of ours, and how the agent went about it."""

    message_id: str
    replies: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    steps: list[StepReport] = field(default_factory=list)


class AutoGenPlatform:
    """A `ChatPlatform`; each agent's team is a channel, named as the agent is."""

    name = NAME

    def __init__(self) -> None:
        self._listening: dict[str, Heard] = {}
        self._images: dict[Attachment, Image] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def one_turn(self, channel: str) -> asyncio.Lock:
        """Whose turn it is in a channel: participants of one name are one agent, and take turns."""
        return self._turns[channel]

    @contextmanager
    def listening(self, channel: str, message_id: str, images: Mapping[Attachment, Image]) -> Iterator[Heard]:
        """Take what a message is answered in a channel, and have its images at hand; by whoever has the turn there."""
        heard = self._listening[channel] = Heard(message_id)
        self._images.update(images)
        try:
            yield heard
        finally:
            del self._listening[channel]
            for attachment in images:
                del self._images[attachment]

    def observe(self, channel: str, report: StepReport) -> None:
        """Take a step that an agent has made."""
        if (heard := self._listening.get(channel)) is not None:
            heard.steps.append(report)

    async def run(self, intake: Intake) -> None:
        """Nothing comes in by itself: who takes part hands in what the team says."""

    def parts_of(self, text: str) -> Sequence[str]:
        """As it stands."""
        return (text,)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        """Hand a reply to whoever waits for it.

        Raises:
            DeliveryRefused: nobody does, any more.
        """
        heard = self._listening.get(address.channel)
        if heard is None or heard.message_id != reply_to:  # of a turn that was cancelled once its reply was kept
            raise DeliveryRefused("nobody waits for it any more")
        heard.replies.append(text)
        return key

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """What was not handed over when the process ended never will be."""
        return key

    async def fetch(self, attachment: Attachment, into: Path, max_bytes: int) -> None:
        """Put down an image of the message that is being answered."""
        if (image := self._images.get(attachment)) is None:
            raise DocumentUnreadable("it is gone with the run that it came in")
        await asyncio.to_thread(lambda: into.write_bytes(file_of(image, max_bytes)))

    async def notify(self, origin: Origin, text: str) -> None:
        """Hand over a notice."""
        if (heard := self._listening.get(origin.address.channel)) is not None:
            heard.notices.append(text)

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Nobody looks."""
        return nullcontext()
