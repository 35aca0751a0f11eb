"""Documents in exports: they move with their agent, and are shared where they are there already."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from memory.archival.chunks import Piece
from memory.archival.documents import Documents
from memory.portable.dump import dump
from memory.portable.load import load, replace
from memory.portable.records import MalformedExport, parse, to_line
from memory.sqlite.database import Database
from memory.sqlite.tables import documents as document_table
from memory.sqlite.tables import metadata, passages, sources

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ONE, TWO = "1" * 64, "2" * 64
CHEST = "console:dm:chest"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PIECES = st.builds(Piece, TEXTS, st.none() | TEXTS, st.none() | st.integers(0, 9999))
SOURCES = st.dictionaries(TEXTS, st.dictionaries(TEXTS, st.lists(PIECES, max_size=4), max_size=3), max_size=3)


@pytest.fixture
def documents(database: Database) -> Documents:
    return Documents(database, lambda: NOW)


async def digests(documents: Documents, source: str) -> dict[str, str]:
    return {name: document.digest for name, document in (await documents.loaded(source)).documents.items()}


async def lines_of(database: Database, agent_id: int) -> list[str]:
    async with database.snapshot() as connection:
        return [to_line(record) async for record in dump(connection, agent_id)]


async def take(database: Database, lines: list[str], scope: str = CHEST) -> tuple[int, Counter[str]]:
    async with database.write() as transaction:
        loaded = await load(transaction, scope, parse(lines))
    return loaded.agent_id, loaded.counts


async def put_back(database: Database, agent_id: int, lines: list[str]) -> tuple[int, ...]:
    async with database.write() as transaction:
        return await replace(transaction, agent_id, parse(lines))


async def empty(database: Database) -> None:
    async with database.write() as transaction:
        for table in reversed(metadata.sorted_tables):
            if table.name not in ("agents", "blocks"):
                await transaction.execute(table.delete())


async def attach_all(documents: Documents, agent_id: int, kept: dict[str, dict[str, list[Piece]]]) -> None:
    for source, own in kept.items():
        for name, cut in own.items():
            await documents.put(source, name, ONE, cut)
            await documents.attach(agent_id, source)


def without_ids(lines: list[str]) -> list[dict[str, Any]]:
    """The lines of documents, with ids as places in the file."""
    records = [json.loads(line) for line in lines]
    places = {record["id"]: place for place, record in enumerate(records) if record["type"] == "document"}
    names = {"document": ("id",), "piece": ("document",), "source": ()}
    return [
        {key: places[value] if key in names[record["type"]] else value for key, value in record.items()}
        for record in records
        if record["type"] in names
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=SOURCES)
async def test_documents_go_out_and_come_back_as_they_were(
    database: Database, documents: Documents, ada: int, kept: dict[str, dict[str, list[Piece]]]
) -> None:
    await empty(database)
    await attach_all(documents, ada, kept)
    out = await lines_of(database, ada)
    held = await documents.sources(ada)
    await empty(database)
    await put_back(database, ada, out)  # as a checkpoint whose documents are all gone
    assert without_ids(await lines_of(database, ada)) == without_ids(out)
    assert [(s.name, s.documents, s.pieces, s.agents) for s in await documents.sources(ada)] == [
        (s.name, s.documents, s.pieces, s.agents) for s in held
    ]


async def test_every_column_of_a_document_goes_out_or_is_named_here(
    database: Database, documents: Documents, ada: int
) -> None:
    await attach_all(documents, ada, {"car": {"manual.md": [Piece("red knob", "Setup", 3)]}})
    sent = {(record["type"], key) for record in map(json.loads, await lines_of(database, ada)) for key in record}
    columns = {
        (name, column.name)
        for name, table in (("source", sources), ("document", document_table), ("piece", passages))
        for column in table.c
    }
    assert columns - sent == {
        ("source", "id"),
        ("source", "origin"),  # a place on this machine
        ("document", "source_id"),  # the source above it
        ("document", "path"),  # a place on this machine
        ("piece", "document_id"),  # sent as `document`
        ("piece", "created_at"),  # when its document was loaded
        *(("piece", name) for name in ("agent_id", "kind", "tags", "tags_added", "source_message_id")),  # of notes
        *(("piece", name) for name in ("id", "indexed_at", "embedder", "words", "digest")),  # the index is made anew
    }


async def test_an_import_shares_the_documents_that_are_there(
    database: Database, documents: Documents, ada: int
) -> None:
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")], "b.md": [Piece("brake")] * 600}})
    new, counts = await take(database, await lines_of(database, ada))
    assert (counts["source"], counts["document"], counts["piece"]) == (1, 2, 601)
    (source,) = await documents.sources()
    assert (source.name, source.documents, source.pieces, source.agents) == ("car", 2, 601, 2)
    assert await documents.sources(new) == (source,)


@pytest.mark.parametrize("change", ["another digest", "one more", "one less"])
async def test_documents_that_differ_come_under_a_free_name(
    database: Database, documents: Documents, ada: int, change: str
) -> None:
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")], "b.md": [Piece("brake")]}})
    await attach_all(documents, ada, {"garden": {"g.md": [Piece("fig")]}})
    out = await lines_of(database, ada)
    if change == "one less":
        await documents.drop("car", {"b.md"})
    else:
        await documents.put("car", "a.md" if change == "another digest" else "c.md", TWO, [Piece("green button")])
    before = await lines_of(database, ada)
    new, _ = await take(database, out)
    assert [source.name for source in await documents.sources(new)] == ["car (2)", "garden"]
    assert await digests(documents, "car (2)") == {"a.md": ONE, "b.md": ONE}
    assert await lines_of(database, ada) == before
    again, _ = await take(database, out, "console:dm:again")
    assert await documents.sources(again) == await documents.sources(new)
    assert [source.agents for source in await documents.sources(new)] == [2, 3]


async def test_a_checkpoint_attaches_what_was_attached_as_it_is_now(
    database: Database, documents: Documents, ada: int, bob: int
) -> None:
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")]}, "gone": {"g.md": [Piece("lost")]}})
    checkpoint = await lines_of(database, ada)
    await documents.put("car", "a.md", TWO, [Piece("green button")])
    await documents.remove("gone")
    await attach_all(documents, ada, {"new": {"n.md": [Piece("later")]}})
    await documents.attach(bob, "new")
    assert await put_back(database, ada, checkpoint) == {ada: ()}
    assert [source.name for source in await documents.sources(ada)] == ["car", "gone"]
    assert await digests(documents, "car") == {"a.md": TWO}
    assert await digests(documents, "gone") == {"g.md": ONE}
    assert [source.name for source in await documents.sources(bob)] == ["new"]
    async with database.read() as connection:
        kept = set(await connection.scalars(select(passages.c.content)))
    assert kept == {"green button", "lost", "later"}


async def test_a_checkpoint_takes_nobodys_documents_for_its_own(
    database: Database, documents: Documents, ada: int, bob: int
) -> None:
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")]}})
    checkpoint = await lines_of(database, ada)
    await documents.remove("car")
    await attach_all(documents, bob, {"car": {"b.md": [Piece("a secret")]}})
    await put_back(database, ada, checkpoint)
    assert [source.name for source in await documents.sources(ada)] == ["car (2)"]
    assert await digests(documents, "car (2)") == {"a.md": ONE}


async def test_a_restored_checkpoint_leaves_no_documents_that_nobody_has(
    database: Database, documents: Documents, ada: int
) -> None:
    checkpoint = await lines_of(database, ada)
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")]}})
    removed = await put_back(database, ada, checkpoint)
    assert [len(ids) for owner, ids in removed.items() if owner != ada] == [1]
    assert await documents.sources() == ()


async def test_lines_that_do_not_fit_together_are_named_and_nothing_is_kept(
    database: Database, documents: Documents, ada: int
) -> None:
    await attach_all(documents, ada, {"car": {"a.md": [Piece("red knob")]}})
    out = await lines_of(database, ada)
    head, (source, document, piece, end) = out[:4], out[4:]
    other = json.dumps(json.loads(document) | {"id": 99})
    before = await documents.sources()
    for told, lines in (
        ("line 5: a document should stand", [*head, document, source, piece, end]),
        ("line 6: document 1 is none of the source", [*head, source, piece, document, end]),
        ("line 8: a document should stand", [*head, source, document, piece, other, end]),
        ("line 7: a second document 'a.md'", [*head, source, document, other, piece, end]),
        ("line 8: a second source 'car'", [*head, source, document, piece, source, end]),
        ("line 6: document.digest", [*head, source, json.dumps(json.loads(document) | {"digest": "x"}), piece, end]),
        ("line 5: source.name", [*head, json.dumps(json.loads(source) | {"name": "x" * 201}), document, piece, end]),
        ("line 7: piece.page", [*head, source, document, json.dumps(json.loads(piece) | {"page": "3"}), end]),
    ):
        with pytest.raises(MalformedExport) as caught:
            await take(database, lines)
        assert str(caught.value).startswith(told), (told, str(caught.value))
        assert await documents.sources() == before
