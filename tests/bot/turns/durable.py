"""A bot that dies and starts again on what it left: what the tests of durable turns share."""

import asyncio
from typing import Any

from adapters.ports.messages import Address, InboundMessage, Origin, Person
from adapters.testing import ScriptedServer, fails
from bot.testing import Bot, direct
from memory.turns.outbox import OutboxStore

ADA = direct("ada")
OUT = fails(503, retry_after_ms="1")
DOWN = [OUT, OUT, OUT]  # the SDK asks three times


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def message(bot: Bot, text: str, id_: str, origin: Origin = ADA, **more: Any) -> InboundMessage:
    return InboundMessage(id_, origin, text, bot.clock(), **more)


def in_channel(person: str) -> Origin:
    return Origin(Address("console", "general"), Person(person, person.capitalize()), is_direct=False)


async def states(bot: Bot, table: str) -> list[str]:
    async with bot.app.stores.database.read() as connection:
        return list((await connection.exec_driver_sql(f"SELECT state FROM {table} ORDER BY id")).scalars())


def said(bot: Bot) -> list[str]:
    return [text for _, text in bot.platform.sent]


async def later(bot: Bot, **duration: float) -> None:
    """Let time pass, and all that it wakes run to its end."""
    bot.clock.advance(**duration)
    for _ in range(10):
        await asyncio.sleep(0)
    await bot.app.lanes.idle()
    await bot.app.notices.settled("console")
    for place in await OutboxStore(bot.app.stores.database).addresses():
        await bot.app.outbox.settled(Address(*place))
