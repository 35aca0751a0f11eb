"""Erasures that are under way, floors below which nothing comes back, and calls of the model that name nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", ID, primary_key=True),
        sa.Column("person", sa.String(300)),
        sa.Column("scope", sa.String(300)),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "floors",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    _usage(is_anonymous=True)


def downgrade() -> None:
    op.execute("DELETE FROM usage WHERE agent_id IS NULL")
    _usage(is_anonymous=False)
    op.drop_table("floors")
    op.drop_table("erasures")


def _usage(*, is_anonymous: bool) -> None:
    """SQLite changes no column of a table: a new one takes its place."""
    op.drop_index("ix_usage_agent_at", "usage")
    op.rename_table("usage", "usage_before")
    whose = sa.ForeignKey("agents.id", ondelete="SET NULL" if is_anonymous else "CASCADE")
    op.create_table(
        "usage",
        sa.Column("id", ID, primary_key=True),
        sa.Column("agent_id", ID, whose, nullable=is_anonymous),
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
    columns = "id, agent_id, person, at, model, is_timed, prompt_tokens, cached_tokens, completion_tokens, cost"
    op.execute(f"INSERT INTO usage ({columns}) SELECT {columns} FROM usage_before")
    op.drop_table("usage_before")
    op.create_index("ix_usage_agent_at", "usage", ["agent_id", "at"])
