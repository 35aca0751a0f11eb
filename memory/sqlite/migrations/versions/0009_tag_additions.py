"""Which later messages brought tags to a note, so that these go when the messages are taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passages", sa.Column("tags_added", sa.JSON))


def downgrade() -> None:
    op.drop_column("passages", "tags_added")
