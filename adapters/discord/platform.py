"""Discord as a chat platform."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord

from adapters.chat.at_work import at_work
from adapters.chat.reading_patiently import LONGEST_HELD_S
from adapters.chat.underway import Underway
from adapters.discord import checkup, files, posting
from adapters.discord.catch_up import catch_up
from adapters.discord.client import Client, Listener
from adapters.discord.endpoints import Endpoints
from adapters.discord.errors import NOT_KNOWN, translated
from adapters.discord.history import History
from adapters.discord.inbound import (
    PLATFORM,
    change_of,
    guild_id_of,
    inbound_of,
    is_hidden,
    is_written_by_a_person,
)
from adapters.discord.owners import tell_owner
from adapters.discord.slash import SlashCommands
from adapters.ports.checkup import Account, Finding
from adapters.ports.commands import CommandSpec
from adapters.ports.errors import CannotTell, DeliveryRefused, PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Attachment, MessageChange, Origin
from adapters.ports.platform import Sought

logger = logging.getLogger(__name__)

WRONG_TOKEN = 4004
"""https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes"""

TRIED_AGAIN_AFTER_S = (1.0, 10.0, 30.0, 60.0)
"""Pauses between tries to keep an event, while those behind it in its channel wait."""

HEARD_WITHIN = timedelta(days=7)
"""Places of which nothing was heard for longer are not looked through: the inbox has forgotten them."""

TYPING_S = 8.0
"""Discord shows for ten seconds that somebody types, or until a message comes."""

NO_INTENT = (
    "Discord refuses the Message Content intent: switch it on on the page Bot of your application. Until the next "
    "start mentions, replies and direct messages are answered; threads need a mention, and the modes listen and open "
    "do not work."
)


MOST_GUILDS_ASKED = 100
"""In so many servers is looked for somebody; who is in none of them, of more, is taken for no stranger."""


class DiscordPlatform:
    """See `ChatPlatform`, and what it is beside: `TellsConnection`, `ComparesHistories`, `HasFiles` and others.

    Args:
        token: the bot's.
        endpoints: where Discord is.
        answers_bots: whether the messages of other bots are taken for those of people.
        wait: lets so many seconds pass.
        options: for the library's client.
    """

    name = PLATFORM
    compares_histories = True

    def __init__(
        self,
        token: str,
        endpoints: Endpoints | None = None,
        *,
        answers_bots: bool = False,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        self._token = token
        self._endpoints = endpoints or Endpoints()
        self._answers_bots = answers_bots
        self._wait = wait
        self._options = options
        self._client: Client | None = None
        self._intake: Intake | None = None
        self._slash: SlashCommands | None = None
        self._commands = Underway()
        self._reads_content = True
        self._endpoints.use()

    # ── how it is set up ─────────────────────────────────────────────────────────────────────────────────

    async def account(self) -> Account:
        """Whose the token is."""
        return await checkup.account(self._token)

    async def examine(self, commands: Sequence[CommandSpec]) -> Sequence[Finding]:
        """Token, intent, permissions, commands."""
        return await checkup.examine(self._token, commands)

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, intake: Intake) -> None:
        """Serve until the connection ends for good.

        Raises:
            ServiceMissing: Discord does not know the token, or refuses what the bot cannot do without.
            PlatformUnavailable: Discord cannot be reached.
        """
        while True:
            try:
                await self._serve(intake)
                return
            except discord.PrivilegedIntentsRequired as error:
                if not self._reads_content:
                    raise ServiceMissing("DISCORD_TOKEN: Discord refuses the intents that the bot asks for.") from error
                logger.warning("%s", NO_INTENT)
                self._reads_content = False

    async def _serve(self, intake: Intake) -> None:
        listener = Listener(
            lambda: intake.connected(self.name), self._on_ready, self._on_message, self._on_edit, self._on_delete
        )
        client = Client(listener, reads_content=self._reads_content, gateway=self._endpoints.gateway, **self._options)
        slash = SlashCommands(client, intake, self._commands, self._wait, self._connected)
        self._client, self._intake, self._slash = client, intake, slash
        try:
            with translated():
                await client.serve(self._token)
        except PlatformUnavailable:
            raise
        except DeliveryRefused as error:  # at the login
            raise PlatformUnavailable(str(error)) from error
        except discord.LoginFailure as error:
            raise ServiceMissing(NOT_KNOWN) from error
        except discord.ConnectionClosed as error:
            if error.code == WRONG_TOKEN:
                raise ServiceMissing(NOT_KNOWN) from error
            raise PlatformUnavailable(f"Discord closed the connection ({error.code})") from error
        except discord.GatewayNotFound as error:
            raise PlatformUnavailable("Discord's gateway cannot be found") from error
        finally:
            slash.close()
            self._client = None
            if (task := asyncio.current_task()) is not None and task.cancelling():  # no other connection answers them
                await self._commands.end()

    @property
    def is_connected(self) -> bool:
        """Whether events reach us."""
        return self._client is not None and self._client.is_connected

    @property
    def reads_content(self) -> bool:
        """Whether Discord shows us the text of messages that are not addressed to the bot."""
        return self._reads_content

    async def _on_ready(self, shards: Collection[int]) -> Awaitable[object]:
        client, intake, slash = self._client, self._intake, self._slash
        if client is None or intake is None or slash is None:
            return asyncio.sleep(0)
        logger.info("connected to Discord guilds=%d", len(client.guilds))
        try:
            heard = await intake.last_heard(HEARD_WITHIN)
            places = [it for it in heard if client.shard_of(int(it.space) if it.space else None) in shards]
            reading = await catch_up(client, places, self._on_history, self._on_missed, self._wait)
        except BaseException:
            intake.caught_up(self.name)
            raise
        return asyncio.gather(self._caught_up(client, intake, reading), _told_of_commands(slash))

    async def _caught_up(self, client: Client, intake: Intake, reading: Awaitable[object]) -> None:
        """Tell when all is read, or has taken too long; if the connection has ended over it, the next one will."""
        read = asyncio.ensure_future(reading)
        try:
            await asyncio.wait([read], timeout=LONGEST_HELD_S)
            if not client.is_closed():
                intake.caught_up(self.name)
            await read
        finally:
            read.cancel()
            await asyncio.gather(read, return_exceptions=True)

    async def _on_message(self, message: discord.Message) -> None:
        await self._hand_in(message)

    async def _on_missed(self, message: discord.Message) -> None:
        await self._hand_in(message, is_missed=True)

    async def _hand_in(self, message: discord.Message, *, is_missed: bool = False) -> None:
        client, intake = self._client, self._intake
        if client is None or client.user is None or intake is None:
            return
        if not is_written_by_a_person(message, client.user, answers_bots=self._answers_bots):
            return
        if not self._reads_content and is_hidden(message, client.user):
            return
        try:
            await self._patiently(lambda: self._know_place(client, message))
        except DeliveryRefused as error:
            logger.info("a message of a place that is closed to us is left alone: %s", error)
            return
        inbound = replace(inbound_of(message, client.user), is_missed=is_missed)
        await self._patiently(lambda: intake.receive(inbound))

    async def _patiently(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Discord tells of anything once: what is not kept now would never be answered, or never be forgotten."""
        for pause_s in TRIED_AGAIN_AFTER_S:
            try:
                await attempt()
                return
            except DeliveryRefused:
                raise
            except Exception as error:
                logger.warning("an event cannot be kept, tried again in_s=%.0f: %s", pause_s, type(error).__name__)
                await self._wait(pause_s)
        await attempt()

    async def _on_edit(self, edit: discord.RawMessageUpdateEvent) -> None:
        client, message = self._client, edit.message
        if client is None or client.user is None:
            return
        if is_hidden(message, client.user):
            return  # perhaps it was but pinned, or got a preview; what it says now nobody tells us
        if message.author.id != client.user.id:  # those of other bots may be quoted
            await self._on_change(change_of(message, client.user))

    async def _on_delete(self, ids: set[int]) -> None:
        await self._on_change(MessageChange(None, tuple(map(str, sorted(ids))), None))

    async def _on_change(self, change: MessageChange) -> None:
        """Whose messages these are is known by their ids; to ask Discord for the place could fail."""
        if (intake := self._intake) is not None:
            await self._patiently(lambda: intake.change(change))

    async def _on_history(self, history: History) -> None:
        """What was deleted and edited while nobody listened is followed before what was written then is answered."""
        client, intake = self._client, self._intake
        if client is None or client.user is None or intake is None:
            return
        stretch = history.stretch(client.user)
        if stretch is not None:
            await self._patiently(lambda: intake.compare(stretch))

    async def _know_place(self, client: Client, message: discord.Message) -> None:
        """A thread that the library does not know has to be asked for: its channel is whose agent it is."""
        if guild_id_of(message) is not None and isinstance(message.channel, discord.PartialMessageable):
            with translated():
                message.channel = await client.fetch_channel(message.channel.id)  # type: ignore[assignment]

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────

    def parts_of(self, text: str) -> Sequence[str]:
        """Within Discord's 2,000 characters."""
        return posting.parts_for_discord(text)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str:
        """Post it, without any mention in it being live."""
        client, intake = self._connected(), self._intake
        try:
            posted = await posting.post(client, address, text, key, reply_to)
        except DeliveryRefused as error:
            if intake is not None and posting.is_for_a_moderator(error.__cause__):
                await tell_owner(client, address, None, intake.told_once)
            raise
        if intake is not None and posted.missing is not None:
            await tell_owner(client, address, posted.missing, intake.told_once)
        return posted.id

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """Look in the place's history."""
        if sought is None:
            raise CannotTell("Discord keeps no key with a message")
        return await posting.find(self._connected(), address, sought)

    async def react(self, address: Address, message_id: str, emoji: str) -> None:
        """Put a reaction on a message."""
        await posting.react(self._connected(), address, message_id, emoji)

    async def fetch(self, attachment: Attachment, into: Path, max_bytes: int) -> None:
        """Download a file from where Discord keeps them."""
        await files.fetch(attachment, into, max_bytes, self._endpoints)

    async def notify(self, origin: Origin, text: str) -> None:
        """Tell somebody in their direct messages; where those are closed, where they wrote."""
        client, channel = self._connected(), origin.address.channel
        with translated():
            if not origin.is_direct or not channel:
                about = "" if origin.is_direct else f"About what you wrote in <#{channel}>: "
                try:
                    person = await client.fetch_user(int(origin.person.id))
                    await person.send(about + text)
                    return
                except discord.Forbidden:
                    if not channel:
                        raise
            await posting.place_of(client, origin.address).send(text)

    async def is_stranger(self, origin: Origin) -> bool:
        """Who has installed the bot for themselves can use it anywhere, and write to it without sharing a server."""
        client = self._connected()
        if not origin.is_direct:  # what is written there we are told because the bot is there
            return False
        for guild in client.guilds[:MOST_GUILDS_ASKED]:
            with translated(), suppress(discord.NotFound, discord.Forbidden):
                await client.http.get_member(guild.id, int(origin.person.id))
                return False
        return 0 < len(client.guilds) <= MOST_GUILDS_ASKED

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Show that the bot types."""

        async def show() -> None:
            client = self._connected()
            with translated():
                try:
                    await client.http.send_typing(int(address.thread or address.channel))
                except discord.NotFound:
                    if address.thread is None:
                        raise
                    await client.http.send_typing(int(address.channel))  # the reply will open the thread

        return at_work(show, TYPING_S)

    def _connected(self) -> Client:
        """The client, once it has logged in."""
        if self._client is None or self._client.user is None or self._client.is_closed():
            raise PlatformUnavailable("not connected to Discord", may_be_posted=False)
        return self._client


async def _told_of_commands(slash: SlashCommands) -> None:
    """Whatever becomes of that, people are answered."""
    try:
        with translated():
            await slash.sync()
    except (PlatformUnavailable, DeliveryRefused) as error:
        logger.error("Discord could not be told of the slash commands: %s", error)
