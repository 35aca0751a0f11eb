"""An export as a zip: all that is kept, with ids and times, in records and for people."""

import asyncio
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from memory.core.agents import AgentStore
from memory.portable.dump import dump
from memory.portable.export_file import RECORDS, TEXT, write_zip, zipped_lines
from memory.portable.export_text import Readable
from memory.portable.load import Ids, load
from memory.portable.person import dump_of_person
from memory.portable.records import KINDS, KeptUsage, MalformedExport, Record, parse, to_line
from memory.ports import BlockEdit, Kind, NewMessage, NewPassage, Quote, ToolUse
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.sqlite.tables import messages, passages, usage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
async def ada(database: Database) -> int:
    """An agent that has something of each kind."""
    recall, store = RecallStorage(database), AgentStore(database)
    async with database.write() as transaction:
        agent = await store.create(transaction, "console:dm:ada", [("persona", "I am"), ("human", "Ada")], NOW)
        call = ToolUse("call_1", "send_message", json.dumps({"message": "Hello, Ada"}))
        asked = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="# Hello\nthere", author_name="Ada")
        said = NewMessage(
            kind=Kind.ASSISTANT, created_at=NOW, text="Hello, Ada", thoughts="A secret thought", tool_uses=(call,)
        )
        begun = await recall.append(transaction, agent.id, None, [asked])
        await recall.append(transaction, agent.id, begun[0].id, [said])
        edit = BlockEdit("human", "Ada", "Ada\nLikes figs", "agent", "core_memory_append", begun[0].id, NOW)
        await store.save_edits(transaction, agent.id, [edit])
        note = {"agent_id": agent.id, "content": "Ada likes figs", "tags": ["fruit"], "created_at": NOW}
        await transaction.execute(passages.insert(), note | {"id": 7, "source_message_id": begun[0].id})
        call_row = {"agent_id": agent.id, "person": "console:ada", "at": NOW, "model": "m", "is_timed": False}
        counts = {"prompt_tokens": 100, "cached_tokens": 50, "completion_tokens": 9, "cost": 0.5}
        await transaction.execute(usage.insert(), call_row | counts)
    return agent.id


async def zipped(database: Database, agent_id: int, folder: Path) -> Path:
    path = folder / "memory.zip"
    path.touch()
    async with database.snapshot() as connection:
        await write_zip(path, dump(connection, agent_id, with_usage=True), UTC_ZONE)
    return path


async def test_a_zip_comes_back_with_its_ids_and_times(database: Database, ada: int, tmp_path: Path) -> None:
    path = await zipped(database, ada, tmp_path)
    other = await Database.open(tmp_path / "other.db", tmp_path, NOW)
    try:
        with path.open("rb") as file, zipped_lines(file) as lines:
            first = list(lines())
            async with other.write() as transaction:
                loaded = await load(transaction, "console:dm:ada", parse(lines()), Ids.of(parse(lines())))
        assert loaded.has_its_ids
        async with other.snapshot() as connection:
            again = [
                f"{to_line(record)}\n".encode() async for record in dump(connection, loaded.agent_id, with_usage=True)
            ]
        assert again == first
        assert [json.loads(line)["type"] for line in first] == [
            "head", "agent", "block", "block", "message", "message", "memory_change", "block_edit", "passage",
            "usage", "end",
        ]  # fmt: skip
        async with other.write() as transaction:  # what is said next has ids behind them
            new = NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="And?")
            (kept,) = await RecallStorage(other).append(transaction, loaded.agent_id, None, [new])
        assert kept.id > max(json.loads(line)["id"] for line in first if b'"type":"message"' in line)
    finally:
        await other.close()


async def test_where_an_id_is_taken_all_are_new(database: Database, ada: int, tmp_path: Path) -> None:
    path = await zipped(database, ada, tmp_path)
    with path.open("rb") as file, zipped_lines(file) as lines:
        async with database.write() as transaction:
            loaded = await load(transaction, "console:dm:eve", parse(lines()), Ids.of(parse(lines())))
    assert not loaded.has_its_ids
    async with database.read() as connection:
        rows = (await connection.execute(messages.select().where(messages.c.agent_id == loaded.agent_id))).all()
        (note,) = (await connection.execute(passages.select().where(passages.c.agent_id == loaded.agent_id))).all()
        (call,) = (await connection.execute(usage.select().where(usage.c.agent_id == loaded.agent_id))).all()
    assert rows[1].turn_id == rows[0].id == note.source_message_id
    assert note.id > 7
    assert call.person is None, "in another scope nobody is named"


async def test_ids_that_leave_no_room_behind_them_are_not_kept(database: Database) -> None:
    async with database.write() as transaction:
        assert not await Ids(frozenset({2**62})).are_free(transaction)
        assert await Ids(frozenset({2**40})).are_free(transaction)


async def test_people_can_read_it(database: Database, ada: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(await zipped(database, ada, tmp_path)) as packed:
        assert packed.namelist() == [RECORDS, TEXT]
        text = packed.read(TEXT).decode()
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Core memory", "## What was said", "## How core memory changed", "## Notes", "## What the model took",
    ]  # fmt: skip
    assert "**Ada**, 2026-03-01 12:00\n\n> # Hello\n> there\n" in text
    assert "**the bot**, 2026-03-01 12:00\n\n> Hello, Ada\n" in text
    assert "> + Likes figs" in text
    assert "1 calls, 100 tokens read, 9 tokens written" in text
    assert "secret" not in text


def test_a_kind_of_record_that_is_not_known_is_told_field_by_field() -> None:
    class Later(BaseModel):
        type: str = "reminder_sent"
        due_at: datetime = NOW
        note: str = "Ask about the exam"
        repeat: str | None = None

    told = Readable(UTC_ZONE).take(Later())  # type: ignore[arg-type]
    assert told == "## Reminder sent\n\n> Due at: 2026-03-01 12:00\n> Note: Ask about the exam\n\n"


def test_every_kind_can_be_told() -> None:
    assert {"head", "agent", "block", "message", "usage", "end"} <= KINDS.keys()
    call = KeptUsage(
        person=None, at=NOW, model="m", is_timed=True, prompt_tokens=1, cached_tokens=0, completion_tokens=1, cost=None
    )
    assert KINDS["usage"].model_validate_json(to_line(call)) == call


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 and nothing more", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
    ],
)
def test_what_is_no_zip_is_said_to_be_none(content: bytes, told: str) -> None:
    with pytest.raises(MalformedExport, match=told), zipped_lines(io.BytesIO(content)) as lines:
        list(lines())


async def test_a_damaged_zip_is_found_out(database: Database, ada: int, tmp_path: Path) -> None:
    whole = (await zipped(database, ada, tmp_path)).read_bytes()
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as packed:
        packed.writestr("holiday.jpg", b"")
    with pytest.raises(MalformedExport, match=rf"there is no {RECORDS}"), zipped_lines(other) as lines:
        list(lines())
    at = whole.index(RECORDS.encode()) + 40
    damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    with pytest.raises(MalformedExport), zipped_lines(io.BytesIO(damaged)) as lines:
        list(parse(lines()))


async def test_a_file_that_cannot_be_written_to_the_end_waits_for_its_thread(tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[Record]:
        for _ in range(2000):
            yield KeptUsage(
                person=None,
                at=NOW,
                model="m",
                is_timed=True,
                prompt_tokens=1,
                cached_tokens=0,
                completion_tokens=1,
                cost=1,
            )
        raise ConnectionError("the database is gone")

    path = tmp_path / "memory.zip"
    path.touch()
    with pytest.raises(ConnectionError):
        await write_zip(path, breaks(), UTC_ZONE)
    assert os.listdir(tmp_path) == ["memory.zip"]


async def test_others_get_on_while_an_export_is_written(database: Database, tmp_path: Path) -> None:
    recall, ticks = RecallStorage(database), 0
    async with database.write() as transaction:
        agent = await AgentStore(database).create(transaction, "console:dm:bob", [("human", "")], NOW)
        new = [NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="word " * 40) for _ in range(2000)]
        await recall.append(transaction, agent.id, None, new)

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    await zipped(database, agent.id, tmp_path)
    other.cancel()
    assert ticks > 2000 / 20


async def test_of_a_channel_somebody_gets_their_own_alone(database: Database, tmp_path: Path) -> None:
    recall, store = RecallStorage(database), AgentStore(database)
    quote = Quote("9", "bob", "Bob", "Bob's secret", NOW)
    async with database.write() as transaction:
        blocks = [("channel", "Bob's secret"), ("person:ada", "Likes figs"), ("person:bob", "Bob's secret")]
        agent = await store.create(transaction, "discord:channel:1/2", blocks, NOW)
        await store.save_pressure(transaction, agent.id, summary="Bob's secret", warned=False)
        heard = [
            NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="I like figs", author_id="ada", quote=quote),
            NewMessage(kind=Kind.USER_MESSAGE, created_at=NOW, text="Bob's secret", author_id="bob"),
        ]
        own, others = await recall.append(transaction, agent.id, None, heard)
        answer = NewMessage(kind=Kind.ASSISTANT, created_at=NOW, text="Bob's secret")
        await recall.append(transaction, agent.id, own.id, [answer])
        for label, source in (("person:ada", own), ("person:bob", others), ("channel", others)):
            edit = BlockEdit(
                label, "", "Bob's secret" if source is others else "Likes figs", "agent", "x", source.id, NOW
            )
            await store.save_edits(transaction, agent.id, [edit])
        rows = [
            NewPassage(content="Figs for Ada", source_message_id=own.id, created_at=NOW),
            NewPassage(content="Ada again", tags=("person:ada",), source_message_id=others.id, created_at=NOW),
            NewPassage(content="Bob's secret", source_message_id=others.id, created_at=NOW),
        ]
        for row in rows:
            values = {"content": row.content, "tags": list(row.tags), "source_message_id": row.source_message_id}
            await transaction.execute(passages.insert(), values | {"agent_id": agent.id, "created_at": NOW})
        for person in ("discord:ada", "discord:bob"):
            row = {"agent_id": agent.id, "person": person, "at": NOW, "model": "Bob's" if "bob" in person else "m"}
            counts = {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1, "is_timed": False}
            await transaction.execute(usage.insert(), row | counts)
    async with database.snapshot() as connection:
        records = [record async for record in dump_of_person(connection, agent.id, "ada", "discord:ada")]
    text = "\n".join(map(to_line, records))
    assert "Bob's" not in text
    for told in ("I like figs", "Likes figs", "Figs for Ada", "Ada again", '"person":"discord:ada"'):
        assert told in text
    kinds = [record.type for record in records]
    assert kinds == ["head", "agent", "block", "message", "block_edit", "passage", "passage", "usage", "end"]


def test_a_zip_that_is_locked_by_a_password_is_told() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(RECORDS, "{}")
    content = bytearray(file.getvalue())
    content[content.find(b"PK\x03\x04") + 6] |= 1  # the flag, where the file stands and in the list of all
    content[content.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(MalformedExport, match="it is locked by a password"), zipped_lines(io.BytesIO(content)) as lines:
        list(lines())


def test_a_small_zip_that_unpacks_to_an_endless_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory.portable.export_file.MAX_LINE_BYTES", 1 << 20)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(RECORDS, b"0" * (4 << 20))
    assert len(file.getvalue()) < 10_000
    with pytest.raises(MalformedExport, match="is longer than 1 MB"), zipped_lines(file) as lines:
        list(lines())
