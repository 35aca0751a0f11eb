"""When agents wake by themselves: timers, how often an agent's heart beats, and the zone that a platform tells."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "timers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("agent_id", sa.Integer, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("platform", sa.String(20), nullable=False),
        sa.Column("person", sa.String(300), nullable=False),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("repeat", sa.String(200)),
        sa.Column("local", sa.String(30)),
        sa.Column("source_message_id", sa.Integer),
        sa.Column("ended_by", sa.Integer),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("fires", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fired_at", sa.BigInteger),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("said_on", sa.String(10)),
        sa.Column("said", sa.Integer, nullable=False, server_default=sa.text("0")),
        sqlite_autoincrement=True,
    )
    is_waiting, is_only = sa.text("state = 'waiting'"), sa.text("kind <> 'follow_up'")
    op.create_index("ix_timers_due", "timers", ["due_at"], sqlite_where=is_waiting)
    op.create_index("ix_timers_agent", "timers", ["agent_id", "id"])
    op.create_index("ix_timers_person", "timers", ["person"], sqlite_where=is_waiting)
    op.create_index("uq_timers_only", "timers", ["agent_id", "kind"], unique=True, sqlite_where=is_only)
    op.add_column("agents", sa.Column("heartbeat_minutes", sa.Integer))
    op.add_column("people", sa.Column("told_timezone", sa.String(100)))


def downgrade() -> None:
    op.drop_column("people", "told_timezone")
    op.drop_column("agents", "heartbeat_minutes")
    op.drop_table("timers")
