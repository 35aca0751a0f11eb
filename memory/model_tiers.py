"""What was found out about models, by server and model: it holds until the model or the server changes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.sqlite.database import Database, finish
from memory.sqlite.tables import model_tiers


@dataclass(frozen=True, slots=True)
class FoundTier:
    """The tier in which a model is spoken to, by its name, and when that was found out."""

    name: str
    found_at: datetime


class ModelTiers:
    """The tier in which each model is spoken to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, server: str, model: str) -> FoundTier | None:
        """What was found out, or None if nothing is known yet."""
        async with self._database.read() as connection:
            return await tier_of(connection, server, model)

    async def save(self, server: str, model: str, tier: str, now: datetime) -> None:
        """Remember a tier, in the place of what was known."""
        await finish(self._save(server, model, tier, now))

    async def _save(self, server: str, model: str, tier: str, now: datetime) -> None:
        row = {"server": server, "model": model, "tier": tier, "found_at": now}
        async with self._database.write() as transaction:
            await transaction.execute(
                insert(model_tiers)
                .values(row)
                .on_conflict_do_update(index_elements=["server", "model"], set_={"tier": tier, "found_at": now})
            )


async def tier_of(connection: AsyncConnection, server: str, model: str) -> FoundTier | None:
    """What is known of a model; None if nothing is."""
    own = (model_tiers.c.server == server, model_tiers.c.model == model)
    found = (await connection.execute(select(model_tiers.c.tier, model_tiers.c.found_at).where(*own))).first()
    return FoundTier(found.tier, found.found_at) if found is not None else None
