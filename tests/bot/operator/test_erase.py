"""`erase`: nothing of an agent is left in any file, and nothing of the others is lost."""

import shutil
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.embedders import WordLlamaEmbedder
from bot.operator.agents import list_agents
from bot.operator.erase import erase
from bot.operator.errors import CannotBeDone, CommandUnclear
from config.settings import Settings
from memory.checkpoints import checkpoint_folder
from memory.chroma_index import ChromaIndex
from memory.ports import StorageUnavailable

CANARY = "kanarienvogel-73"
EMBEDDER = f"{WordLlamaEmbedder.name}/256"


def now() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


def yes(question: str) -> bool:
    return True


def holding(folder: Path, canary: bytes) -> list[str]:
    """The files below a folder in which the canary sits.

    Chroma writes its blocks of vectors whole, their unused parts with whatever stood in the process's memory: here that
    is this test's own text. `python -m bot erase` is a process that never reads what it erases.
    """
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "data_level0.bin"]
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
    assert receipt[:3] == [
        "Erased: console:dm:ada",
        "Rows removed: agents 1, block_edits 1, blocks 2, messages 6, passages 1, result_lists 0",
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
    assert list(await index.nearest(1, EMBEDDER, vector, [], 10)) == []
    assert len(await index.nearest(2, EMBEDDER, vector, ["told"], 10)) == 1
    await index.close()
    async with talk() as bot:
        assert "wombat" in await bot.command("search marsupial wombat", person="bob")


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
    assert f"Copies from before migrations still hold it: {copy}" in capsys.readouterr().out.splitlines()


async def test_an_index_that_is_not_there_is_no_hindrance(
    settings: Settings, talked: None, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data_dir / "chroma")
    await erase(settings, "ada", yes, now)
    assert "Vectors removed: 0" in capsys.readouterr().out.splitlines()
