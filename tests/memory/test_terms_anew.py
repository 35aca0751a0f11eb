"""Texts of an older version, whose words had other terms: they are indexed anew, and keep their vectors."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import URL, create_engine

from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.ports import Kind, NewMessage, NewPassage
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD_TERMS = """
DELETE FROM message_words; DELETE FROM passage_words;
INSERT INTO message_words (rowid, terms) SELECT id, agent_id || ':łodz' FROM messages;
INSERT INTO passage_words (rowid, terms) SELECT id, agent_id || ':łodz' FROM passages;
"""


def migrate_terms(path: Path) -> None:
    """What the migration does to a database, whatever later ones have done to it."""
    engine = create_engine(URL.create("sqlite", database=str(path)))
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        import_module("memory.sqlite.migrations.versions.0008_terms_anew").upgrade()
    engine.dispose()


class Counting:
    """An `Embedder` that counts what it embedded."""

    name = "counting"

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.embedded += texts
        return [[1.0, 0.0] for _ in texts]

    async def close(self) -> None:
        pass


async def test_old_texts_are_found_by_their_new_terms(tmp_path: Path) -> None:
    embedder = Counting()

    async def opened() -> tuple[Database, RecallStorage, ArchivalStorage]:
        database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
        index = ChromaIndex(tmp_path / "chroma")
        return database, RecallStorage(database, embedder), ArchivalStorage(database, index, embedder, lambda: NOW)

    async def closed(database: Database, recall: RecallStorage, archival: ArchivalStorage) -> None:
        await recall.close()
        await archival.close()
        await database.close()

    database, recall, archival = await opened()
    async with database.write() as transaction:
        ada = (await AgentStore(database).create(transaction, "console:dm:ada", [("human", "")], NOW)).id
        said = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="We went to Łódź")
        (kept,) = await recall.append(transaction, ada, None, [said])
        (note,) = await archival.insert(transaction, ada, [NewPassage(content="Łódź in May", created_at=NOW)])
    await recall.catch_up()
    await archival.index_pending()
    assert sorted(embedder.embedded) == ["We went to Łódź", "Łódź in May"]
    await closed(database, recall, archival)
    with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
        connection.executescript(OLD_TERMS)
    migrate_terms(tmp_path / "bot.db")

    database, recall, archival = await opened()
    try:
        embedder.embedded.clear()
        assert await recall.search(ada, "Lodz") == (kept.id,)
        assert await archival.search(ada, "Lodz") == (note,)
        await recall.catch_up()
        await archival.catch_up()
        assert not any("Łódź" in text for text in embedder.embedded)
        async with database.read() as connection:
            for of_what in ("message", "passage"):
                rows = await connection.exec_driver_sql(f"SELECT term FROM {of_what}_words_vocabulary")
                assert f"{ada}:lodz" in {term for (term,) in rows}
                assert f"{ada}:łodz" not in {term for (term,) in rows}
    finally:
        await closed(database, recall, archival)
