"""/agent erase-me: typed out, everywhere, while others are served; and nothing comes back."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, open_bot

HERS = "kanarienvogel73"
"""A word that Ada alone says."""
BOBS = "wombat44"


def keeps(request: Request) -> Reply:
    """A model that keeps what it is told wherever it can, searches for it, and says it again."""
    last = request["messages"][-1]
    if last["role"] != "user":
        return says("Noted.", heartbeat=False)
    envelope = json.loads(last["content"])
    said, heartbeat = envelope["message"], {"request_heartbeat": True}
    label = "channel" if "from" in envelope else "human"
    calls = [
        ("archival_memory_insert", heartbeat | {"content": f"note: {said}", "tags": []}),
        ("core_memory_append", heartbeat | {"label": label, "content": f"line: {said}"}),
        ("conversation_search", heartbeat | {"query": said}),
        ("send_message", heartbeat | {"message": f"You said: {said}"}),
    ]
    if label == "channel":
        who = envelope["from"].split("(")[1].rstrip(")")
        calls.append(("core_memory_append", heartbeat | {"label": f"person:{who}", "content": f"of {who}: {said}"}))
    return answer(f"I think of {said}", *calls)


def holding(folder: Path, words: str) -> list[str]:
    """The files below a folder in which a word sits, in whatever case.

    Chroma's blocks of vectors are left out: see `tests/bot/operator/test_erase.py`.
    """
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sorted(file.name for file in files if words.encode() in file.read_bytes().lower())


def rows_with(folder: Path, word: str) -> list[str]:
    """The tables that hold a word."""
    with closing(sqlite3.connect(folder / "bot.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            f"{table}: {row}"
            for table in tables
            for row in connection.execute(f"SELECT * FROM {table}")
            if word in str(row).lower()
        ]


async def erase(bot: Bot, person: str = "ada") -> str:
    return await bot.command("erase-me erase me", person=person)


async def test_it_is_asked_for_and_done_only_when_it_is_typed_out(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"My word is {HERS}")
            await bot.write(f"It is {HERS}")
            asked = await bot.command("erase-me")
            assert "nobody can undo it" in asked
            assert "1 note" in asked
            assert "1 message of yours in 1 channel" in asked
            assert "`/agent erase-me erase me`" in asked
            assert "Nothing was erased" in await bot.command("erase-me yes")
            assert HERS in await bot.command("search word")
            assert "Done: you are erased." in await bot.command("erase-me Erase  ME")
            assert "not talked yet" in await bot.command("search word")


async def test_nothing_of_them_is_left_in_any_file_and_all_of_the_others_is(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"My word is {HERS}")
            await bot.say(f"My word is {BOBS}", person="bob")
            await bot.write(f"In here it is {HERS}")
            await bot.write(f"In here it is {BOBS}", person="bob")
            await bot.command(f"remember {HERS} is mine", channel="general")
            await bot.in_chat("save monday")
            assert holding(tmp_path, HERS) != []
            receipt = await erase(bot)
            assert "Found: nothing" in receipt, receipt
            assert "in 1 channel" in receipt
            assert holding(tmp_path, HERS) == []
            assert rows_with(tmp_path, HERS) == []
            named = [row for row in rows_with(tmp_path, "ada") if not row.startswith("sqlite_")]
            assert named == []
            assert BOBS in await bot.command("search word", person="bob")
            shown = await bot.command("memory", person="bob", channel="general")
            assert f"line: In here it is {BOBS}" in shown
            assert f"of bob: In here it is {BOBS}" in shown
            assert HERS not in shown
            channel = [message.text for message in await bot.app.shelves.recall.queue(4)] if False else []
            assert channel == []
            assert await bot.write("And now?", person="bob") != []
            assert await bot.say("Who am I?") != []
        assert holding(tmp_path, HERS) == []
