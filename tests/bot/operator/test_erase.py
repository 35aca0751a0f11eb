"""`erase`: nothing of an agent is left in any file, and nothing of the others is lost."""

import shutil
import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from adapters.models.embedders import WordLlamaEmbedder
from adapters.models.token_counter import BpeTokenCounter
from bot.operator.agents import list_agents
from bot.operator.erase import erase
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.load import load
from bot.operator.storage import open_database
from config.settings import Settings
from memory.core.agents import AgentStore
from memory.erasing.erased_rows import ErasedRows
from memory.erasing.stores import Doomed
from memory.erasing.telling import Telling
from memory.erasing.whose import Whose
from memory.portable.checkpoints import checkpoint_folder
from memory.ports import StorageUnavailable
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.database import Database
from memory.sqlite.tables import usage

CANARY = "kanarienvogel-73"
EMBEDDER = f"{WordLlamaEmbedder.name}/256"


def now() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


def yes(question: str) -> bool:
    return True


async def left(database: Database, agent_id: int, name: str, *source_ids: int) -> dict[str, int]:
    """What is found of a person of the console, by table."""
    rows = ErasedRows(
        database, AgentStore(database), RecallStorage(database), now, Telling(database, BpeTokenCounter())
    )
    later = now() + timedelta(days=365)
    doomed = Doomed(later, (agent_id,), (f"console:dm:{name}",), source_ids, Whose(f"console:{name}"))
    return await rows.left(doomed, made_until=later)


def holding(folder: Path, canary: bytes) -> list[str]:
    """The files below a folder in which the canary sits."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sorted(file.name for file in files if canary in file.read_bytes())


async def test_the_canary_is_in_no_file_afterwards(
    settings: Settings, talked: None, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = checkpoint_folder(data_dir, "console:dm:ada")
    checkpoints.mkdir(parents=True)
    (checkpoints / "monday.jsonl").write_text(CANARY, encoding="utf-8")
    (data_dir / "console_history").write_text(f"+My word is {CANARY}\n", encoding="utf-8")
    assert holding(data_dir, CANARY.encode()) == ["bot.db", "console_history", "monday.jsonl"]

    await erase(settings, "ada", yes, now)
    receipt = capsys.readouterr().out.splitlines()
    assert holding(data_dir, CANARY.encode()) == []
    assert receipt[:6] == [
        "Erased: console:dm:ada",
        "Rows removed: agents 1, attachments 0, audit 0, block_edits 1, blocks 2, channels 0, compactions 0, "
        "documents 0, earlier_modes 0, inbox 1, memory_changes 1, message_index 0, messages 6, note_edits 1, "
        "notices 0, outbox 1, passages 1, people 0, platform_notes 0, reset_messages 0, resets 0, result_lists 0, "
        "spent 0, threads 0, timers 0, turns 1",
        "Rows that name nobody any more: usage 2",
        "Channels: 0, lines of core memory removed there 0, messages of the agents that say less now 0",
        "Documents removed, as no other agent has them: none",
        "Vectors removed: 1 (the index was written anew without them)",
    ]
    assert "Found: nothing" in receipt
    await list_agents(settings)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["console:dm:bob"]


async def test_its_vectors_are_in_no_file_and_those_of_others_are_found(
    settings: Settings, talk: Any, data_dir: Path
) -> None:
    async with talk() as bot:
        await bot.say(f"My word is {CANARY}")
        await bot.say("Mine is wombat", person="bob")
    (of_ada,) = await WordLlamaEmbedder().embed([f"My word is {CANARY}"])
    number = struct.pack("<8f", *of_ada[:8])
    assert holding(data_dir, number) == ["chroma.sqlite3"]
    await erase(settings, "ada", yes, now)
    assert holding(data_dir, number) == []
    index = ChromaIndex(data_dir / "chroma")
    (vector,) = await WordLlamaEmbedder().embed(["wombat"])
    assert list(await index.nearest([1], EMBEDDER, vector, [], 10)) == []
    assert len(await index.nearest([2], EMBEDDER, vector, ["told"], 10)) == 1
    await index.close()
    async with talk() as bot:
        assert "wombat" in await bot.command("search marsupial wombat", person="bob")


async def test_with_it_go_the_documents_that_no_other_agent_has(
    settings: Settings, talk: Any, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("hers", CANARY), ("shared", "The wombat sleeps."), ("his", "The wallaby hops.")):
        (tmp_path / f"{name}.md").write_text(content, encoding="utf-8")
    async with talk() as bot:
        agents = {}
        for person in ("ada", "bob"):
            await bot.say("Hello", person=person)
            agents[person] = await bot.app.agents.id_of(f"console:dm:{person}")
        for person, sources in (("ada", ("hers", "shared")), ("bob", ("his", "shared"))):
            for source in sources:
                await bot.app.library.load([f"{source}.md"], None, agents[person])
    (vector,) = await WordLlamaEmbedder().embed([CANARY])
    number = struct.pack("<8f", *vector[:8])
    assert holding(data_dir, CANARY.encode()) == ["bot.db"]
    assert holding(data_dir, number) == ["chroma.sqlite3"]
    await erase(settings, "ada", yes, now)
    receipt = capsys.readouterr().out.splitlines()
    assert "Documents removed, as no other agent has them: hers" in receipt
    assert "Vectors removed: 2 (the index was written anew without them)" in receipt
    assert "Found: nothing" in receipt
    for rows in (
        "documents 1",
        "message_index 0",
        "messages 6",
        "passages 2",
        "people 0",
        "sources 1",
        "attachments 1",  # the other one went with its source
    ):
        assert f" {rows}" in receipt[1]
    assert holding(data_dir, CANARY.encode()) == holding(data_dir, number) == []
    async with talk() as bot:
        assert [source.name for source in await bot.app.library.sources()] == ["his", "shared"]
        assert "wombat sleeps" in await bot.command("search sleeping marsupial", person="bob")
        assert await bot.app.shelves.archival.waiting() == 0


async def test_rows_that_are_left_are_found(settings: Settings, talked: None, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("A text.", encoding="utf-8")
    await load(settings, ["a.md"], "ada", None, now, drops_missing=False)
    async with open_database(settings, now) as database:
        found = await left(database, 1, "ada", 1)
        assert {table: found[table] for table in ("agents", "attachments", "documents", "passages", "sources")} == {
            "agents": 1,
            "attachments": 1,
            "documents": 1,
            "passages": 2,
            "sources": 1,
        }
        assert set((await left(database, 99, "nobody", 99)).values()) == {0}
    with closing(sqlite3.connect(settings.database_path)) as connection:  # which minds no foreign keys
        connection.execute("INSERT INTO passages (document_id, content, tags, created_at) VALUES (77, 'lost', '[]', 0)")
        connection.commit()
    async with open_database(settings, now) as database:
        assert (await left(database, 99, "nobody", 99))["passages"] == 1


async def test_what_was_used_and_spent_goes_too(
    settings: Settings, talk: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUDGET_TOKENS_PER_USER_DAY", "1000000")
    async with talk() as bot:
        await bot.say("Hello")
        await bot.say("Hello", person="bob")
    async with open_database(settings, now) as database:
        found = await left(database, 1, "ada")
    assert (found["usage"], found["spent"]) == (2, 2)
    await erase(settings, "ada", yes, now)
    receipt = capsys.readouterr().out.splitlines()
    assert "spent 2" in receipt[1]
    assert receipt[2] == "Rows that name nobody any more: usage 2"
    assert "Found: nothing" in receipt
    async with open_database(settings, now) as database:
        found = await left(database, 2, "bob")
        async with database.read() as connection:
            paid = await connection.scalar(select(func.count()).select_from(usage))
    assert (found["usage"], found["spent"], paid) == (2, 2, 4)


async def test_an_agent_of_that_name_begins_anew(settings: Settings, talked: None, talk: Any) -> None:
    await erase(settings, "ada", yes, now)
    async with talk() as bot:
        await bot.say("Hello")
        assert CANARY not in await bot.command("search word")
        assert CANARY not in await bot.command("memory")


async def test_it_is_done_only_when_the_operator_says_so(
    settings: Settings, talked: None, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    with pytest.raises(CommandUnclear, match="--yes"):
        await erase(settings, "ada", None, now)
    await erase(settings, "ada", lambda question: bool(asked.append(question)), now)
    assert len(asked) == 1
    assert "console:dm:ada" in asked[0]
    assert capsys.readouterr().out == "Nothing was erased.\n"
    assert holding(data_dir, CANARY.encode()) == ["bot.db"]


async def test_it_waits_for_no_running_bot_and_knows_whom_it_erases(
    settings: Settings, talked: None, talk: Any, data_dir: Path
) -> None:
    with pytest.raises(CannotBeDone, match="There are: ada, bob"):
        await erase(settings, "eve", yes, now)
    async with talk():
        with pytest.raises(StorageUnavailable, match="in use by another process"):
            await erase(settings, "ada", yes, now)
    assert holding(data_dir, CANARY.encode()) == ["bot.db"]


async def test_the_receipt_names_the_copies_that_still_hold_it(
    settings: Settings, talked: None, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = data_dir / "backups" / "before-0002-20260101T000000.db"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(b"")
    await erase(settings, "ada", yes, now)
    assert f"Copies from before migrations may still hold it: {copy}" in capsys.readouterr().out.splitlines()


async def test_an_index_that_is_not_there_is_no_hindrance(
    settings: Settings, talked: None, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data_dir / "chroma")
    await erase(settings, "ada", yes, now)
    assert "Vectors removed: 0" in capsys.readouterr().out.splitlines()


async def test_a_channel_is_erased_alone_and_whoever_only_spoke_there_can_be(
    settings: Settings, talk: Any, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with talk() as bot:
        await bot.say("Mine is wombat", person="bob")
        for channel in ("general", "other"):
            await bot.write(f"My word is {CANARY}", person="ada", channel=channel)
            await bot.write("Mine is wallaby", person="bob", channel=channel)
    await erase(settings, "console:channel:other", yes, now)
    assert "Erased: console:channel:other" in capsys.readouterr().out
    assert holding(data_dir, CANARY.encode()) == ["bot.db"]
    await erase(settings, "ada", yes, now)  # she has no agent of her own
    receipt = capsys.readouterr().out
    assert "Channels: 1" in receipt
    assert "Found: nothing" in receipt
    assert holding(data_dir, CANARY.encode()) == []
    with pytest.raises(CannotBeDone, match="There is no agent"):
        await erase(settings, "ada", yes, now)
    async with talk() as bot:
        assert "wallaby" in await bot.command("search marsupial wallaby", person="bob", channel="general")
        assert "wombat" in await bot.command("search marsupial wombat", person="bob")
