"""Agents with a model of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("model", sa.String(300)))
    op.add_column("agents", sa.Column("model_window", sa.Integer))


def downgrade() -> None:
    op.drop_column("agents", "model_window")
    op.drop_column("agents", "model")
