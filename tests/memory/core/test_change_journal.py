"""The journal of changes: what was done in one go, read the newest first, and what may still be undone."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import URL, create_engine

from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeJournal, ChangeKind, begin_change, write_note_edits
from memory.ports import BlockEdit, Kind, NewMessage, NoteAction, NoteEdit
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def edit(before: str, after: str, author: str = "agent", reason: str = "test", source: int | None = None) -> BlockEdit:
    return BlockEdit("human", before, after, author, reason, source, NOW)


def note(content: str) -> NoteEdit:
    return NoteEdit(NoteAction.ADDED, content, ("tag",), "agent", "archival_memory_insert", None, NOW)


async def listed(database: Database, agent_id: int, *, undoable: bool = False) -> list[tuple[str, list[str]]]:
    """The changes, each with its kind and what its edits wrote."""
    changes = [change async for change in ChangeJournal(database).newest_first(agent_id, undoable=undoable)]
    return [
        (change.kind.value, [*(made.after for made in change.edits), *(made.content for made in change.notes)])
        for change in changes
    ]


async def test_the_steps_of_a_turn_are_one_change_until_it_is_undone(database: Database, ada: int) -> None:
    store = AgentStore(database)
    async with database.write() as transaction:
        first = await begin_change(transaction, ada, ChangeKind.TURN, NOW, turn_id=7)
        await store.save_edits(transaction, ada, [edit("", "one")], first)
    async with database.write() as transaction:
        assert await begin_change(transaction, ada, ChangeKind.TURN, NOW, turn_id=7) == first
        await write_note_edits(transaction, ada, first, [note("a note")])
        assert await begin_change(transaction, ada, ChangeKind.TURN, NOW, turn_id=8) != first
    assert await listed(database, ada) == [("turn", ["one", "a note"])]
    async with database.write() as transaction:
        undoing = await begin_change(transaction, ada, ChangeKind.UNDO, NOW, undoes=first)
        await store.save_edits(transaction, ada, [edit("one", "", "console:ada")], undoing)
        again = await begin_change(transaction, ada, ChangeKind.TURN, NOW, turn_id=7)
        assert again not in (first, undoing)
        await store.save_edits(transaction, ada, [edit("", "two")], again)
    assert await listed(database, ada) == [("turn", ["two"]), ("undo", [""]), ("turn", ["one", "a note"])]
    assert await listed(database, ada, undoable=True) == [("turn", ["two"])]


async def test_changes_are_read_as_far_as_they_are_asked_for(database: Database, ada: int, bob: int) -> None:
    store = AgentStore(database)
    async with database.write() as transaction:
        for number in range(130):
            await store.save_edits(transaction, ada, [edit(str(number), str(number + 1), "console:ada")])
            await store.save_edits(transaction, bob, [edit("", "of bob", "console:bob")])
            await begin_change(transaction, ada, ChangeKind.COMMAND, NOW + timedelta(days=1))  # of which nothing came
    found = await listed(database, ada)
    assert found == [("command", [str(number + 1)]) for number in reversed(range(130))]
    assert len(await listed(database, bob)) == 130


async def test_old_edits_are_a_change_each_and_what_took_a_turn_back_is_not_undone(
    tmp_path: Path, database: Database, ada: int
) -> None:
    store = AgentStore(database)
    async with database.write() as transaction:
        said = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="Hello")
        (message,) = await RecallStorage(database).append(transaction, ada, None, [said])
        for made in (
            edit("", "one", source=message.id),
            edit("one", "one\ntwo", "console:ada", "/agent remember"),
            edit("one\ntwo", "two", "console:ada", "/pop"),
        ):
            await store.save_edits(transaction, ada, [made])
    engine = create_engine(URL.create("sqlite", database=str(tmp_path / "bot.db")))
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration = import_module("memory.sqlite.migrations.versions.0018_memory_changes")
        migration.downgrade()
        migration.upgrade()
    engine.dispose()
    found = await listed(database, ada)
    assert found == [("undo", ["two"]), ("command", ["one\ntwo"]), ("turn", ["one"])]
    assert await listed(database, ada, undoable=True) == found[1:]
    (_, _, oldest) = [change async for change in ChangeJournal(database).newest_first(ada)]
    assert oldest.turn_id == message.id
    async with database.write() as transaction:  # ids go on behind those that were given
        await store.save_edits(transaction, ada, [edit("two", "three")])
    assert len(await listed(database, ada)) == 4
