"""The words of all texts are indexed anew: the terms of some are others than they were. Their vectors stay."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is emptied here is filled when the program starts, and before a search.
    for table in ("message_words", "passage_words"):
        op.execute(f"DELETE FROM {table}")
    op.execute("UPDATE messages SET indexed = 0 WHERE text IS NOT NULL")
    op.execute("UPDATE passages SET words = NULL")


def downgrade() -> None:
    upgrade()
