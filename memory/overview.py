"""All agents at a glance, for their operator: who they are and how much they keep, never what."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.sqlite.database import Database
from memory.sqlite.tables import agents, blocks, messages, passages


@dataclass(frozen=True, slots=True)
class AgentAtAGlance:
    """An agent's scope, the texts of its blocks for counting them, and how much stands in its storage."""

    scope: str
    blocks: tuple[str, ...]
    messages: int
    passages: int
    last_active: datetime | None


@dataclass(frozen=True, slots=True)
class Present:
    """An agent that is there: how much it keeps, when something was last said, and since when it is paused."""

    scope: str
    messages: int
    notes: int
    last_active: datetime | None
    paused_at: datetime | None


class Overview:
    """All agents, a page at a time, while they are at work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> tuple[int, int]:
        """How many agents there are, and how many of these are of direct messages."""
        is_direct = agents.c.scope.like("%:dm:%")
        async with self._database.read() as connection:
            counts = await connection.execute(select(func.count(), func.count().filter(is_direct)).select_from(agents))
            all_, direct = counts.one()
        return all_, direct

    async def with_older(self, kind: str, before: datetime) -> tuple[str, ...]:
        """The scopes of a kind (`dm`, `channel`) in which something was said before a moment."""
        is_older = exists().where(messages.c.agent_id == agents.c.id, messages.c.created_at < before)
        of_kind = agents.c.scope.like(f"%:{kind}:%")
        async with self._database.read() as connection:
            return tuple(await connection.scalars(select(agents.c.scope).where(of_kind, is_older)))

    async def page(self, number: int, size: int) -> tuple[Present, ...]:
        """A page of them, from 1 on; the one that was active last first."""
        of_agent = messages.c.agent_id == agents.c.id
        # One look into an index for each agent; what is counted row by row is so for this page alone.
        last = select(func.max(messages.c.created_at)).where(of_agent).scalar_subquery()
        shown = (
            select(agents.c.id, agents.c.scope, agents.c.paused_at, last.label("last"))
            .order_by(last.desc().nulls_last(), agents.c.scope)
            .offset((number - 1) * size)
            .limit(size)
            .subquery()
        )
        said = select(func.count()).where(messages.c.agent_id == shown.c.id).scalar_subquery()
        noted = select(func.count()).where(passages.c.agent_id == shown.c.id).scalar_subquery()
        columns = (shown.c.scope, said, noted, shown.c.last, shown.c.paused_at)
        ordered = select(*columns).order_by(shown.c.last.desc().nulls_last(), shown.c.scope)
        async with self._database.read() as connection:
            return tuple(Present(*row) for row in await connection.execute(ordered))


async def all_agents(connection: AsyncConnection) -> tuple[AgentAtAGlance, ...]:
    """Every agent, the one that was active last first."""
    texts: dict[int, list[str]] = {}
    for agent_id, value in await connection.execute(select(blocks.c.agent_id, blocks.c.value)):
        texts.setdefault(agent_id, []).append(value)
    said = (
        select(messages.c.agent_id, func.count().label("count"), func.max(messages.c.created_at).label("last"))
        .group_by(messages.c.agent_id)
        .subquery()
    )
    noted = select(passages.c.agent_id, func.count().label("count")).group_by(passages.c.agent_id).subquery()
    rows = await connection.execute(
        select(agents.c.id, agents.c.scope, said.c.count, noted.c.count, said.c.last)
        .outerjoin(said, said.c.agent_id == agents.c.id)
        .outerjoin(noted, noted.c.agent_id == agents.c.id)
        .order_by(said.c.last.desc().nulls_last(), agents.c.scope)
    )
    return tuple(
        AgentAtAGlance(scope, tuple(texts.get(id_, ())), message_count or 0, note_count or 0, last)
        for id_, scope, message_count, note_count, last in rows
    )


async def agent_ids(connection: AsyncConnection) -> dict[str, int]:
    """The id of every agent, by scope."""
    rows = await connection.execute(select(agents.c.scope, agents.c.id).order_by(agents.c.scope))
    return {scope: id_ for scope, id_ in rows}


async def newest_message_at(connection: AsyncConnection) -> datetime | None:
    """When the newest message of all agents was kept."""
    newest: datetime | None = await connection.scalar(select(func.max(messages.c.created_at)))
    return newest


async def passages_with_vector(connection: AsyncConnection) -> int:
    """How many notes and pieces of documents are marked to have their vectors."""
    return await connection.scalar(select(func.count()).where(passages.c.indexed_at.is_not(None))) or 0


async def passages_without_vector(connection: AsyncConnection) -> int:
    """How many notes and pieces of documents wait for their vectors."""
    return await connection.scalar(select(func.count()).where(passages.c.indexed_at.is_(None))) or 0
