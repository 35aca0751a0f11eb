"""Exports: a history goes out and comes back as it was; a file that is not whole leaves nothing."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError

import memory.portable.load
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeKind, begin_change
from memory.portable.dump import dump
from memory.portable.load import load, replace
from memory.portable.records import (
    KeptChange,
    KeptEdit,
    KeptFollowUp,
    KeptMessage,
    KeptNoteEdit,
    KeptPassage,
    KeptSource,
    MalformedExport,
    parse,
    to_line,
)
from memory.ports import BlockEdit, Kind, NewMessage, NewPassage, ResultList, ToolUse
from memory.recall import compactions
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import ChromaIndex
from memory.search.result_lists import ResultLists
from memory.sqlite.database import Database
from memory.sqlite.tables import (
    agents,
    block_edits,
    message_index,
    metadata,
    outbox,
    passages,
    reset_messages,
    resets,
    turns,
    usage,
)
from memory.sqlite.tables import messages as message_table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOT = Path(memory.portable.load.__file__).parents[2]
CHEST = "console:dm:chest"


# ── random histories ─────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
MOMENTS = st.integers(-(10**15), 10**16).map(lambda microseconds: NOW + timedelta(microseconds=microseconds))
USES = st.lists(st.builds(ToolUse, id=TEXTS, name=TEXTS, arguments=TEXTS), max_size=3).map(tuple)
MESSAGES = st.builds(
    NewMessage,
    kind=st.sampled_from(Kind),
    created_at=MOMENTS,
    text=st.none() | TEXTS,
    thoughts=st.none() | TEXTS,
    tool_uses=USES,
    tool_use_id=st.none() | TEXTS,
    author_id=st.none() | TEXTS,
    author_name=st.none() | TEXTS,
)
TURNS = st.lists(
    st.tuples(st.lists(MESSAGES, min_size=1, max_size=3), st.lists(MESSAGES, max_size=4), st.booleans()), max_size=6
)
NOTES = st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3), MOMENTS, st.booleans()), max_size=4)
EDITS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, MOMENTS, st.booleans()), max_size=4)


async def write_history(database: Database, agent_id: int, turns: Any, notes: Any, edits: Any, summary: str) -> None:
    recall, store = RecallStorage(database), AgentStore(database)
    archival = ArchivalStorage(database, ChromaIndex(Path("unused")), _NoEmbedder(), lambda: NOW)
    last = None
    async with database.write() as transaction:
        await store.save_pressure(transaction, agent_id, summary=summary, warned=bool(turns))
        for events, steps, is_evicted in turns:
            begun = await recall.append(transaction, agent_id, None, events)
            said = await recall.append(transaction, agent_id, begun[0].id, steps)
            last = (*begun, *said)[-1].id
            if is_evicted:
                ids = [message.id for message in (*begun, *said)]
                await recall.evict(transaction, agent_id, ids)
                await compactions.record(
                    transaction,
                    agent_id,
                    summary_before=summary,
                    evicted_ids=ids,
                    newest_message_id=last,
                    warned_at=None,
                    now=NOW,
                )
        kept = [
            NewPassage(content=content, tags=tuple(tags), source_message_id=last if is_of_it else None, created_at=at)
            for content, tags, at, is_of_it in notes
        ]
        if kept:
            change = await begin_change(transaction, agent_id, ChangeKind.TURN, NOW, turn_id=last)
            await archival.insert(transaction, agent_id, kept, change)
        made = [
            BlockEdit("human", before, after, "agent", reason, last if is_of_it else None, at)
            for before, after, reason, at, is_of_it in edits
        ]
        await store.save_edits(transaction, agent_id, made)


class _NoEmbedder:
    name = "none"

    async def embed(self, texts: Any) -> Any:
        raise ConnectionError


async def lines_of(database: Database, agent_id: int) -> list[str]:
    async with database.snapshot() as connection:
        return [to_line(record) async for record in dump(connection, agent_id)]


def without_ids(lines: list[str]) -> list[dict[str, Any]]:
    """What the lines say, with ids as places in the file, and without the scope."""
    records = [json.loads(line) for line in lines]
    places: dict[int | None, int | None] = {None: None}
    changes: dict[int | None, int | None] = {None: None}
    for place, record in enumerate(records):
        if record["type"] == "message":
            places[record["id"]] = place
        elif record["type"] == "memory_change":
            changes[record.pop("id")] = place
        if record["type"] == "passage":
            record.pop("id", None)  # nothing refers to it
    names = ("id", "turn_id", "source_message_id", "newest_message_id")

    def placed(key: str, value: Any) -> Any:
        if key == "evicted_ids":
            return [places[id_] for id_ in value]
        if key == "tags_added":
            return [added | {"message": places[added["message"]]} for added in value]
        if key in ("change_id", "undoes"):
            return changes[value]
        return places[value] if key in names else value

    return [{key: placed(key, value) for key, value in record.items() if key != "scope"} for record in records]


async def take(database: Database, lines: list[str], scope: str = CHEST) -> int:
    async with database.write() as transaction:
        return (await load(transaction, scope, parse(lines))).agent_id


async def rows(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        tables = metadata.sorted_tables
        return {table.name: len((await connection.execute(select(table))).all()) for table in tables}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=TURNS, notes=NOTES, edits=EDITS, summary=TEXTS)
async def test_what_goes_out_comes_back_as_it_was(
    database: Database, turns: Any, notes: Any, edits: Any, summary: str
) -> None:
    async with database.write() as transaction:
        await transaction.execute(agents.delete())
        made = await AgentStore(database).create(transaction, "console:dm:ada", [("human", "I"), ("persona", "")], NOW)
    await write_history(database, made.id, turns, notes, edits, summary)
    out = await lines_of(database, made.id)
    assert not [line for line in out if "\n" in line or "\r" in line]
    again = await take(database, [f"{line}\n" for line in out])
    assert without_ids(await lines_of(database, again)) == without_ids(out)
    assert await lines_of(database, made.id) == out
    recall = RecallStorage(database)
    queued, copied = await recall.queue(made.id), await recall.queue(again)
    assert [(m.text, m.tool_uses, m.created_at) for m in copied] == [
        (m.text, m.tool_uses, m.created_at) for m in queued
    ]


HISTORY: Any = (
    [
        ([NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="My dog is Biscuit 🐕")], [], True),
        (
            [NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW + timedelta(microseconds=1), text="Note it")],
            [
                NewMessage(
                    kind=Kind.ASSISTANT,
                    created_at=NOW,
                    thoughts="ok",
                    tool_uses=(ToolUse("c1", "archival_memory_insert", '{"content": "größe"}'),),
                ),
                NewMessage(kind=Kind.TOOL_RESULT, created_at=NOW, text='{"id": 1}', tool_use_id="c1"),
            ],
            False,
        ),
    ],
    [("Biscuit is a dog", ["pets"], NOW, True)],
    [("", "Has a dog.", "noted", NOW, True)],
    "They spoke of dogs.",
)


@pytest.fixture
async def exported(database: Database, ada: int) -> list[str]:
    await write_history(database, ada, *HISTORY)
    return await lines_of(database, ada)


async def test_every_column_of_an_agent_goes_out_or_is_named_here(exported: list[str]) -> None:
    left_out = {
        ("agents", "id"),
        # how it runs here
        *(("agents", name) for name in ("paused_at", "derive_anew", "heartbeat_minutes", "reflected_to")),
        *(("agents", name) for name in ("model", "model_window")),  # of the server here
        ("blocks", "position"),  # the order of the lines
        *((name, "id") for name in ("block_edits", "note_edits")),
        ("attachments", "source_id"),  # the source that the line is of
        *(("passages", name) for name in ("document_id", "heading", "page")),  # a note has none
        *(("passages", name) for name in ("indexed_at", "embedder", "words", "digest")),  # the index is made anew
        ("messages", "replying_to"),  # within its quote
        ("messages", "indexed"),  # as the index of messages, that is made anew
        *_columns(message_index),
        ("compactions", "id"),
        # What is on its way belongs to this bot and its platforms.
        *(
            (table.name, column.name)
            for table in (turns, outbox, usage)
            for column in table.c
            if column.name != "agent_id"
        ),
        *(("result_lists", name) for name in ("id", "store", "query", "ids", "created_at")),  # kept for a day only
        *_columns(turns, outbox),  # what is under way
        *_columns(usage),  # what it cost here
        *_columns(resets, reset_messages),  # what can be undone here
        # Of timers those that wait to remind somebody go out, and not what came of them.
        *(("timers", name) for name in ("id", "kind", "state", "ended_by", "ended_at", "fires", "fired_at")),
        *(("timers", name) for name in ("not_before", "said_on", "said")),  # of heartbeats
    }
    tables = {"agents": "agent", "blocks": "block", "attachments": "source"} | {
        f"{name}s": name for name in ("message", "compaction", "memory_change", "block_edit", "note_edit", "passage")
    }
    tables["timers"] = "follow_up"
    sent = {(record["type"], key) for record in map(json.loads, exported) for key in record}
    sent |= {("source", key) for key in KeptSource.model_fields}
    sent |= {("follow_up", key) for key in KeptFollowUp.model_fields}
    owned = [table for table in metadata.sorted_tables if table is agents or "agent_id" in table.c]
    missing = {(table, column) for table, column in _columns(*owned) if (tables.get(table), column) not in sent}
    assert missing == left_out


def _columns(*tables: Table) -> set[tuple[str, str]]:
    return {(table.name, column.name) for table in tables for column in table.c if column.name != "agent_id"}


async def test_references_follow_the_new_ids(database: Database, bob: int, exported: list[str]) -> None:
    new = await take(database, exported)
    async with database.read() as connection:
        of_new = select(message_table).where(message_table.c.agent_id == new).order_by(message_table.c.id)
        kept = (await connection.execute(of_new)).all()
        note = (await connection.execute(select(passages).where(passages.c.agent_id == new))).one()
        edit = (await connection.execute(select(block_edits).where(block_edits.c.agent_id == new))).one()
    assert [row.turn_id for row in kept] == [None, None, kept[1].id, kept[1].id]
    assert note.source_message_id == edit.source_message_id == kept[-1].id
    assert note.indexed_at is None


async def test_an_imported_note_is_found_once_it_has_its_vector(
    database: Database, exported: list[str], tmp_path: Path
) -> None:
    class Constant(_NoEmbedder):
        async def embed(self, texts: Any) -> Any:
            return [[1.0, 0.0] for _ in texts]

    new = await take(database, exported)
    archival = ArchivalStorage(database, ChromaIndex(tmp_path / "chroma"), Constant(), lambda: NOW)
    assert await archival.index_pending() == 2
    (found,) = await archival.get(new, await archival.search(new, "anything"))
    assert (found.content, found.tags) == ("Biscuit is a dog", ("pets",))
    assert await archival._vectors._index.count([new]) == 1
    await archival.close()


async def test_identical_notes_come_in_as_one_with_the_tags_of_all(database: Database, exported: list[str]) -> None:
    note, end = json.loads(exported[13]), json.loads(exported[14])
    last = note["source_message_id"]
    again = note | {"content": " Biscuit is\n a dog", "tags": ["pets", "own", "late"]}
    again |= {"source_message_id": None, "tags_added": [{"message": last, "tags": ["late"]}]}
    again |= {"id": None}
    other = note | {"id": None, "content": "Another", "tags": []}
    notes = [note, again, *[other] * 600, note | {"id": None, "tags": ["last"]}]
    lines = [*exported[:13], *map(json.dumps, notes), json.dumps(end | {"records": 13 + len(notes)})]
    async with database.write() as transaction:
        loaded = await load(transaction, CHEST, parse(lines))
    assert loaded.counts["passage"] == 2
    kept = [json.loads(line) for line in await lines_of(database, loaded.agent_id)]
    first, second = [record for record in kept if record["type"] == "passage"]
    new_last = first["source_message_id"]
    assert (first["content"], first["tags"]) == ("Biscuit is a dog", ["pets", "own", "late", "last"])
    assert first["tags_added"] == [{"message": new_last, "tags": [tag]} for tag in ("late", "last")]
    assert second["content"] == "Another"


async def test_an_export_of_a_version_that_remembered_no_added_tags_comes_in(
    database: Database, exported: list[str]
) -> None:
    note = json.loads(exported[13])
    assert note.pop("tags_added") == []
    assert note.pop("id")  # nor ids
    new = await take(database, [*exported[:13], json.dumps(note), exported[14]])
    assert without_ids(await lines_of(database, new)) == without_ids(exported)


async def test_a_turn_whose_beginning_is_gone_stays_one_turn(database: Database, ada: int, exported: list[str]) -> None:
    first_of_second_turn = json.loads(exported[5])
    assert first_of_second_turn["text"] == "Note it"
    async with database.write() as transaction:
        await transaction.execute(message_table.delete().where(message_table.c.id == first_of_second_turn["id"]))
    new = await take(database, await lines_of(database, ada))
    told = [json.loads(line) for line in await lines_of(database, new)]
    turns = [record["turn_id"] for record in told if record["type"] == "message"]
    assert len(set(turns)) == 2
    assert turns[1] == turns[2]


async def test_restoring_puts_the_old_state_in_the_place_of_the_new_one(
    database: Database, ada: int, bob: int, exported: list[str]
) -> None:
    await write_history(database, bob, *HISTORY)
    bobs = await lines_of(database, bob)
    await write_history(database, ada, [], [("later", [], NOW, False)], [("", "later", "", NOW, False)], "later")
    async with database.write() as transaction:
        await ResultLists(database).save(transaction, ada, [ResultList("r1", "recall", "dog", (1,), NOW)], NOW)
    async with database.read() as connection:
        before = set(await connection.scalars(select(passages.c.id).where(passages.c.agent_id == ada)))
    async with database.write() as transaction:
        removed = await replace(transaction, ada, parse(exported))
    assert {owner: set(ids) for owner, ids in removed.items()} == {ada: before}
    assert without_ids(await lines_of(database, ada)) == without_ids(exported)
    assert await ResultLists(database).find(ada, "r1", NOW) is None
    assert await lines_of(database, bob) == bobs


async def test_a_dump_is_of_one_moment(database: Database, ada: int, exported: list[str]) -> None:
    async with database.snapshot() as connection:
        records = dump(connection, ada)
        told = [to_line(await anext(records))]
        await write_history(database, ada, *HISTORY)
        told += [to_line(record) async for record in records]
    assert told == exported
    assert len(await lines_of(database, ada)) > len(exported)


# ── files that are no export ─────────────────────────────────────────────────────────────────────────


def changed(lines: list[str], number: int, **fields: Any) -> list[str]:
    return [json.dumps(json.loads(line) | fields) if place == number else line for place, line in enumerate(lines, 1)]


def malformed(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Ways to spoil an export of 15 lines: from 8 a message, a compaction, changes, edits, note, end."""
    return [
        ("line 1", []),
        ("line 1", ["not json"]),
        ("line 1", lines[1:]),
        ("line 1: head.version", changed(lines, 1, version=2)),
        ("line 2", [lines[0], *lines[2:]]),
        ("line 2: agent.scope", changed(lines, 2, scope="ada")),
        ("line 4: a second block", changed(lines, 4, label="persona")),
        ("line 5: message.created_at", changed(lines, 5, created_at="2026-03-01T12:00:00")),
        ("line 5: message.kind", changed(lines, 5, kind="rumour")),
        ("line 5: message.surprise", changed(lines, 5, surprise=1)),
        ("line 6: turn_id 99", changed(lines, 6, turn_id=99)),
        ("line 6: message", changed(lines, 6, id=json.loads(lines[4])["id"])),
        ("line 7: message.tool_uses.0.name", changed(lines, 7, tool_uses=[{"id": "x", "arguments": ""}])),
        ("line 9: message 99", changed(lines, 9, evicted_ids=[99])),
        ("line 9: message 99", changed(lines, 9, newest_message_id=99)),
        ("line 10: turn_id 99", changed(lines, 10, turn_id=99)),
        ("line 10: undoes 99", changed(lines, 10, undoes=99)),
        ("line 11: change", changed(lines, 11, id=json.loads(lines[9])["id"])),
        ("line 12: source_message_id 99", changed(lines, 12, source_message_id=99)),
        ("line 12: change_id 99", changed(lines, 12, change_id=99)),
        ("line 13: source_message_id 99", changed(lines, 13, source_message_id=99)),
        ("line 13: change_id 99", changed(lines, 13, change_id=99)),
        ("line 13: note_edit.action", changed(lines, 13, action="burned")),
        ("line 14: message 99", changed(lines, 14, tags_added=[{"message": 99, "tags": []}])),
        ("line 14", [*lines[:13], lines[13][: len(lines[13]) // 2]]),
        ("line 15: missing", lines[:14]),
        ("line 14: 13 lines stand", [*lines[:13], lines[14]]),
        ("line 16: stands after the end", [*lines, lines[1]]),
        ("line 3", [*lines[:2], "", *lines[2:]]),
    ]


async def test_a_line_that_is_none_is_named_and_nothing_is_kept(database: Database, exported: list[str]) -> None:
    assert len(exported) == 15
    before = await rows(database)
    for told, lines in malformed(exported):
        with pytest.raises(MalformedExport) as caught:
            await take(database, lines)
        assert str(caught.value).startswith(told), (told, str(caught.value))
        assert len(str(caught.value).splitlines()) == 1
        assert await rows(database) == before


async def test_an_owner_is_made_once(database: Database, ada: int, exported: list[str]) -> None:
    before = await rows(database)
    with pytest.raises(IntegrityError):
        await take(database, exported, "console:dm:ada")
    assert await rows(database) == before


async def test_a_kill_in_the_midst_of_an_import_leaves_nothing(
    database: Database, exported: list[str], tmp_path: Path
) -> None:
    (tmp_path / "export.jsonl").write_text("\n".join(exported), encoding="utf-8")
    before = await rows(database)
    code = (
        "import asyncio, os; from datetime import datetime, UTC; from pathlib import Path\n"
        "from memory.sqlite.database import Database; from memory.portable.load import load\n"
        "from memory.portable.records import parse\n"
        "def dying(lines):\n"
        "    yield from lines[:-1]\n"
        "    os._exit(9)\n"
        "async def main():\n"
        "    database = await Database.open(Path('bot.db'), Path('backups'), datetime(2026, 3, 1, tzinfo=UTC))\n"
        "    async with database.write() as transaction:\n"
        "        await load(transaction, 'console:dm:x', parse(dying(Path('export.jsonl').read_text().splitlines())))\n"
        "asyncio.run(main())"
    )
    assert run(code, tmp_path) == 9
    assert await rows(database) == before


def run(code: str, folder: Path) -> int:
    """Run a program in a fresh interpreter and a folder; its exit code."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(ROOT)}).returncode


async def test_many_messages_come_in_as_many_statements_and_in_order(database: Database, ada: int) -> None:
    said = [NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text=str(number)) for number in range(1201)]
    await write_history(database, ada, [(said[:1], said[1:], False)], [], [], "")
    new = await take(database, await lines_of(database, ada))
    assert [message.text for message in await RecallStorage(database).queue(new)] == [m.text for m in said]


def test_a_record_says_what_it_is_first() -> None:
    for record in (KeptMessage, KeptChange, KeptEdit, KeptNoteEdit, KeptPassage):
        assert next(iter(record.model_fields)) == "type"
