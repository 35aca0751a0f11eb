"""A bot of slack-bolt, unmodified, that says back what it hears and notes everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.platforms.slack.world import World


class Bot:
    """See above.

    Attributes:
        silent: whether it only listens.
        app: where tests add listeners of their own.
        client: the Web API.
    """

    def __init__(self, world: World) -> None:
        # None tries again by itself, as the library would after a cut.
        self.client = AsyncWebClient(world.token, base_url=world.api, retry_handlers=[])
        self.app = AsyncApp(client=self.client, signing_secret=world.signing_secret)
        self.silent = False
        self._world = world
        self._heard: list[tuple[str, dict[str, Any]]] = []
        for name in ("message", "app_mention", "member_joined_channel", "member_left_channel", "reaction_added"):
            self.app.event(name)(self._note)
        for name in ("reaction_removed", "app_home_opened", "tokens_revoked"):
            self.app.event(name)(self._note)

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The events of a type, in order."""
        return [event for type_, event in self._heard if type_ == name]

    async def _note(self, event: dict[str, Any], ack: Any) -> None:
        self._heard.append((event["type"], event))
        self._world.stir()
        is_direct = event["type"] == "message" and event.get("channel_type") == "im" and "subtype" not in event
        if not self.silent and (is_direct or event["type"] == "app_mention"):
            await self.client.chat_postMessage(channel=event["channel"], text=f"echo: {event['text']}")


@asynccontextmanager
async def running(world: World, bot: Bot | None = None, *, ping_s: float = 5) -> AsyncIterator[Bot]:
    """A bot that is connected by Socket Mode.

    Each `ping_s` it looks whether it still is; and it leaves when a ping is not answered within half of that, which
    a busy machine may not manage if it is short.
    """
    bot = bot or Bot(world)
    opening = AsyncWebClient(world.app_token, base_url=world.api)
    handler = AsyncSocketModeHandler(bot.app, world.app_token, web_client=opening, ping_interval=ping_s)
    await handler.connect_async()
    try:
        yield bot
    finally:
        client = handler.client
        tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
        await handler.close_async()
        await asyncio.wait([it for it in tasks if it is not None])
