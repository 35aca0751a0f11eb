"""What people edit or delete is followed everywhere: queue, recall, notes, core memory."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.inbound.changes import alert_of
from bot.testing import direct, open_bot
from memory.core.provenance import sourced_lines
from memory.erasing.changes import Changed, MessageChanges
from tests.bot.inbound.changing import (
    alerts,
    delete,
    edit,
    forgotten,
    found,
    hand_in,
    heard,
    prompt_of,
    remembers,
    say,
    settings,
)


async def test_a_deleted_message_is_gone_with_all_that_came_of_it_alone(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Figs are what I like.", "1")
        await say(bot, "My zebrafish is called Quagga.", "2")
        assert "Quagga" in await prompt_of(bot)
        await bot.app.shelves.archival.index_pending()
        calls = len(server.requests)
        await delete(bot, "2")
        assert len(server.requests) == calls, "no call of the model, no turn"
        assert "Quagga" not in await prompt_of(bot)
        assert await found(bot, "zebrafish") == []
        assert "found nothing" in await bot.command("search zebrafish")
        assert await forgotten(bot, tmp_path, "quagga") == []
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        assert "Figs are what I like" in (await bot.agent()).core.block("human").value
        assert await found(bot, "figs") != []
        (alert,) = await alerts(bot)
        assert alert is not None
        assert "deleted" in alert
        await say(bot, "And?", "3")
        assert "Quagga" not in str(server.requests[-1])


async def test_an_edited_message_says_what_it_says_now(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "The zebrafish lives in Quito.", "1")
        await bot.app.shelves.recall.catch_up()
        await edit(bot, "1", "The axolotl lives in Oslo.")
        assert await heard(bot) == ["The axolotl lives in Oslo."]
        assert "Quito" not in await prompt_of(bot)
        assert (await found(bot, "axolotl"))[0] == "The axolotl lives in Oslo."
        assert "The axolotl lives in Oslo." in await found(bot, "Oslo")
        await bot.app.shelves.recall.catch_up()
        assert await bot.app.shelves.recall.waiting() == 0
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        (alert,) = await alerts(bot)
        assert alert is not None
        assert "edited" in alert


async def test_what_is_told_twice_or_changes_nothing_is_done_once(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        await say(bot, "Two", "2")
        for _ in range(2):
            await edit(bot, "1", "One")
            await delete(bot, "9")
        assert await alerts(bot) == []
        for _ in range(2):
            await edit(bot, "1", "Won")
            await delete(bot, "2")
        assert len(await alerts(bot)) == 2
        await bot.app.intake("console").change(MessageChange(direct("bob"), ("1",), None))  # of nobody's agent
        assert await heard(bot) == ["Won"]


async def test_where_a_platform_does_not_say_whose_messages_they_are_their_names_do(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        await say(bot, "Two", "2")
        await bot.app.intake("discord").change(MessageChange(None, ("1", "2"), None))  # other messages of those names
        await bot.app.intake("console").change(MessageChange(None, ("2", "9"), None))
        assert await heard(bot) == ["One"]
        await bot.app.intake("console").change(MessageChange(None, ("1",), "Won"))
        assert await heard(bot) == ["Won"]


async def test_while_the_database_takes_nothing_a_change_has_to_be_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    faults = [error, error, LookupError("a mistake of ours")]
    write = MessageChanges.write

    async def fail(self: MessageChanges, *given: Any, **more: Any) -> Changed:
        if faults:
            raise faults.pop(0)
        return await write(self, *given, **more)

    monkeypatch.setattr(MessageChanges, "write", fail)
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                await delete(bot, "1")
        await delete(bot, "1")  # would break anew, however often it were told
        assert await heard(bot) == ["One"]
        await delete(bot, "1")
        assert await heard(bot) == []


async def test_a_hundred_deletions_are_one_alert(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        turns = [await hand_in(bot, f"Number {number}", str(number)) for number in range(100)]
        await asyncio.gather(*turns)
        assert len(await bot.app.shelves.recall.get((await bot.agent()).id, range(1, 400))) > 100
        await delete(bot, *(str(number) for number in range(100)))
        assert await heard(bot) == []
        assert len(await alerts(bot)) == 1


def test_an_alert_names_ids_alone() -> None:
    assert alert_of([7], is_deletion=True).startswith("Message 7 was deleted by")
    assert alert_of([3, 4, 5, 9], is_deletion=False).startswith("Messages 3-5, 9 were edited by")


async def test_what_others_support_too_stays(tmp_path: Path) -> None:
    edits = iter(
        [
            ("core_memory_append", {"label": "human", "content": "Likes figs"}),
            ("core_memory_replace", {"label": "human", "old_content": "Likes figs", "new_content": "Likes sweet figs"}),
            ("core_memory_append", {"label": "human", "content": "Has a zebrafish"}),
            ("send_message", {"message": "I see."}),
        ]
    )

    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            return says("Noted.")
        name, arguments = next(edits)
        return answer(None, (name, arguments | {"request_heartbeat": True}))

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "1")
        await say(bot, "Above all sweet figs", "2")
        await say(bot, "And my zebrafish", "3")
        await say(bot, "Everybody likes something", "4")
        await bot.app.shelves.recall.catch_up()
        await bot.command("remember I park on level 3")
        await delete(bot, "1", "3")
        agent = await bot.agent()
        value = agent.core.block("human").value
        assert "Likes sweet figs" in value
        assert "I park on level 3" in value
        assert "zebrafish" not in value
        journal = await bot.app.shelves.agents.edits_of(agent.id, "human")
        assert "zebrafish" not in str(journal)
        assert journal[-1].after == value
        assert {line.text for line in sourced_lines(value, journal) if line.edits} == set(value.split("\n"))
        await delete(bot, "2")
        assert "figs" not in (await bot.agent()).core.block("human").value


async def test_what_a_search_showed_goes_too(tmp_path: Path) -> None:
    def searches(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool" or "look" not in json.loads(last["content"])["message"]:
            return says("I see.")
        return answer(None, ("conversation_search", {"query": "animals pets", "request_heartbeat": True}))

    async with ScriptedServer(searches) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Animals: a zebrafish", "1")
        await say(bot, "Pets: a dog", "2")
        await say(bot, "look", "3")
        assert "zebrafish" in await prompt_of(bot)
        await delete(bot, "1")
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        assert "Pets: a dog" in await prompt_of(bot)
