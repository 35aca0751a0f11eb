"""What Slack shows around conversations with an agent, where a workspace has that: prompts to begin with, and titles.

https://docs.slack.dev/ai/developing-agents/; nobody waits for any of it, and where it is missing nothing else is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.underway import Underway
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.slack.errors import NOT_THERE, Refusal, translated
from adapters.slack.manifest import PROMPTS

logger = logging.getLogger(__name__)

TITLE_CHARS = 60


class Surface:
    """That of one connection.

    Args:
        client: the Web API.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._missing: set[str] = set()
        self._showing = Underway()

    def opened(self, channel: str, thread: str | None = None) -> None:
        """Somebody opened their conversation with the bot, or a thread of it: offer something to ask."""
        prompts = [{"title": title, "message": message} for title, message in PROMPTS]
        self._show(
            self._client.assistant_threads_setSuggestedPrompts, channel_id=channel, thread_ts=thread, prompts=prompts
        )

    def begun(self, channel: str, thread: str, text: str) -> None:
        """Somebody began a thread with the bot by a text: call it by that."""
        if title := _title_of(text):
            self._show(self._client.assistant_threads_setTitle, channel_id=channel, thread_ts=thread, title=title)

    async def close(self) -> None:
        """Show nothing more."""
        await self._showing.end()

    def _show(self, method: Callable[..., Awaitable[Any]], **what: Any) -> None:
        if (name := method.__name__) in self._missing:
            return

        async def show() -> None:
            try:
                with translated():
                    await method(**what)
            except Refusal as refusal:
                logger.info("Slack does not show what belongs to a thread: %s", refusal)
                if refusal.error in NOT_THERE:
                    self._missing.add(name)
            except (PlatformUnavailable, DeliveryRefused) as error:
                logger.info("what belongs to a thread is not shown: %s", error)

        self._showing.begun(asyncio.create_task(show(), name=f"slack {name}"))


def _title_of(text: str) -> str:
    """The first words of a text, in one line."""
    words = " ".join(text.split())
    if len(words) <= TITLE_CHARS:
        return words
    whole = words[:TITLE_CHARS].rsplit(" ", 1)[0]
    return f"{whole}…"
