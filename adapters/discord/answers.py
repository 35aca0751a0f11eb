"""How what comes of a command reaches whoever gave it on Discord.

Discord takes answers for a quarter of an hour after a command was given or a button was pressed, and shows so long that
the bot thinks: https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages
"""

import io
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import aiohttp
import discord

from adapters import answers
from adapters.answers import CONFIRMED_WITHIN_S, FILE_TOO_LARGE, MOST_PARTS, NO, NOTHING_CHANGED, STILL_AT_IT, YES
from adapters.discord.client import Client
from adapters.discord.errors import INTERACTION_OVER, translated
from adapters.discord.interactions import is_by_a_moderator
from adapters.ports import AnswerFile, CommandReply, Confirm, DeliveryRefused, PlatformUnavailable
from adapters.rendering import DISCORD_LIMIT, parts_of

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 14 * 60.0
"""What takes longer is told directly; the last minute is for telling that."""

DEFAULT_FILE_LIMIT = 10 * 2**20
"""Where Discord does not say how large a file may be: https://docs.discord.com/developers/reference#uploading-files"""

ABOUT = "About the command that you gave in <#{channel}>:"


class Answers:
    """The answers of one connection.

    Args:
        client: the connection.
        wait: lets so many seconds pass.
    """

    def __init__(self, client: Client, wait: Callable[[float], Awaitable[None]]) -> None:
        self._client = client
        self._own = secrets.token_hex(8)
        self._answers = answers.Answers(ANSWERED_WITHIN_S, wait)

    async def give(self, interaction: discord.Interaction, work: Awaitable[CommandReply]) -> None:
        """Tell what comes of a command, of which Discord knows already that it has arrived."""
        await self._answers.give(_Asker(interaction, self, self._client), work)

    def new_id(self) -> str:
        """Begins the ids of a question's buttons."""
        return f"{self._own}:{time.monotonic() + CONFIRMED_WITHIN_S:.0f}"

    def is_open(self, custom_id: str) -> bool:
        """Whether a button was made by this connection, and may still be pressed."""
        own, _, rest = custom_id.partition(":")
        return own == self._own and time.monotonic() < float(rest.partition(":")[0])

    def close(self) -> None:
        """Nobody waits any more."""
        self._answers.close()


class _Asker:
    """See `adapters.answers.Asker`."""

    def __init__(self, interaction: discord.Interaction, answers: Answers, client: Client) -> None:
        self._interaction = interaction
        self._answers = answers
        self._client = client

    async def announce(self, text: str) -> datetime | None:
        place = self._interaction.channel
        if isinstance(place, discord.Thread) and not isinstance(place.parent, discord.ForumChannel):
            place = place.parent  # nobody need look into the thread; in a forum there are but threads
        channel_id = place.id if place is not None else self._interaction.channel_id or 0
        try:
            said = await self._client.get_partial_messageable(channel_id).send(text)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            logger.warning("a change could not be announced in its channel: %s", error)
            return None
        return said.created_at

    async def tell(self, reply: CommandReply) -> bool:
        quiet: dict[str, Any] = {"ephemeral": True, "suppress_embeds": True}  # no link in it is fetched for a preview
        limit = self._interaction.filesize_limit or DEFAULT_FILE_LIMIT
        *first, last = _messages_of(reply.text, reply.file, limit)
        if reply.confirmed is not None:
            last["view"] = _Confirm(reply.confirmed, self._answers)
        try:
            for message in (*first, last):
                await self._interaction.followup.send(**message, **quiet)
        except discord.HTTPException as error:
            if error.code not in INTERACTION_OVER:
                raise
            return False
        return True

    async def tell_of_delay(self) -> None:
        try:
            with translated():
                await self._interaction.followup.send(STILL_AT_IT.format(platform="Discord"), ephemeral=True)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("nobody could be told that a command takes long: %s", error)

    async def tell_directly(self, text: str, file: AnswerFile | None = None) -> None:
        """Where no direct message is taken nobody is told: what a channel reads is not for them alone."""
        interaction = self._interaction
        about = "" if interaction.guild_id is None else f"{ABOUT.format(channel=interaction.channel_id)}\n\n"
        try:
            with translated():
                for message in _messages_of(about + text, file, DEFAULT_FILE_LIMIT):
                    await interaction.user.send(**message, suppress_embeds=True)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what came of a command that took long could not be told: %s", error)


class _Confirm(discord.ui.View):
    """A question with two buttons; only whoever gave the command sees it.

    Args:
        confirmed: what is done after a yes.
        answers: tells what comes of it.
    """

    def __init__(self, confirmed: Confirm, answers: Answers) -> None:
        super().__init__(timeout=CONFIRMED_WITHIN_S)
        known_by = answers.new_id()
        self.yes.custom_id, self.no.custom_id = (f"{known_by}:{secrets.token_hex(8)}" for _ in range(2))
        self._confirmed = confirmed
        self._answers = answers

    @discord.ui.button(label=YES, style=discord.ButtonStyle.danger)
    async def yes(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Do it, once, if they still may."""
        if self.is_finished():
            return
        self.stop()
        await interaction.response.edit_message(view=None)
        await self._answers.give(interaction, self._confirmed(is_moderator=is_by_a_moderator(interaction)))

    @discord.ui.button(label=NO, style=discord.ButtonStyle.secondary)
    async def no(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Leave it."""
        self.stop()
        await interaction.response.edit_message(content=NOTHING_CHANGED, view=None)


def _messages_of(text: str, file: AnswerFile | None, limit: int) -> list[dict[str, Any]]:
    """A text as messages of Discord, at least one; a long one as a file. The file is beside the last of them."""
    if file is not None and (size := file.path.stat().st_size) > limit:
        text = FILE_TOO_LARGE.format(size=size / 1e6, platform="Discord", limit=limit / 1e6)
        file = None
    parts = parts_of(text, DISCORD_LIMIT) or ("Done.",)
    messages: list[dict[str, Any]] = [{"content": part} for part in parts]
    if len(parts) > MOST_PARTS:
        long = discord.File(io.BytesIO(text.encode()), "answer.md")
        messages = [{"content": "The answer is long, so it comes as a file.", "file": long}]
    if file is not None:
        messages.append({"file": discord.File(file.path, file.name)})
    return messages
