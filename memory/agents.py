"""Agents as they are kept: their scope, core memory with its journal, and the summary that leads their queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from memory.database import Database, Transaction
from memory.ports import BlockEdit
from memory.tables import agents, block_edits, blocks


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent's row with its blocks as (label, text), in order."""

    id: int
    scope: str
    preset: str
    summary: str
    warned: bool
    blocks: tuple[tuple[str, str], ...]


class AgentStore:
    """Finds, makes and changes agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, scope: str) -> AgentRecord | None:
        """The agent of a scope, or None if nobody has spoken there yet."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(agents).where(agents.c.scope == scope))).first()
            if row is None:
                return None
            found = await connection.execute(
                select(blocks.c.label, blocks.c.value).where(blocks.c.agent_id == row.id).order_by(blocks.c.position)
            )
            kept = tuple((label, value) for label, value in found)
        return AgentRecord(row.id, row.scope, row.preset, row.summary, row.warned, kept)

    async def create(
        self,
        transaction: Transaction,
        scope: str,
        first_blocks: Sequence[tuple[str, str]],
        now: datetime,
        preset: str = "memgpt_chat",
    ) -> AgentRecord:
        """A new agent with its first core memory."""
        made = await transaction.execute(
            insert(agents).values(scope=scope, preset=preset, created_at=now).returning(agents.c.id)
        )
        agent_id = made.scalar_one()
        await transaction.execute(
            insert(blocks),
            [
                {"agent_id": agent_id, "label": label, "position": position, "value": value}
                for position, (label, value) in enumerate(first_blocks)
            ],
        )
        return AgentRecord(agent_id, scope, preset, "", False, tuple(first_blocks))

    async def save_edits(self, transaction: Transaction, agent_id: int, edits: Sequence[BlockEdit]) -> None:
        """Write the blocks as the edits left them, and the edits into the journal."""
        if not edits:
            return
        last = {edit.label: edit.after for edit in edits}
        await transaction.execute(
            update(blocks)
            .where(blocks.c.agent_id == bindparam("of_agent"), blocks.c.label == bindparam("of_label"))
            .values(value=bindparam("to_value")),
            [{"of_agent": agent_id, "of_label": label, "to_value": value} for label, value in last.items()],
        )
        await transaction.execute(
            insert(block_edits),
            [
                {
                    "agent_id": agent_id,
                    "label": edit.label,
                    "before": edit.before,
                    "after": edit.after,
                    "author": edit.author,
                    "reason": edit.reason,
                    "source_message_id": edit.source_message_id,
                    "created_at": edit.created_at,
                }
                for edit in edits
            ],
        )

    async def save_pressure(self, transaction: Transaction, agent_id: int, *, summary: str, warned: bool) -> None:
        """Write what the queue manager keeps: the recursive summary, and whether the agent was warned."""
        await transaction.execute(update(agents).where(agents.c.id == agent_id).values(summary=summary, warned=warned))

    async def journal(self, agent_id: int, limit: int = 100) -> tuple[BlockEdit, ...]:
        """The newest edits of core memory, newest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(block_edits)
                .where(block_edits.c.agent_id == agent_id)
                .order_by(block_edits.c.id.desc())
                .limit(limit)
            )
            return tuple(
                BlockEdit(
                    label=row.label,
                    before=row.before,
                    after=row.after,
                    author=row.author,
                    reason=row.reason,
                    source_message_id=row.source_message_id,
                    created_at=row.created_at,
                )
                for row in rows
            )
