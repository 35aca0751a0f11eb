"""How what comes of a command reaches whoever gave it: where they gave it, or directly when that took too long.

Discord takes answers for a quarter of an hour after a command was given or a button was pressed, and shows so long that
the bot thinks: https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages
"""

import asyncio
import io
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord

from adapters.discord.client import Client
from adapters.discord.errors import INTERACTION_OVER, translated
from adapters.discord.interactions import is_by_a_moderator
from adapters.ports import Announcement, CommandReply, Confirm, DeliveryRefused, PlatformUnavailable
from adapters.rendering import DISCORD_LIMIT, parts_of

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 14 * 60.0
"""What takes longer is told directly; the last minute is for telling that."""

CONFIRMED_WITHIN_S = 600.0

MOST_PARTS = 3
"""A private answer longer than that comes as a file."""

STILL_AT_IT = (
    "This takes longer than Discord lets me answer here. I am still at it, and will write you directly what comes of "
    "it."
)
ABOUT = "About the command that you gave in <#{channel}>:"
TOO_LATE_TO_ASK = (
    "It took so long that I cannot ask you any more whether to go on. Nothing was changed: please give the command "
    "again."
)


class Answers:
    """The answers of one connection.

    Args:
        client: the connection.
        wait: lets so many seconds pass.
    """

    def __init__(self, client: Client, wait: Callable[[float], Awaitable[None]]) -> None:
        self._client = client
        self._wait = wait
        self._own = secrets.token_hex(8)
        self._turns: set[asyncio.Task[None]] = set()

    async def give(self, interaction: discord.Interaction, work: Awaitable[CommandReply]) -> None:
        """Tell what comes of a command, of which Discord knows already that it has arrived."""
        working = asyncio.ensure_future(self._announced(interaction, work))
        try:
            if await self._is_in_time(working):
                await self._tell(interaction, working.result())
            else:
                await self._tell_of_delay(interaction)
                await self._tell_directly(interaction, await working)
        finally:
            working.cancel()
        if (turn := working.result().turn) is not None:
            task = asyncio.ensure_future(_awaited(turn))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)

    def is_open(self, custom_id: str) -> bool:
        """Whether a button was made by this connection, and may still be pressed."""
        own, _, rest = custom_id.partition(":")
        return own == self._own and time.monotonic() < float(rest.partition(":")[0])

    def close(self) -> None:
        """Nobody waits any more."""
        for task in self._turns:
            task.cancel()

    async def _is_in_time(self, working: "asyncio.Future[CommandReply]") -> bool:
        alarm: asyncio.Future[Any] = asyncio.ensure_future(self._wait(ANSWERED_WITHIN_S))
        try:
            await asyncio.wait((working, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        return working.done()

    async def _announced(self, interaction: discord.Interaction, work: Awaitable[CommandReply]) -> CommandReply:
        """What comes of the work, once all who are in the channel were told of it where they are to be."""
        reply = await work
        return reply if reply.announcement is None else await self._announce(interaction, reply.announcement)

    async def _announce(self, interaction: discord.Interaction, announcement: Announcement) -> CommandReply:
        """Tell all who are in the channel, and have it done; else not."""
        place = interaction.channel
        if isinstance(place, discord.Thread) and not isinstance(place.parent, discord.ForumChannel):
            place = place.parent  # nobody need look into the thread; in a forum there are but threads
        channel_id = place.id if place is not None else interaction.channel_id or 0
        try:
            said = await self._client.get_partial_messageable(channel_id).send(announcement.text)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            logger.warning("a change could not be announced in its channel: %s", error)
            return CommandReply(announcement.unsaid)
        return await announcement.announced(at=said.created_at)

    async def _tell(self, interaction: discord.Interaction, reply: CommandReply) -> None:
        quiet: dict[str, Any] = {"ephemeral": True, "suppress_embeds": True}  # no link in it is fetched for a preview
        *first, last = _messages_of(reply.text)
        if reply.confirmed is not None:
            last["view"] = _Confirm(reply.confirmed, self, f"{self._own}:{time.monotonic() + CONFIRMED_WITHIN_S:.0f}")
        try:
            for message in (*first, last):
                await interaction.followup.send(**message, **quiet)
        except discord.HTTPException as error:
            if error.code not in INTERACTION_OVER:
                raise
            await self._tell_directly(interaction, reply)

    async def _tell_of_delay(self, interaction: discord.Interaction) -> None:
        try:
            with translated():
                await interaction.followup.send(STILL_AT_IT, ephemeral=True)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("nobody could be told that a command takes long: %s", error)

    async def _tell_directly(self, interaction: discord.Interaction, reply: CommandReply) -> None:
        """Where no direct message is taken nobody is told: what a channel reads is not for them alone."""
        text = reply.text if reply.confirmed is None else TOO_LATE_TO_ASK
        about = "" if interaction.guild_id is None else f"{ABOUT.format(channel=interaction.channel_id)}\n\n"
        try:
            with translated():
                for message in _messages_of(about + (text or "Done.")):
                    await interaction.user.send(**message, suppress_embeds=True)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what came of a command that took long could not be told: %s", error)


class _Confirm(discord.ui.View):
    """A question with two buttons; only whoever gave the command sees it.

    Args:
        confirmed: what is done after a yes.
        answers: tells what comes of it.
        known_by: begins the ids of the buttons.
    """

    def __init__(self, confirmed: Confirm, answers: Answers, known_by: str) -> None:
        super().__init__(timeout=CONFIRMED_WITHIN_S)
        self.yes.custom_id, self.no.custom_id = (f"{known_by}:{secrets.token_hex(8)}" for _ in range(2))
        self._confirmed = confirmed
        self._answers = answers

    @discord.ui.button(label="Yes, do it", style=discord.ButtonStyle.danger)
    async def yes(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Do it, once, if they still may."""
        if self.is_finished():
            return
        self.stop()
        await interaction.response.edit_message(view=None)
        await self._answers.give(interaction, self._confirmed(is_moderator=is_by_a_moderator(interaction)))

    @discord.ui.button(label="No", style=discord.ButtonStyle.secondary)
    async def no(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Leave it."""
        self.stop()
        await interaction.response.edit_message(content="Nothing was changed.", view=None)


def _messages_of(text: str) -> list[dict[str, Any]]:
    """A text as messages of Discord, at least one; a long one as a file."""
    parts = parts_of(text, DISCORD_LIMIT) or ("Done.",)
    if len(parts) <= MOST_PARTS:
        return [{"content": part} for part in parts]
    file = discord.File(io.BytesIO(text.encode()), "answer.md")
    return [{"content": "The answer is long, so it comes as a file.", "file": file}]


async def _awaited(turn: Awaitable[None]) -> None:
    await turn
