"""The preset that an agent was made of, and what was found out about models: in which tier they are spoken to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("preset", sa.String(100), nullable=False, server_default="memgpt_chat"))
    op.create_table(
        "model_tiers",
        sa.Column("server", sa.String(300), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("tier", sa.String(20), nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("server", "model", name="pk_model_tiers"),
    )


def downgrade() -> None:
    op.drop_table("model_tiers")
    with op.batch_alter_table("agents") as agents:
        agents.drop_column("preset")
