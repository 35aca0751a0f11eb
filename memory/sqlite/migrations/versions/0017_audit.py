"""Who did what as a moderator or an owner, and when; notices that are told however late."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("who", sa.String(300), nullable=False),
        sa.Column("what", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(300), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_scope", "audit", ["scope", "id"])
    op.add_column("notices", sa.Column("however_late", sa.Boolean, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    op.drop_column("notices", "however_late")
    op.drop_table("audit")
