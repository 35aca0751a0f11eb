"""Agents with their core memory, recall storage and archival storage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _agent_id(table: str) -> sa.Column[int]:
    owner = sa.ForeignKey("agents.id", name=f"fk_{table}_agent_id_agents", ondelete="CASCADE")
    return sa.Column("agent_id", ROW_ID, owner, nullable=False)


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("summary", sa.Text, nullable=False, server_default=""),
        sa.Column("warned", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("scope", name="uq_agents_scope"),
    )
    op.create_table(
        "blocks",
        _agent_id("blocks"),
        sa.Column("label", sa.String(60), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "label", name="pk_blocks"),
    )
    op.create_table(
        "block_edits",
        sa.Column("id", ROW_ID, nullable=False),
        _agent_id("block_edits"),
        sa.Column("label", sa.String(60), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("source_message_id", ROW_ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_block_edits"),
    )
    op.create_index("ix_block_edits_agent_id", "block_edits", ["agent_id"])
    op.create_table(
        "messages",
        sa.Column("id", ROW_ID, nullable=False),
        _agent_id("messages"),
        sa.Column("turn_id", ROW_ID),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("thoughts", sa.Text),
        sa.Column("tool_uses", sa.JSON),
        sa.Column("tool_use_id", sa.String(200)),
        sa.Column("author_id", sa.String(200)),
        sa.Column("author_name", sa.String(200)),
        sa.Column("evicted", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sqlite_autoincrement=True,  # an id is never given twice, not even after the newest row was erased
    )
    op.create_index("ix_messages_agent", "messages", ["agent_id", "id"])
    op.create_index("ix_messages_agent_time", "messages", ["agent_id", "created_at"])
    op.create_index("ix_messages_queue", "messages", ["agent_id", "id"], sqlite_where=sa.text("evicted = 0"))
    op.create_table(
        "passages",
        sa.Column("id", ROW_ID, nullable=False),
        _agent_id("passages"),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("source_message_id", ROW_ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("indexed_at", sa.BigInteger),
        sa.Column("embedder", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_passages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passages_agent", "passages", ["agent_id", "id"])
    op.create_index("ix_passages_unindexed", "passages", ["id"], sqlite_where=sa.text("indexed_at is null"))
    op.create_table(
        "result_lists",
        sa.Column("id", sa.String(20), nullable=False),
        _agent_id("result_lists"),
        sa.Column("store", sa.String(20), nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("ids", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result_lists"),
    )
    op.create_index("ix_result_lists_agent_id", "result_lists", ["agent_id"])
    op.create_index("ix_result_lists_created_at", "result_lists", ["created_at"])


def downgrade() -> None:
    for table in ("result_lists", "passages", "messages", "block_edits", "blocks", "agents"):
        op.drop_table(table)
