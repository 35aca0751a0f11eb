"""Documents that came with messages: one agent's alone, once for each content, and gone with their last message."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from memory.archival.chunks import Piece
from memory.archival.documents import Documents
from memory.archival.message_documents import MessageDocuments, came_in, remove_with, remove_without
from memory.portable.dump import dump
from memory.portable.load import load, replace
from memory.portable.records import parse, to_line
from memory.ports import ChangedMeanwhile
from memory.sqlite.database import Database
from memory.sqlite.tables import agents, passages
from memory.sqlite.tables import documents as document_table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOB, FIGS = [Piece("Turn the red knob.")], [Piece("Figs are ripe.")]
ONE, TWO = "1" * 64, "2" * 64


def nothing_changed() -> None:
    """All is still so."""


@pytest.fixture
def kept(database: Database) -> MessageDocuments:
    return MessageDocuments(database, lambda: NOW)


async def names(database: Database) -> list[tuple[str, list[str]]]:
    async with database.read() as connection:
        rows = await connection.execute(select(document_table).order_by(document_table.c.id))
        return [(row.name, row.came_with) for row in rows]


async def sources(database: Database, agent_id: int | None = None) -> list[tuple[str, int, int]]:
    found = await Documents(database, lambda: NOW).sources(agent_id)
    return [(source.name, source.documents, source.agents) for source in found]


async def remove(database: Database, agent_id: int, *messages: str) -> int:
    async with database.write() as transaction:
        return len(await remove_with(transaction, agent_id, messages))


async def test_a_content_is_kept_once_and_a_name_that_is_taken_gets_a_number(
    database: Database, kept: MessageDocuments, ada: int
) -> None:
    assert await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed) == "a.txt"
    assert await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed) == "a.txt"
    assert await kept.keep(ada, "files", "b.txt", ONE, KNOB, "m2", nothing_changed) == "a.txt"
    assert await kept.keep(ada, "files", "a.txt", TWO, FIGS, "m2", nothing_changed) == "a (2).txt"
    assert await names(database) == [("a.txt", ["m1", "m2"]), ("a (2).txt", ["m2"])]
    assert await sources(database, ada) == [("files", 2, 1)]


async def test_it_goes_when_no_message_has_it_as_a_file_any_more(
    database: Database, kept: MessageDocuments, ada: int
) -> None:
    async def without(message: str, *files: str) -> int:
        async with database.write() as transaction:
            return len(await remove_without(transaction, ada, [message], files))

    for message, file in (("m1", "f1"), ("m1", "f2"), ("m2", "f3")):  # the same twice in one message
        await kept.keep(ada, "files", "a.txt", ONE, KNOB, message, nothing_changed, file)
    await kept.keep(ada, "files", "b.txt", TWO, FIGS, "m1", nothing_changed)  # from before files were known
    assert await without("m9") == await without("m1", "f1", "f2") == await without("m1", "f2", "f9") == 0
    assert await names(database) == [("a.txt", ["m1", "m2"]), ("b.txt", ["m1"])]
    assert await without("m1", "f9") == 0
    assert await names(database) == [("a.txt", ["m2"]), ("b.txt", ["m1"])]
    assert await without("m1") == 1
    assert await names(database) == [("a.txt", ["m2"])]
    assert await without("m2") == 1
    assert await sources(database) == []


async def test_whose_it_is_is_known_by_its_messages(database: Database, kept: MessageDocuments, ada: int) -> None:
    await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed)
    async with database.read() as connection:
        (scope,) = await connection.scalars(select(agents.c.scope).where(agents.c.id == ada))
        platform = scope.partition(":")[0]
        for messages, asked, found in ((["m1", "m9"], platform, [scope]), (["m9"], platform, []), (["m1"], "no", [])):
            assert list(await connection.scalars(came_in(asked, messages))) == found


async def test_it_goes_with_the_last_of_its_messages(database: Database, kept: MessageDocuments, ada: int) -> None:
    for message in ("m1", "m2"):
        await kept.keep(ada, "files", "a.txt", ONE, KNOB, message, nothing_changed)
    await kept.keep(ada, "files", "b.txt", TWO, FIGS, "m3", nothing_changed)
    assert await remove(database, ada, "m1", "m9") == 0
    assert await names(database) == [("a.txt", ["m2"]), ("b.txt", ["m3"])]
    assert await remove(database, ada, "m2") == 1
    assert await names(database) == [("b.txt", ["m3"])]
    assert await remove(database, ada, "m3") == 1
    assert await sources(database) == []
    async with database.read() as connection:
        assert (await connection.execute(select(passages))).all() == []


async def test_messages_of_others_and_documents_of_the_operator_are_left_alone(
    database: Database, kept: MessageDocuments, ada: int, bob: int
) -> None:
    loaded = Documents(database, lambda: NOW)
    await loaded.put("handbook", "a.txt", ONE, KNOB)
    await loaded.attach(bob, "handbook")
    await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed)
    assert await remove(database, bob, "m1") == 0
    assert await sources(database) == [("files", 1, 1), ("handbook", 1, 1)]


async def test_what_is_no_longer_so_keeps_nothing(database: Database, kept: MessageDocuments, ada: int) -> None:
    def changed() -> None:
        raise ChangedMeanwhile("edited")

    with pytest.raises(ChangedMeanwhile):
        await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", changed)
    assert await sources(database) == []


async def test_a_source_that_another_agent_has_as_well_gets_nothing_new(
    database: Database, kept: MessageDocuments, ada: int, bob: int
) -> None:
    await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed)
    await Documents(database, lambda: NOW).attach(bob, "files")
    await kept.keep(ada, "files", "b.txt", TWO, FIGS, "m2", nothing_changed)
    assert await sources(database, bob) == [("files", 1, 2)]
    assert await sources(database, ada) == [("files", 1, 2), ("files (2)", 1, 1)]


async def test_an_export_knows_what_a_document_came_with(database: Database, kept: MessageDocuments, ada: int) -> None:
    await kept.keep(ada, "files", "a.txt", ONE, KNOB, "m1", nothing_changed, "f1")
    async with database.snapshot() as connection:
        lines = [to_line(record) async for record in dump(connection, ada)]
    assert await remove(database, ada, "m1") == 1
    async with database.write() as transaction:
        await replace(transaction, ada, parse(lines))
    assert await names(database) == [("a.txt", ["m1"])]
    async with database.write() as transaction:
        assert await remove_without(transaction, ada, ["m1"], ["f1"]) == ()
        assert len(await remove_without(transaction, ada, ["m1"], ["f2"])) == 1
    older = [line.replace(',"came_with":["m1"],"came_as":{"m1":["f1"]}', "") for line in lines]
    assert older != lines
    async with database.write() as transaction:
        await load(transaction, "console:dm:eve", parse(older))
    assert await names(database) == [("a.txt", None)]
