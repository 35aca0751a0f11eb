"""How what comes of a command reaches whoever gave it on Discord.

Discord takes answers for a quarter of an hour after a command was given or a button was pressed, and shows so long that
the bot thinks: https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages
"""

import asyncio
import io
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import discord

from adapters.chat import answers
from adapters.chat.answers import (
    CONFIRMED_WITHIN_S,
    FILE_IN_PARTS,
    FILE_TOO_LARGE,
    MOST_PARTS,
    NO,
    NOTHING_CHANGED,
    OUT_OF_DATE,
    STILL_AT_IT,
    YES,
)
from adapters.chat.rendering import DISCORD_LIMIT, parts_of
from adapters.discord.client import Client
from adapters.discord.errors import ACKNOWLEDGED, INTERACTION_OVER, code_of, translated
from adapters.discord.interactions import is_by_a_moderator
from adapters.ports.commands import AnswerFile, CommandReply, Confirm
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 14 * 60.0
"""What takes longer is told directly; the last minute is for telling that."""

DEFAULT_FILE_LIMIT = 10 * 2**20
"""Where Discord does not say how large a file may be: https://docs.discord.com/developers/reference#uploading-files"""

TOLD_AGAIN_AFTER_S = (1.0, 10.0, 30.0, 60.0)
"""Pauses between tries to tell directly what came of a command, while Discord cannot be reached."""

ABOUT = "About the command that you gave in <#{channel}>:"
NOT_NOW = "Something went wrong on my side. Please try again."


class Answers:
    """The answers of one connection.

    Args:
        connected: the connection that there is now, which may be another by then; raises `PlatformUnavailable`.
        wait: lets so many seconds pass.
    """

    def __init__(self, connected: Callable[[], Client], wait: Callable[[float], Awaitable[None]]) -> None:
        self.connected = connected
        self.wait = wait
        self._own = secrets.token_hex(8)
        self._answers = answers.Answers(ANSWERED_WITHIN_S, wait)

    async def give(self, interaction: discord.Interaction, work: Awaitable[CommandReply]) -> None:
        """Tell what comes of a command, of which Discord knows already that it has arrived."""
        await self._answers.give(_Asker(interaction, self), work)

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
    """See `adapters.chat.answers.Asker`."""

    def __init__(self, interaction: discord.Interaction, answers: Answers) -> None:
        self._interaction = interaction
        self._answers = answers

    async def announce(self, text: str) -> datetime | None:
        place = self._interaction.channel
        if isinstance(place, discord.Thread) and not _is_place_of_its_own(place):
            place = place.parent  # nobody need look into the thread
        channel_id = place.id if place is not None else self._interaction.channel_id or 0
        try:
            with translated():
                said = await self._answers.connected().get_partial_messageable(channel_id).send(text)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("a change could not be announced in its channel: %s", error)
            return None
        return said.created_at

    async def tell(self, reply: CommandReply) -> bool:
        quiet: dict[str, Any] = {"ephemeral": True, "suppress_embeds": True}  # no link in it is fetched for a preview
        limit = self._interaction.filesize_limit or DEFAULT_FILE_LIMIT
        try:
            async with _messages_of(reply.text, reply.file, limit) as (*first, last):
                if reply.confirmed is not None:
                    last["view"] = _Confirm(reply.confirmed, self._answers, self._interaction.user.id)
                with translated():
                    for message in (*first, last):
                        await self._interaction.followup.send(**_opened(message), **quiet)
        except PlatformUnavailable as error:
            logger.info("a command cannot be answered where it was given: %s", error)
            return False
        except DeliveryRefused as error:
            if code_of(error) not in INTERACTION_OVER:
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
        interaction, told = self._interaction, 0
        about = "" if interaction.guild_id is None else f"{ABOUT.format(channel=interaction.channel_id)}\n\n"
        async with _messages_of(about + text, file, DEFAULT_FILE_LIMIT) as messages:
            for pause_s in (*TOLD_AGAIN_AFTER_S, None):
                try:
                    with translated():
                        direct = await self._answers.connected().create_dm(interaction.user)
                        for message in messages[told:]:
                            await direct.send(**_opened(message), suppress_embeds=True)
                            told += 1
                    return
                except (PlatformUnavailable, DeliveryRefused) as error:
                    if pause_s is None or isinstance(error, DeliveryRefused):
                        logger.warning("what came of a command that took long could not be told: %s", error)
                        return
                    await self._answers.wait(pause_s)


class _Confirm(discord.ui.View):
    """A question with two buttons; only whoever gave the command sees it.

    Args:
        confirmed: what is done after a yes.
        answers: tells what comes of it.
        asked: who gave the command.
    """

    def __init__(self, confirmed: Confirm, answers: Answers, asked: int) -> None:
        super().__init__(timeout=CONFIRMED_WITHIN_S)
        known_by = answers.new_id()
        self.yes.custom_id, self.no.custom_id = (f"{known_by}:{secrets.token_hex(8)}" for _ in range(2))
        self._confirmed = confirmed
        self._answers = answers
        self._asked = asked
        self._is_answered = False

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Whoever was asked alone may answer, whoever else Discord may let press it."""
        if interaction.user.id == self._asked:
            return True
        await tell_of_fault(interaction, OUT_OF_DATE)
        return False

    @discord.ui.button(label=YES, style=discord.ButtonStyle.danger)
    async def yes(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Do it, once, if they still may."""
        if await self._is_taken(interaction.response.edit_message(view=None)):
            await self._answers.give(interaction, self._confirmed(is_moderator=is_by_a_moderator(interaction)))

    @discord.ui.button(label=NO, style=discord.ButtonStyle.secondary)
    async def no(self, interaction: discord.Interaction, button: discord.ui.Button["_Confirm"]) -> None:
        """Leave it."""
        await self._is_taken(interaction.response.edit_message(content=NOTHING_CHANGED, view=None))

    async def _is_taken(self, answer: Coroutine[Any, Any, object]) -> bool:
        """Take the first press of a button; one of which Discord takes no notice may be made again."""
        if self._is_answered:
            answer.close()
            return False
        self._is_answered = True
        try:
            await acknowledge(answer)
        except BaseException:
            self._is_answered = False
            raise
        self.stop()
        return True

    async def on_error(self, interaction: discord.Interaction, error: Exception, item: Any, /) -> None:
        """It came to nothing."""
        await came_to_nothing(interaction, error)


async def acknowledge(answer: Awaitable[object]) -> None:
    """Give Discord the first answer to what somebody did, due within three seconds.

    Raises:
        PlatformUnavailable: Discord cannot be reached; whoever did it is told so by their Discord.
        DeliveryRefused: it came too late, say; the same.
    """
    try:
        with translated():
            await answer
    except DeliveryRefused as error:
        if code_of(error) != ACKNOWLEDGED:  # what the library sent anew had been heard the first time
            raise


async def came_to_nothing(interaction: discord.Interaction, error: Exception) -> None:
    """Something that somebody did could not be answered, or broke; they are told, where that is possible."""
    if isinstance(error, PlatformUnavailable) or code_of(error) in INTERACTION_OVER:
        logger.warning("Discord takes no answer to what somebody did: %s", error)
        return
    logger.error("what somebody did came to nothing", exc_info=error)
    await tell_of_fault(interaction, NOT_NOW)


async def tell_of_fault(interaction: discord.Interaction, text: str) -> None:
    """Tell somebody alone why nothing came of what they did; never raises what a platform does."""
    is_answered = interaction.response.is_done()
    try:
        with translated():
            if is_answered:
                await interaction.followup.send(text, ephemeral=True)
            else:
                await interaction.response.send_message(text, ephemeral=True)
    except (PlatformUnavailable, DeliveryRefused) as error:
        logger.info("nobody could be told that a command broke: %s", error)


def _is_place_of_its_own(thread: discord.Thread) -> bool:
    """Whether it is told of in itself: a private one has an agent of its own, in a forum there are but threads."""
    return thread.is_private() or isinstance(thread.parent, discord.ForumChannel)


@asynccontextmanager
async def _messages_of(text: str, file: AnswerFile | None, limit: int) -> AsyncIterator[list[dict[str, Any]]]:
    """A text as messages of Discord, at least one; a long one as a file. The file is beside the last of them.

    Of a file that is too large the parts come in a message each, and lie there as long as one is inside.
    """
    files = [file] if file is not None else []
    parts: Sequence[AnswerFile] = ()
    try:
        if file is not None and (size := file.path.stat().st_size) > limit:
            parts = files = await asyncio.to_thread(_cut, file, limit)
            told = {"size": size / 1e6, "platform": "Discord", "limit": limit / 1e6, "count": len(parts)}
            text = f"{text}\n\n{FILE_IN_PARTS.format(**told)}" if parts else FILE_TOO_LARGE.format(**told)
        yield [*_texts_of(text), *({"file": (each.path, each.name)} for each in files)]
    finally:
        for part in parts:
            part.path.unlink(missing_ok=True)


def _cut(file: AnswerFile, limit: int) -> list[AnswerFile]:
    try:
        return list(file.cut(limit)) if file.cut is not None else []
    except OSError as error:
        logger.warning("a file that is too large could not be cut: %s", error)
        return []


def _texts_of(text: str) -> list[dict[str, Any]]:
    parts = parts_of(text, DISCORD_LIMIT) or ("Done.",)
    if len(parts) > MOST_PARTS:
        return [{"content": "The answer is long, so it comes as a file.", "file": (text.encode(), "answer.md")}]
    return [{"content": part} for part in parts]


def _opened(message: dict[str, Any]) -> dict[str, Any]:
    """A message with its file opened, which Discord's library closes once it is sent."""
    if (file := message.get("file")) is None:
        return message
    content, name = file
    return message | {"file": discord.File(io.BytesIO(content) if isinstance(content, bytes) else content, name)}
