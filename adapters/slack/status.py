"""What a thread shows while an answer is on its way, where a workspace has that."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.at_work import at_work
from adapters.chat.underway import Underway
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Address
from adapters.slack.errors import NOT_THERE, Refusal, translated

logger = logging.getLogger(__name__)

THINKS = "is thinking…"
SHOWN_S = 90.0
"""Slack shows it for two minutes, or until the bot says something.

https://docs.slack.dev/reference/methods/assistant.threads.setStatus
"""


class Status:
    """The status of threads; other places have none.

    Args:
        client: the Web API.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._is_there = True
        self._at_work: dict[tuple[str, str], int] = {}
        self._clearing = Underway()

    @asynccontextmanager
    async def working(self, address: Address) -> AsyncIterator[None]:
        """Show that the bot thinks while inside."""
        if address.thread is None or not self._is_there:
            yield
            return
        thread, was_shown = (address.channel, address.thread), False

        async def show() -> None:
            nonlocal was_shown
            was_shown = True
            await self._set(*thread, THINKS)

        self._at_work[thread] = self._at_work.get(thread, 0) + 1
        try:
            async with at_work(show, SHOWN_S):
                yield
        finally:
            self._at_work[thread] -= 1
            if not self._at_work[thread]:
                del self._at_work[thread]
                if was_shown and self._is_there:  # nobody need wait for that
                    self._clearing.begun(asyncio.create_task(self._clear(*thread), name="clear status"))

    async def close(self) -> None:
        """Show nothing more."""
        await self._clearing.end()

    async def _clear(self, channel: str, thread: str) -> None:
        try:
            await self._set(channel, thread, "")
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("a status stays: %s", error)

    async def _set(self, channel: str, thread: str, status: str) -> None:
        try:
            with translated():
                await self._client.assistant_threads_setStatus(channel_id=channel, thread_ts=thread, status=status)
        except Refusal as refusal:
            if refusal.error in NOT_THERE:
                logger.info("this workspace shows no status: %s", refusal.error)
                self._is_there = False
            raise
