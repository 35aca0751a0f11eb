"""The one schema. SQL is the record; every row that belongs to an agent carries its `agent_id`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for INTEGER; other databases need 64 bits said aloud.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970 in UTC: exact, small, ordered everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """To microseconds."""
        if value is None:
            return None
        delta = value - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """To an aware UTC datetime."""
        if value is None:
            return None
        return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


def _agent_id(**options: Any) -> Column[int]:
    return Column("agent_id", RowId, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False, **options)


agents = Table(
    "agents",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scope", String(300), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    # Whether the agent was told of memory pressure since the last eviction.
    Column("warned", Boolean, nullable=False, server_default=text("0")),
    # What it was made of: instructions and tools.
    Column("preset", String(100), nullable=False, server_default="memgpt_chat"),
)

blocks = Table(
    "blocks",
    metadata,
    _agent_id(primary_key=True),
    Column("label", String(60), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("value", Text, nullable=False),
)

block_edits = Table(
    "block_edits",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(index=True),
    Column("label", String(60), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("source_message_id", RowId),
    Column("created_at", Instant, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    Column("turn_id", RowId),
    Column("kind", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("text", Text),
    Column("thoughts", Text),
    Column("tool_uses", JSON(none_as_null=True)),
    Column("tool_use_id", String(200)),
    Column("author_id", String(200)),
    Column("author_name", String(200)),
    Column("evicted", Boolean, nullable=False, server_default=text("0")),
    Index("ix_messages_agent", "agent_id", "id"),
    Index("ix_messages_agent_time", "agent_id", "created_at"),
    Index("ix_messages_queue", "agent_id", "id", sqlite_where=text("evicted = 0")),
    sqlite_autoincrement=True,
)

passages = Table(
    "passages",
    metadata,
    Column("id", RowId, primary_key=True),
    _agent_id(),
    Column("content", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("source_message_id", RowId),
    Column("created_at", Instant, nullable=False),
    # Set once the vector stands in the index, with the embedder (model and dimension) that made it.
    Column("indexed_at", Instant),
    Column("embedder", String(200)),
    Index("ix_passages_agent", "agent_id", "id"),
    Index("ix_passages_unindexed", "id", sqlite_where=text("indexed_at is null")),
    sqlite_autoincrement=True,
)

model_tiers = Table(
    "model_tiers",
    metadata,
    Column("server", String(300), primary_key=True),
    Column("model", String(300), primary_key=True),
    Column("tier", String(20), nullable=False),
    Column("found_at", Instant, nullable=False),
)

result_lists = Table(
    "result_lists",
    metadata,
    Column("id", String(20), primary_key=True),
    _agent_id(index=True),
    Column("store", String(20), nullable=False),
    Column("query", Text, nullable=False),
    Column("ids", JSON, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)
