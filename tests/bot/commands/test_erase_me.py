"""/agent erase-me: typed out, everywhere, while others are served; and nothing comes back."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ports.commands import CommandCall
from adapters.ports.messages import InboundMessage, Person, Quoted
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.app import utc_now
from bot.operator.errors import CannotBeDone
from bot.operator.transfer import export_agent, import_agent
from bot.testing import Bot, Clock, among_many, direct, in_channel, open_bot
from config.settings import load_settings
from memory.erasing.whose import Whose
from memory.people.known import Admitted, Decision
from memory.recall import compactions
from memory.sqlite.upkeep import copy_to

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
    """The files below a folder in which a word sits, in whatever case."""
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
            if re.search(rf"\b{word}\b", str(row).lower())  # a random key may hold any letters
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
            assert await bot.write("And now?", person="bob") != []
            assert await bot.say("Who am I?") != []
        assert holding(tmp_path, HERS) == []


async def test_what_is_older_never_comes_back(tmp_path: Path) -> None:
    """Nor do a history, a platform that tells again, a reply that quotes it, or somebody who remembers it."""
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            said = InboundMessage("event-1", direct("ada"), f"My word is {HERS}", bot.clock(), message_id="m1")
            there = in_channel(f"Here it is {HERS}", bot.clock(), "ada", message_id="m2")
            for message in (said, there):
                await (await bot.app.receiver.receive(message))
            missed = InboundMessage("event-2", direct("ada"), f"And {HERS}", bot.clock(), is_missed=True)
            await erase(bot)
            bot.clock.moment += timedelta(minutes=5)
            for message in (said, there, missed):
                await (await bot.app.receiver.receive(message))
            assert "not talked yet" in await bot.command("search word")
            quoting = replace(
                in_channel("What was that?", bot.clock(), "bob"),
                replying_to=Quoted("m2", Person("ada", "Ada"), f"Here it is {HERS}", there.sent_at),
            )
            await (await bot.app.receiver.receive(quoting))
            await bot.app.lanes.idle()
            call = CommandCall(among_many("bob"), f"remember {HERS}", about=there)
            assert "had all of it erased" in (await bot.app.commands.run(call)).text
            assert holding(tmp_path, HERS) == []
            assert await bot.say("I am new here") == ["I see."]
            assert "new here" in await bot.command("search new")
        assert holding(tmp_path, HERS) == []


async def test_a_backup_that_is_put_back_is_erased_again_at_the_start(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    async with ScriptedServer(keeps) as server:
        async with open_bot(data, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"My word is {HERS}")
            await bot.write(f"Here it is {HERS}")
            await bot.say(f"My word is {BOBS}", person="bob")
            copy_to(data / "bot.db", copy)
            await erase(bot)
        shutil.copy(copy, data / "bot.db")
        assert holding(data, HERS) == ["bot.db"]
        async with open_bot(data, llm_model="m", openai_base_url=server.url) as bot:
            assert holding(data, HERS) == []
            assert "not talked yet" in await bot.command("search word")
            assert BOBS in await bot.command("search word", person="bob")
        later = Clock()
        later.moment += timedelta(days=1)
        async with open_bot(data, clock=later, llm_model="m", openai_base_url=server.url) as bot:
            assert await bot.say(f"My word was {HERS}") != []
        async with open_bot(data, clock=later, llm_model="m", openai_base_url=server.url) as bot:  # what is new stays
            assert HERS in await bot.command("search word")


async def test_of_an_export_of_a_channel_what_was_erased_is_left_out(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "general.jsonl"
    settings = load_settings(bot_data_dir=data)
    async with ScriptedServer(keeps) as server:
        async with open_bot(data, llm_model="m", openai_base_url=server.url) as bot:
            await bot.write(f"Here it is {HERS}")
            await bot.write(f"Here it is {BOBS}", person="bob")
            await bot.say(f"My word is {HERS}")
            scope = "console:channel:general"
            await export_agent(settings, scope, str(file), overwrites=False)
            own = tmp_path / "ada.jsonl"
            await export_agent(settings, "ada", str(own), overwrites=False)
            await erase(bot)
        assert HERS in file.read_text(encoding="utf-8")
        await import_agent(settings, str(file), "console:channel:other", utc_now)
        assert holding(data, HERS) == []
        with pytest.raises(CannotBeDone, match="was erased after that was exported"):
            await import_agent(settings, str(own), None, utc_now)
        with pytest.raises(CannotBeDone, match="was erased after that was exported"):
            await import_agent(settings, str(own), "carol", utc_now)
        async with open_bot(data, llm_model="m", openai_base_url=server.url) as bot:
            assert BOBS in await bot.command("memory", person="bob", channel="other")


async def test_checkpoints_of_channels_are_written_anew_without_them(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.write(f"Here it is {HERS}")
            await bot.write(f"Here it is {BOBS}", person="bob")
            await bot.give(among_many("bob"), "reset everything", is_moderator=True, confirms=True)
            (path,) = (tmp_path / "checkpoints").rglob("*.jsonl")
            assert HERS in path.read_text(encoding="utf-8")
            made_at = path.stat().st_mtime_ns
            receipt = await erase(bot)
            assert "1 file beside the database" in receipt
            assert holding(tmp_path, HERS) == []
            assert path.stat().st_mtime_ns == made_at
            agent = await bot.agent(channel="general")
            await bot.app.rights.checkpoints.restore(agent, path.stem)
            shown = await bot.command("memory", person="bob", channel="general")
            assert f"of bob: Here it is {BOBS}" in shown


async def test_a_summary_that_covered_them_is_made_anew(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.write(f"Here it is {HERS}")
            await bot.write(f"Here it is {BOBS}", person="bob")
            agent = await bot.agent(channel="general")
            summary = f"Ada said {HERS}, Bob said {BOBS}."
            async with bot.app.stores.database.write() as transaction:
                ids = [queued.message.id for queued in agent.queue]
                await bot.app.shelves.recall.evict(transaction, agent.id, ids)
                await compactions.record(
                    transaction,
                    agent.id,
                    summary_before="",
                    evicted_ids=ids,
                    newest_message_id=ids[-1],
                    warned_at=None,
                    now=bot.clock(),
                )
                await bot.app.shelves.agents.save_summary(transaction, agent.id, summary, derive_anew=False)
            await erase(bot)
            agent = await bot.agent(channel="general")
            assert (agent.summary, agent.derive_anew) == ("", True)
            await bot.write("And now?", person="bob")
            agent = await bot.agent(channel="general")
            assert not agent.derive_anew
            assert HERS not in agent.summary
            assert agent.summary


async def test_what_others_wrote_in_the_same_turn_stays(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, bot_max_waiting_messages=1) as bot:
            for person, word in (("carol", "first"), ("ada", HERS), ("bob", BOBS), ("ada", HERS)):
                await bot.app.receiver.receive(in_channel(f"Mine is {word}", bot.clock(), person))
            await bot.app.lanes.idle()
            said = [queued.message for queued in (await bot.agent(channel="general")).queue]
            of_turn = {message.turn_id for message in said if message.author_id in ("ada", "bob")}
            assert len(of_turn) == 1
            assert "Found: nothing" in await erase(bot)
            assert holding(tmp_path, HERS) == []
            left = [queued.message for queued in (await bot.agent(channel="general")).queue]
            assert [message.text for message in left if message.author_id] == ["Mine is first", f"Mine is {BOBS}"]
            assert len([message for message in left if message.turn_id in of_turn]) > 1


async def test_whoever_is_shut_out_stays_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_bot(data) as bot:
        person = "discord:7"
        await bot.app.stores.people.set_timezone(person, "Europe/Berlin")
        await bot.app.stores.people.set_admission(person, Decision(Admitted.DENIED))
        request = await bot.app.rights.erasing._erasure.ask_for_person(Whose(person), bot.clock())
        assert (await bot.app.rights.erasing._erasure.run(request)).is_clean
        assert await bot.app.stores.people.timezone(person) is None
        assert await bot.app.stores.people.admission(person) is Admitted.DENIED
