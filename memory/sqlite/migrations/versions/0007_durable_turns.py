"""What came in, what is under way, what is to go out, and what the model was paid."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def agent_id() -> sa.Column[int]:
    return sa.Column("agent_id", ID, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", ID, primary_key=True),
        sa.Column("platform", sa.String(20), nullable=False),
        sa.Column("event_id", sa.String(200), nullable=False),
        sa.Column("message_key", sa.String(300)),
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("is_timed", sa.Boolean, nullable=False),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("author", sa.String(300), nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("turn_id", ID),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "turns",
        sa.Column("id", ID, primary_key=True),
        agent_id(),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("origin", sa.JSON, nullable=False),
        sa.Column("is_timed", sa.Boolean, nullable=False),
        sa.Column("message_ids", sa.JSON, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("resumed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("was_told", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True),
        agent_id(),
        sa.Column("turn_id", ID),
        sa.Column("platform", sa.String(20), nullable=False),
        sa.Column("channel", sa.String(200), nullable=False),
        sa.Column("thread", sa.String(200)),
        sa.Column("text", sa.Text),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_try_at", sa.BigInteger),
        sa.Column("fault", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("sent_id", sa.String(200)),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "usage",
        sa.Column("id", ID, primary_key=True),
        agent_id(),
        sa.Column("person", sa.String(300)),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("is_timed", sa.Boolean, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("cached_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cost", sa.Float),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "spent",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("account", sa.String(320), primary_key=True),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("was_told", sa.Boolean, nullable=False, server_default=sa.text("0")),
    )
    op.create_index("uq_inbox_event", "inbox", ["platform", "event_id"], unique=True)
    op.create_index(
        "uq_inbox_message",
        "inbox",
        ["platform", "message_key"],
        unique=True,
        sqlite_where=sa.text("message_key is not null"),
    )
    op.create_index("ix_inbox_waiting", "inbox", ["scope", "id"], sqlite_where=sa.text("state = 'waiting'"))
    op.create_index("ix_inbox_parked", "inbox", ["scope", "id"], sqlite_where=sa.text("state = 'parked'"))
    op.create_index("ix_turns_agent", "turns", ["agent_id", "id"])
    op.create_index("ix_turns_running", "turns", ["id"], sqlite_where=sa.text("state = 'running'"))
    op.create_index("ix_outbox_agent_id", "outbox", ["agent_id"])
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["platform", "channel", "thread", "id"],
        sqlite_where=sa.text("state in ('waiting', 'sending')"),
    )
    op.create_index(
        "ix_outbox_lost", "outbox", ["agent_id", "id"], sqlite_where=sa.text("state in ('dead', 'doubtful')")
    )
    op.create_index("ix_usage_agent_at", "usage", ["agent_id", "at"])


def downgrade() -> None:
    for name in ("spent", "usage", "outbox", "turns", "inbox"):
        op.drop_table(name)
