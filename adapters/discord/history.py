"""What stands in a place, as Discord told it, and what memory is to be compared with of that (pure)."""

from dataclasses import dataclass
from typing import Any

import discord
from discord.utils import snowflake_time

from adapters.discord.inbound import change_of, guild_of, names_all_as_seen, origin_of
from adapters.ports.messages import Stretch


@dataclass(frozen=True, slots=True)
class History:
    """The newest messages of a place, the oldest first.

    Attributes:
        channel: the place.
        ids: of all of them.
        messages: those that the library can read.
    """

    channel: Any
    ids: tuple[int, ...]
    messages: tuple[discord.Message, ...]

    def after(self, id_: int) -> list[discord.Message]:
        """Those that were written after a message."""
        return [message for message in self.messages if message.id > id_]

    def stretch(self, me: discord.abc.User) -> Stretch | None:
        """What can be said of what stands there now; None if that is nothing.

        Nothing is Discord's answer where we may not read the history, too. And it tells nothing of what is older than
        the oldest message, or newer than the newest: what was just written need not be in a history yet.
        """
        if not self.messages:
            return None
        guild = guild_of(self.messages[0])
        person = next((message.author for message in self.messages if message.author.id != me.id), None)
        person = person or getattr(self.channel, "recipient", None)
        if guild is None and person is None:
            return None
        edited = [
            change_of(it, me)
            for it in self.messages
            if it.edited_at is not None and it.author.id != me.id and names_all_as_seen(it, me)
        ]
        return Stretch(
            origin=origin_of(self.channel, person, guild),
            since=snowflake_time(self.ids[0]),
            until=snowflake_time(self.ids[-1]),
            message_ids=frozenset(map(str, self.ids)),
            edited=tuple(change for change in edited if change.attachments is not None),
        )
