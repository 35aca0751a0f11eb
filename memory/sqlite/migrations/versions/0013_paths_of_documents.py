"""Which file a document was made of, so that the same file replaces it by whatever words it is loaded."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("path", sa.Text))


def downgrade() -> None:
    op.drop_column("documents", "path")
