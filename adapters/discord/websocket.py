"""The library's websocket, with a better memory for why Discord closed it."""

import discord.http
from discord.gateway import DiscordClientWebSocketResponse


class Websocket(DiscordClientWebSocketResponse):
    """Keeps the code that it was closed with, also if the line is gone before that can be acknowledged.

    aiohttp puts 1006 in its place then, "broken off", after which the library comes back with the same token and the
    same intents for as long as it takes: https://docs.aiohttp.org/en/stable/client_reference.html#clientwebsocketresponse
    """

    _told: int | None = None

    @property
    def close_code(self) -> int | None:
        """What Discord said, if it said something."""
        return self._told or super().close_code

    async def close(self, *, code: int = 4000, message: bytes = b"") -> bool:
        """Acknowledge the end, or make one."""
        self._told = self._told or super().close_code
        return await super().close(code=code, message=message)


def use() -> None:
    """Let the library open such websockets; it names their class in a module, so this holds for the whole process."""
    discord.http.DiscordClientWebSocketResponse = Websocket  # type: ignore[attr-defined]
