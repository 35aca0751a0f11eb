"""What evictions put an end to; people with their time zone; documents, kept once for all agents."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _refers(table: str, to: str) -> sa.Column[int]:
    column = f"{to.removesuffix('s')}_id"
    key = sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}_{to}", ondelete="CASCADE")
    return sa.Column(column, ROW_ID, key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "compactions",
        sa.Column("id", ROW_ID, nullable=False),
        _refers("compactions", "agents"),
        sa.Column("summary_before", sa.Text, nullable=False),
        sa.Column("evicted_ids", sa.JSON, nullable=False),
        sa.Column("newest_message_id", ROW_ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("warned", sa.Boolean, nullable=False, server_default=sa.text("0")),
        sa.Column("saved", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_compactions"),
    )
    op.create_index("ix_compactions_agent_id", "compactions", ["agent_id"])
    op.create_table(
        "people",
        sa.Column("id", sa.String(300), nullable=False),
        sa.Column("timezone", sa.String(100)),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_table(
        "sources",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("name", name="uq_sources_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "documents",
        sa.Column("id", ROW_ID, nullable=False),
        _refers("documents", "sources"),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("loaded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_documents_source_name", "documents", ["source_id", "name"], unique=True)
    op.create_table(
        "attachments",
        _refers("attachments", "agents"),
        _refers("attachments", "sources"),
        sa.Column("attached_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "source_id", name="pk_attachments"),
    )
    op.create_index("ix_attachments_source_id", "attachments", ["source_id"])
    with op.batch_alter_table("passages", table_kwargs={"sqlite_autoincrement": True}) as passages:
        passages.alter_column("agent_id", existing_type=ROW_ID, nullable=True)
        passages.add_column(sa.Column("document_id", ROW_ID))
        passages.add_column(sa.Column("heading", sa.Text))
        passages.add_column(sa.Column("page", sa.Integer))
        passages.create_foreign_key(
            "fk_passages_document_id_documents", "documents", ["document_id"], ["id"], ondelete="CASCADE"
        )
        passages.create_check_constraint("ck_passages_one_owner", "(agent_id IS NULL) <> (document_id IS NULL)")
    op.create_index("ix_passages_document_id", "passages", ["document_id"])


def downgrade() -> None:
    op.execute("DELETE FROM passages WHERE agent_id IS NULL")
    op.drop_index("ix_passages_document_id", "passages")
    with op.batch_alter_table("passages", table_kwargs={"sqlite_autoincrement": True}) as passages:
        passages.drop_constraint("ck_passages_one_owner", type_="check")
        passages.drop_constraint("fk_passages_document_id_documents", type_="foreignkey")
        for column in ("document_id", "heading", "page"):
            passages.drop_column(column)
        passages.alter_column("agent_id", existing_type=ROW_ID, nullable=False)
    for table in ("attachments", "documents", "sources", "people", "compactions"):
        op.drop_table(table)
