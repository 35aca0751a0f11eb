"""What channels of many people need: modes, threads, whom a message is meant for, what edits and deletions refer to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger


def upgrade() -> None:
    op.add_column("messages", sa.Column("platform_id", sa.String(200)))
    op.add_column("messages", sa.Column("thread", sa.String(200)))
    op.add_column("messages", sa.Column("is_addressed", sa.Boolean, nullable=False, server_default=sa.text("1")))
    op.create_index(
        "ix_messages_platform_id",
        "messages",
        ["agent_id", "platform_id"],
        sqlite_where=sa.text("platform_id is not null"),
    )
    op.add_column("inbox", sa.Column("message_id", sa.String(200)))
    op.add_column("inbox", sa.Column("is_addressed", sa.Boolean, nullable=False, server_default=sa.text("1")))
    op.add_column("inbox", sa.Column("awaits_answer", sa.Boolean, nullable=False, server_default=sa.text("1")))
    op.add_column("inbox", sa.Column("attachments", sa.JSON))
    op.add_column("outbox", sa.Column("reply_to", sa.String(200)))
    op.add_column("outbox", sa.Column("is_reaction", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.add_column("agents", sa.Column("paused_at", INSTANT))
    op.add_column("agents", sa.Column("derive_anew", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.add_column("people", sa.Column("admission", sa.String(10)))
    op.add_column("people", sa.Column("pairing_code", sa.String(20)))
    op.add_column("people", sa.Column("greeted_at", INSTANT))
    op.create_table(
        "channels",
        sa.Column("scope", sa.String(300), primary_key=True),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("changed_by", sa.String(300), nullable=False),
    )
    op.create_table(
        "threads",
        sa.Column("scope", sa.String(300), primary_key=True),
        sa.Column("thread", sa.String(200), primary_key=True),
        sa.Column("joined_at", INSTANT, nullable=False),
    )
    op.create_table(
        "platform_notes",
        sa.Column("platform", sa.String(20), primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("platform_notes", "threads", "channels"):
        op.drop_table(table)
    op.drop_index("ix_messages_platform_id", "messages")
    for table, columns in (
        ("people", ("greeted_at", "pairing_code", "admission")),
        ("agents", ("derive_anew", "paused_at")),
        ("outbox", ("is_reaction", "reply_to")),
        ("inbox", ("attachments", "awaits_answer", "is_addressed", "message_id")),
        ("messages", ("is_addressed", "thread", "platform_id")),
    ):
        for column in columns:
            op.drop_column(table, column)
