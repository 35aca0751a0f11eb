"""An agent of a checkpoint laid out in a database of its own for a moment, so that things can be done to it there.

There it is changed by the very code that changes agents, and written down again; ids stay what they are.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from memory.archival.storage import ArchivalStorage
from memory.erasing.changes import MessageChanges
from memory.erasing.forgetting import ForgettingStore
from memory.portable.dump import dump
from memory.portable.load import Ids, load
from memory.portable.records import AgentState, Record
from memory.recall.storage import RecallStorage
from memory.sqlite.scratch import scratch_database
from memory.sqlite.tables import agents
from memory.stores import Stores


@dataclass(frozen=True, slots=True)
class LaidOut:
    """The agent, and what changes it."""

    scope: str
    agent_id: int
    stores: Stores
    changes: MessageChanges
    forgetting: ForgettingStore

    async def records(self) -> list[Record]:
        """As it is now."""
        async with self.stores.database.snapshot() as connection:
            return [record async for record in dump(connection, self.agent_id)]

    async def derive_anew(self) -> bool:
        """Whether its summary is to be made anew."""
        async with self.stores.database.read() as connection:
            return bool(await connection.scalar(select(agents.c.derive_anew).where(agents.c.id == self.agent_id)))


@asynccontextmanager
async def laid_out(
    records: Sequence[Record], scratch: Path, archival: ArchivalStorage, now: Callable[[], datetime]
) -> AsyncIterator[LaidOut]:
    """Lay an agent out.

    Args:
        records: as `memory.portable.dump` writes them.
        scratch: a folder for that, which is removed.
        archival: of notes; nothing is indexed.
        now: the clock.
    """
    async with scratch_database(scratch, now) as database:
        state = next(record for record in records if isinstance(record, AgentState))
        async with database.write(alone=True) as transaction:
            loaded = await load(transaction, state.scope, records, Ids.of(records))
        stores = Stores.over(database, RecallStorage(database), archival.laid_out_in(database), now)
        changes = MessageChanges(stores, now)
        yield LaidOut(state.scope, loaded.agent_id, stores, changes, ForgettingStore(stores, changes, now))
