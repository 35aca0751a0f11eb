"""What a message replies to, which file of a message a document was, and messages found by their platform's names."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("messages", "inbox"):
        op.add_column(table, sa.Column("replying_to", sa.String(200)))
        op.add_column(table, sa.Column("quote", sa.JSON))
    op.add_column("documents", sa.Column("came_as", sa.JSON))
    is_reply = sa.text("replying_to is not null")
    op.create_index("ix_messages_replying_to", "messages", ["agent_id", "replying_to"], sqlite_where=is_reply)
    op.create_index("ix_inbox_replying_to", "inbox", ["replying_to"], sqlite_where=is_reply)
    is_message = sa.text("message_id is not null")
    op.create_index("ix_inbox_message_id", "inbox", ["message_id", "platform"], sqlite_where=is_message)


def downgrade() -> None:
    op.drop_index("ix_inbox_message_id", "inbox")
    op.drop_index("ix_inbox_replying_to", "inbox")
    op.drop_index("ix_messages_replying_to", "messages")
    op.drop_column("documents", "came_as")
    for table in ("inbox", "messages"):
        op.drop_column(table, "quote")
        op.drop_column(table, "replying_to")
