"""A checksum of each note, so that the same note is not kept twice."""

import sqlalchemy as sa
from alembic import op

from memory.archival.notes import digest_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 1000


def upgrade() -> None:
    op.add_column("passages", sa.Column("digest", sa.LargeBinary))
    connection = op.get_bind()
    passages = sa.table("passages", sa.column("id"), sa.column("agent_id"), sa.column("content"), sa.column("digest"))
    notes = sa.select(passages.c.id, passages.c.content).where(passages.c.agent_id.is_not(None))
    change = passages.update().where(passages.c.id == sa.bindparam("of_id")).values(digest=sa.bindparam("made"))
    newest = 0
    while some := connection.execute(notes.where(passages.c.id > newest).order_by("id").limit(BATCH)).all():
        connection.execute(change, [{"of_id": row.id, "made": digest_of(row.content)} for row in some])
        newest = some[-1].id
    op.create_index(
        "ix_passages_digest", "passages", ["agent_id", "digest"], sqlite_where=sa.text("digest is not null")
    )


def downgrade() -> None:
    op.drop_index("ix_passages_digest", "passages")
    op.drop_column("passages", "digest")
