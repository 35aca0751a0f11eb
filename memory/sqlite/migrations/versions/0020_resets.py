"""Resets that can be undone for some days, and what people did meanwhile to the messages that were reset."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("agent_id", sa.Integer, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("change_id", sa.Integer, nullable=False),
        sa.Column("part", sa.String(20), nullable=False),
        sa.Column("checkpoint", sa.String(100), nullable=False),
        sa.Column("derive_anew", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_resets_agent_id", "resets", ["agent_id"])
    op.create_index("ix_resets_at", "resets", ["at"])
    op.create_table(
        "reset_messages",
        sa.Column("agent_id", sa.Integer, sa.ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("platform_id", sa.String(200), primary_key=True),
        sa.Column("author_id", sa.String(200)),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.Column("edited", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reset_messages_platform_id", "reset_messages", ["platform_id"])


def downgrade() -> None:
    op.drop_table("reset_messages")
    op.drop_table("resets")
