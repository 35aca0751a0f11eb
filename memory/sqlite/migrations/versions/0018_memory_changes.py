"""What changed in memory in one go, the journal of notes, and primers: so that a change can be shown and undone."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memory_changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("agent_id", sa.Integer, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("turn_id", sa.Integer),
        sa.Column("undoes", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_memory_changes_agent", "memory_changes", ["agent_id", "id"])
    op.create_index(
        "ix_memory_changes_turn",
        "memory_changes",
        ["agent_id", "turn_id"],
        sqlite_where=sa.text("turn_id is not null"),
    )
    op.create_index(
        "ix_memory_changes_undoes", "memory_changes", ["undoes"], sqlite_where=sa.text("undoes is not null")
    )
    op.create_table(
        "note_edits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("agent_id", sa.Integer, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("change_id", sa.Integer, nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("source_message_id", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_note_edits_agent_id", "note_edits", ["agent_id"])
    op.create_index("ix_note_edits_change_id", "note_edits", ["change_id"])
    op.add_column("block_edits", sa.Column("change_id", sa.Integer))
    op.create_index("ix_block_edits_change_id", "block_edits", ["change_id"])
    # Which edits were made together is not known of the old ones: each is a change of its own. What took back a turn
    # is none that can be undone.
    op.execute(
        "INSERT INTO memory_changes (id, agent_id, kind, turn_id, created_at) "
        "SELECT id, agent_id, CASE WHEN reason IN ('/pop', '/retry') THEN 'undo' WHEN author = 'agent' THEN 'turn' "
        "ELSE 'command' END, CASE WHEN author = 'agent' THEN "
        "(SELECT coalesce(turn_id, id) FROM messages WHERE messages.id = source_message_id) END, created_at "
        "FROM block_edits"
    )
    op.execute("UPDATE block_edits SET change_id = id")
    op.add_column("passages", sa.Column("kind", sa.String(10), nullable=False, server_default="note"))
    op.add_column("agents", sa.Column("reflected_to", sa.Integer, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    op.drop_column("agents", "reflected_to")
    op.execute("DELETE FROM passages WHERE kind <> 'note'")
    op.drop_column("passages", "kind")
    op.drop_index("ix_block_edits_change_id", "block_edits")
    op.drop_column("block_edits", "change_id")
    op.drop_table("note_edits")
    op.drop_table("memory_changes")
