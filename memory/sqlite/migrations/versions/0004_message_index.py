"""What a search in recall storage is ranked by: an index row and the words of each message that may be found."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

WORDS = (
    "CREATE VIRTUAL TABLE message_words USING fts5(terms, detail = none, columnsize = 0, "
    "tokenize = \"ascii tokenchars ':_'\")",
    "CREATE VIRTUAL TABLE message_words_vocabulary USING fts5vocab(message_words, row)",
    """
CREATE TRIGGER message_index_of_deleted AFTER DELETE ON messages BEGIN
  DELETE FROM message_index WHERE agent_id = old.agent_id AND message_id = old.id;
  DELETE FROM message_words WHERE rowid = old.id;
END
""",
)


def upgrade() -> None:
    # The messages that there are get their rows when the program starts, and before an agent's first search.
    op.add_column("messages", sa.Column("indexed", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.create_index(
        "ix_messages_unindexed", "messages", ["agent_id"], sqlite_where=sa.text("indexed = 0 and text is not null")
    )
    agent = sa.ForeignKey("agents.id", name="fk_message_index_agent_id_agents", ondelete="CASCADE")
    op.create_table(
        "message_index",
        sa.Column("agent_id", ROW_ID, agent, nullable=False),
        sa.Column("message_id", ROW_ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("speaker", sa.String(200), nullable=False),
        sa.Column("says_i", sa.Boolean, nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("embedder", sa.Integer),
        sa.Column("vector", sa.LargeBinary),
        sa.PrimaryKeyConstraint("agent_id", "message_id", name="pk_message_index"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_index_embedder", "message_index", ["embedder"])
    for statement in WORDS:
        op.get_bind().exec_driver_sql(statement)  # `op.execute` would take the colon for a parameter


def downgrade() -> None:
    op.execute("DROP TRIGGER message_index_of_deleted")
    op.execute("DROP TABLE message_words_vocabulary")
    op.execute("DROP TABLE message_words")
    op.drop_table("message_index")
    op.drop_index("ix_messages_unindexed", "messages")
    op.drop_column("messages", "indexed")
