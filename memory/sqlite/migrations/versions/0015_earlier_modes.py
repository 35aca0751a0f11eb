"""Which mode a channel had until when, and since when somebody is let in or shut out: for what is read later."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "earlier_modes",
        sa.Column("scope", sa.String(300), primary_key=True),
        sa.Column("until", sa.BigInteger, primary_key=True),
        sa.Column("mode", sa.String(10), nullable=False),
    )
    # What the modes were before is not known any more: nothing is read that was written then.
    op.execute("INSERT INTO earlier_modes (scope, until, mode) SELECT scope, changed_at, 'off' FROM channels")
    op.add_column("people", sa.Column("admission_since", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("people", "admission_since")
    op.drop_table("earlier_modes")
