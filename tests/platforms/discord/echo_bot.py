"""A bot of an unmodified discord.py that echoes what it is told: it shows whether the fake is taken for Discord."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord import app_commands

from tests.platforms.discord.world import World

INTENTS = discord.Intents(guilds=True, messages=True, message_content=True, reactions=True, typing=True)


class Bot(discord.AutoShardedClient):
    """Echoes what it is told, and keeps the events that it heard."""

    def __init__(self, world: World, intents: discord.Intents = INTENTS) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.01, allowed_mentions=discord.AllowedMentions.none())
        self.world = world
        self.events: list[tuple[str, Any]] = []
        self.tree = app_commands.CommandTree(self)

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.events.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)
        self.world.stir()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The library would wait for five seconds before it begins a session anew."""

    def heard(self, event: str) -> list[Any]:
        return [what for name, what in self.events if name == event]

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user and self.user in message.mentions:
            await message.reply(f"echo: {message.clean_content}")


@asynccontextmanager
async def running(world: World, bot: Bot | None = None) -> AsyncIterator[Bot]:
    """A bot that is there, and has been told of all guilds."""
    async with bot or Bot(world) as bot:
        task = asyncio.create_task(bot.start(world.token))
        task.add_done_callback(lambda _: world.stir())
        await world.until(lambda: bot.heard("ready") or task.done())
        try:
            assert bot.is_ready(), task
            yield bot
        finally:
            await bot.close()
            await task
