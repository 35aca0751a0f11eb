"""Which messages a document came with, so that it goes with the last of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("came_with", sa.JSON))


def downgrade() -> None:
    op.drop_column("documents", "came_with")
