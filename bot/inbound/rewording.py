"""Whether the new words of a message that is edited may be kept: under the rules by which a new message is."""

from dataclasses import replace

from adapters.ports.messages import Address, MessageChange, Origin
from bot.admission import Admission
from memory.people.channels import Channels, Mode


class Rewording:
    """Asks what `bot.inbound.receive` asks of a new message, as far as an edit tells it.

    Whom a message is meant for is not asked again: the old words were kept.
    """

    def __init__(self, admission: Admission, channels: Channels) -> None:
        self._admission = admission
        self._channels = channels

    async def is_taken(self, platform: str, scope: str, change: MessageChange) -> bool:
        """Whether its author is let in, and the channel is not one that nothing is read in."""
        if await self._channels.mode(scope) is Mode.OFF:
            return False
        writer = _writer_of(platform, change)
        return writer is None or await self._admission.admits(writer)


def _writer_of(platform: str, change: MessageChange) -> Origin | None:
    """The place of an edit with whoever wrote it; None if that is not known."""
    origin, author = change.origin, change.author
    if author is not None:
        return replace(origin, person=author) if origin else Origin(Address(platform, ""), author, is_direct=False)
    return origin if origin is not None and origin.is_direct else None
