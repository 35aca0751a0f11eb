"""Files written, loaded and counted: what the tests of loading again share."""

from pathlib import Path

from sqlalchemy import update

from bot.testing import Bot
from memory.sqlite.tables import documents


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def load(bot: Bot, *paths: str, person: str = "ada", source: str | None = None, drops: bool = False) -> str:
    agent_id = await bot.app.agents.id_of(f"console:dm:{person}")
    loaded = await bot.app.library.load(paths, source, agent_id, drops_missing=drops)
    return f"{loaded.source}: {loaded.told}"


async def held(bot: Bot, person: str | None = "ada") -> dict[str, int]:
    agent_id = await bot.app.agents.id_of(f"console:dm:{person}") if person else None
    return {source.name: source.documents for source in await bot.app.library.sources(agent_id)}


async def said(bot: Bot, query: str = "kettle") -> str:
    """What the agent finds, one line a hit."""
    return await bot.command(f"search {query}")


async def forget_paths(bot: Bot) -> None:
    """As a version left them that kept no paths."""
    async with bot.app.stores.database.write() as transaction:
        await transaction.execute(update(documents).values(path=None))
