"""Who gives a command on Slack, where, and what they may there."""

import logging
from collections.abc import Collection
from functools import partial

from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports.commands import CommandCall
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Origin, Person
from adapters.slack.errors import translated
from adapters.slack.inbound import PLATFORM, is_direct, place_of
from adapters.slack.me import Me
from adapters.slack.people import People
from adapters.slack.told import Json, is_timestamp, text_in

logger = logging.getLogger(__name__)

MIN_ID_CHARS = 2

NO_CHANNEL = "D"
"""Stands for the channel of somebody's direct messages, where Slack names none."""

_READ_BY = {"group": "groups:history", "mpim": "mpim:history"}
"""The scopes without which Slack does not tell what is written in a place; of all others `channels:history`."""


class Callers:
    """Those of one connection.

    Args:
        client: the Web API.
        me: who the bot is.
        people: what they are called, and what they may.
        moderators: people who may do in any channel what those may who look after the workspace.
    """

    def __init__(self, client: AsyncWebClient, me: Me, people: People, moderators: Collection[str]) -> None:
        self._client = client
        self._me = me
        self._people = people
        self._moderators = moderators
        self._directly: dict[str, str] = {}

    async def place(self, channel: str, thread: str | None, user: str, name: str = "") -> Origin:
        """Where somebody is.

        Where two people talk with each other it is their own agent that they speak to, in its direct messages: there
        the bot cannot write.
        """
        names = await self._people.names([user])
        if is_direct(channel) and (direct := await self._direct(user)) not in (None, channel):
            channel, thread = direct or channel, None
        return place_of(channel, thread, Person(user, names.get(user) or name or user), self._me)

    async def call(self, origin: Origin, line: str, kind: str) -> CommandCall:
        """The command that somebody gives, in a kind of place, with the rights that they have at this moment."""
        is_moderator = await self.is_moderator(origin)
        return CommandCall(
            origin,
            line,
            is_moderator=is_moderator,
            reads_messages=self._reads(kind),
            link_to=partial(link_of, self._me, origin.address.channel),
        )

    async def is_moderator(self, origin: Origin) -> bool:
        """What Slack says of somebody at this moment; in their direct messages they need no rights."""
        if origin.is_direct:
            return False
        is_named = f"{PLATFORM}:{self._me.team}/{origin.person.id}" in self._moderators
        return is_named or await self._people.is_admin(origin.person.id)

    async def _direct(self, user: str) -> str | None:
        """The channel of somebody's direct messages with the bot; None if that cannot be told."""
        if user not in self._directly:
            try:
                with translated():
                    told = await self._client.conversations_open(users=user)
            except (PlatformUnavailable, DeliveryRefused) as error:
                logger.info("whose direct messages these are cannot be told: %s", error)
                return None
            self._directly[user] = str((told.get("channel") or {}).get("id") or "")
        return self._directly[user] or None

    def _reads(self, kind: str) -> bool:
        """Whether Slack tells us there what does not mention us; taken for granted if it does not tell our scopes."""
        return not self._me.scopes or _READ_BY.get(kind, "channels:history") in self._me.scopes


def link_of(me: Me, channel: str, timestamp: str, thread: str | None) -> str | None:
    """The address of a message (https://docs.slack.dev/reference/methods/chat.getPermalink); None if it has none."""
    if not me.url.startswith("https://") or not is_timestamp(timestamp) or len(channel) < MIN_ID_CHARS:
        return None
    address = f"{me.url.rstrip('/')}/archives/{channel}/p{timestamp.replace('.', '')}"
    is_in_thread = thread is not None and thread != timestamp and is_timestamp(thread)
    return f"{address}?thread_ts={thread}&cid={channel}" if is_in_thread else address


def kind_of(name: str) -> str:
    """What kind of place has that name in a payload, as events name the kinds."""
    if name == "privategroup":
        return "group"
    if name.startswith("mpdm-"):
        return "mpim"
    return "im" if name == "directmessage" else "channel"


def who(user: Json) -> tuple[str, str]:
    """The id and the name of somebody, as payloads tell them."""
    return text_in(user, "id"), text_in(user, "name") or text_in(user, "username")
