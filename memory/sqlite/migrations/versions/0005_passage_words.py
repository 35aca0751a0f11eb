"""The words of passages, in an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORDS = (
    "CREATE VIRTUAL TABLE passage_words USING fts5(terms, detail = none, columnsize = 0, "
    "tokenize = \"ascii tokenchars ':_'\")",
    "CREATE VIRTUAL TABLE passage_words_vocabulary USING fts5vocab(passage_words, row)",
    """
CREATE TRIGGER passage_words_of_deleted AFTER DELETE ON passages BEGIN
  DELETE FROM passage_words WHERE rowid = old.id;
END
""",
)


def upgrade() -> None:
    # The passages that there are are counted when the program starts, and before a search.
    op.add_column("passages", sa.Column("words", sa.Integer))
    op.create_index("ix_passages_uncounted", "passages", ["id"], sqlite_where=sa.text("words is null"))
    for statement in WORDS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER passage_words_of_deleted")
    op.execute("DROP TABLE passage_words_vocabulary")
    op.execute("DROP TABLE passage_words")
    op.drop_index("ix_passages_uncounted", "passages")
    op.drop_column("passages", "words")
