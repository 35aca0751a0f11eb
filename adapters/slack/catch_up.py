"""What was written while nobody listened: read from the histories of the places that were heard of lately.

Slack tells again what was not acknowledged, for some minutes: https://docs.slack.dev/apis/events-api/#retries. What was
told twice is known by the message's name, so it does no harm to read too much.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.reading_patiently import read_patiently
from adapters.ports.messages import Address, LastHeard
from adapters.slack.errors import translated
from adapters.slack.history import History, history_of
from adapters.slack.inbound import PLATFORM
from adapters.slack.told import Json, is_id, listed_in, part_in, text_in

logger = logging.getLogger(__name__)

PAGE = 100
MOST_PAGES_OF_THREAD = 5
COMPARED_S = 86_400.0
"""So far back a thread is compared with what is kept of it."""

MOST_PLACES = 200
"""https://docs.slack.dev/apis/web-api/rate-limits allows some fifty histories a minute."""

MOST_NEW_THREADS = 20
"""In one channel."""

MOST_NEW_CONVERSATIONS = 50
"""Direct ones of which nothing was heard: so many are read, the youngest first."""

PAGE_OF_CONVERSATIONS, MOST_PAGES_OF_CONVERSATIONS = 200, 10
"""https://docs.slack.dev/reference/methods/conversations.list recommends such pages, and takes some twenty a minute."""

AT_ONCE = 3
"""Places that are read at a time."""

HandOn = Callable[[Json, str], Awaitable[None]]
Compare = Callable[[History], Awaitable[None]]
InOrder = Callable[[str], AbstractAsyncContextManager[None]]
Wait = Callable[[float], Awaitable[None]]


class CatchingUp:
    """Looks through places.

    Args:
        client: the Web API.
        in_order: to be held while something of a channel is handed on.
        compare: takes what stands in a place.
        hand_on: takes a message and its channel.
        wait: lets so many seconds pass.
    """

    def __init__(
        self, client: AsyncWebClient, in_order: InOrder, compare: Compare, hand_on: HandOn, wait: Wait
    ) -> None:
        self._client = client
        self._in_order = in_order
        self._compare = compare
        self._hand_on = hand_on
        self._wait = wait
        self._few = asyncio.Semaphore(AT_ONCE)

    async def look_through(self, places: Sequence[LastHeard]) -> None:
        """Hand on what was written since, place by place; never raises.

        A channel waits while it is read, and no longer: Slack gives three seconds for each event, so what happens in
        channels whose turn is later may come before what was missed there.
        """
        newest = sorted(_with_channels(places), key=lambda place: float(place.message_id), reverse=True)
        if len(newest) > MOST_PLACES:
            logger.warning("only the newest places are looked through places=%d of=%d", MOST_PLACES, len(newest))
        known = frozenset(place.address for place in newest)
        await asyncio.gather(*(self._look(place, known) for place in newest[:MOST_PLACES]))

    async def look_for_new(self, heard: Collection[str], space: str, since: float) -> None:
        """Hand on what somebody wrote directly of whom nothing was heard before; never raises.

        Args:
            heard: the channels that are known.
            space: the workspace.
            since: what was written before that moment, by Slack's clock, is not answered any more.
        """
        told = await read_patiently(self._direct, self._wait)
        found = {text_in(it, "id"): it for it in told or () if is_id(it.get("id")) and not it.get("is_user_deleted")}
        new = sorted((id_ for id_ in found if id_ not in heard), key=lambda id_: _created(found[id_]), reverse=True)
        if len(new) > MOST_NEW_CONVERSATIONS:
            logger.info("only the youngest are looked through of=%d direct conversations", len(new))
        name, at = f"{since:.6f}", datetime.fromtimestamp(since, UTC)
        places = [LastHeard(Address(PLATFORM, id_), True, space, name, at) for id_ in new[:MOST_NEW_CONVERSATIONS]]
        await asyncio.gather(*(self._look(place, frozenset()) for place in places))

    async def _direct(self) -> list[Json]:
        """All direct conversations; those with nobody in them, too."""
        found: list[Json] = []
        cursor = ""
        for _ in range(MOST_PAGES_OF_CONVERSATIONS):
            with translated():
                answer = await self._client.conversations_list(
                    types="im", limit=PAGE_OF_CONVERSATIONS, cursor=cursor or None
                )
            told = answer.data if isinstance(answer.data, dict) else {}
            found += listed_in(told, "channels")
            if not (cursor := text_in(part_in(told, "response_metadata"), "next_cursor")):
                break
        return found

    async def _look(self, place: LastHeard, known: frozenset[Address]) -> None:
        async with self._few:
            async with self._in_order(place.address.channel):
                history = await self._take(place.address, place.message_id)
            if history is None or place.address.thread is not None:
                return
            for thread in history.threads_with_news(place.message_id)[:MOST_NEW_THREADS]:
                address = replace(place.address, thread=thread)
                if address not in known:
                    async with self._in_order(address.channel):
                        await self._take(address, place.message_id)

    async def _take(self, address: Address, after: str) -> History | None:
        """Compare a place with what is kept of it, and hand on what is new there."""
        history = await read_patiently(lambda: self._read(address, after), self._wait)
        if history is None:
            return None
        try:
            await self._compare(history)
        except Exception:  # what was missed is to be answered all the same
            logger.exception("what was deleted and edited meanwhile could not be followed")
        for message in history.after(after):
            try:
                await self._hand_on(message, address.channel)
            except Exception:  # the others are not to be missed over it
                logger.exception("a message that was missed could not be handed on")
        return history

    async def _read(self, address: Address, after: str) -> History:
        """The newest messages of a channel; of a thread those of the day before the newest that is known, and on."""
        told: list[Any] = []
        if address.thread is None:
            with translated():
                told = (await self._client.conversations_history(channel=address.channel, limit=PAGE))["messages"]
            return history_of(address, told)
        oldest = max(float(after) - COMPARED_S, float(address.thread))
        cursor = None
        for _ in range(MOST_PAGES_OF_THREAD):
            with translated():
                page = await self._client.conversations_replies(
                    channel=address.channel, ts=address.thread, oldest=f"{oldest:.6f}", limit=PAGE, cursor=cursor
                )
            told += page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return history_of(address, told, since=oldest)


def _with_channels(places: Sequence[LastHeard]) -> list[LastHeard]:
    """These, and the channels of which threads alone were heard, from the oldest of what is known of these on."""
    found = {place.address: place for place in places}
    for place in sorted(places, key=lambda place: float(place.message_id)):
        channel = replace(place.address, thread=None)
        found.setdefault(channel, replace(place, address=channel))
    return list(found.values())


def _created(conversation: Json) -> float:
    created = conversation.get("created")
    return float(created) if isinstance(created, int | float) else 0.0
