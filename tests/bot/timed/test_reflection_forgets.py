"""What a reflection made of a message goes with that message, and is logged nowhere."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, among_many, in_channel, open_bot
from tests.bot.timed.reflecting import (
    DONE,
    FIVE,
    append,
    asked_to_reflect,
    human,
    is_reflecting,
    keep,
    material,
    model,
    notes,
    reflect,
    replace,
    talk,
    with_model,
)


async def test_a_note_that_stands_for_others_goes_with_the_message_that_they_came_from(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        if not is_reflecting(request):
            last = request["messages"][-1]
            told = json.loads(last["content"])["message"] if last["role"] == "user" else ""
            return answer(None, keep(told, heartbeat=True)) if "code" in told else says("I see.")
        ids = [int(id_) for id_ in re.findall(r"  (\d+) \| \S+ \| .*", material(request))]
        return answer(None, ("archival_memory_replace", {"note_ids": ids, "content": "The code of the door is 7351."}))

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        for number, line in enumerate(("The code is 7351.", "The code of the door.", *FIVE[1:4])):
            await bot.write(line, message_id=f"m{number}")
        await reflect(bot, channel="general")
        assert [note.content for note in await notes(bot, channel="general")] == ["The code of the door is 7351."]
        await bot.app.changes.change("console", MessageChange(among_many("ada"), ("m0",), None))
        assert await notes(bot, channel="general") == []
        await bot.command("undo", channel="general")
        assert "7351" not in str([record.content for record in await notes(bot, channel="general")])


async def test_the_facts_it_keeps_go_with_the_message_that_they_came_from(tmp_path: Path) -> None:
    tidying = answer(
        None, append("Bob's locker is 7351-QX.", label="channel"), keep("Bob keeps 7351-QX in his locker.")
    )
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        for number, line in enumerate(("Hi", "My locker is 7351-QX", "I like figs", "Monday then", "Bye")):
            message = in_channel(line, bot.clock(), "bob", message_id=f"m{number}")
            await (await bot.app.receiver.receive(message))
            await bot.app.lanes.idle()
        await reflect(bot, channel="general")
        assert "7351-QX" in await bot.command("memory", channel="general")
        changes = (await bot.give(among_many("bob"), "memory changes")).text
        assert changes.count("My locker is 7351-QX") == 2
        await bot.app.changes.change("console", MessageChange(None, ("m1",), None))
        await bot.app.changes.tidy()
        assert "7351" not in await bot.command("memory", channel="general")
        assert "7351" not in (await bot.give(among_many("bob"), "memory changes")).text
        assert "found nothing" in await bot.command("search 7351-QX", channel="general")


async def test_a_turn_taken_back_takes_along_what_a_reflection_made_of_it(tmp_path: Path) -> None:
    tidying = answer(
        None,
        replace("Lives in Lisbon.", "Lives in Porto since 2026-02-28.", heartbeat=True),
        append("Likes figs.", heartbeat=True),
        keep("Ada likes figs."),
    )
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.command("remember Lives in Lisbon.")
        await talk(bot, "Hello", "I live in Lisbon", "Good night", "I like figs", "I moved to Porto yesterday")
        await reflect(bot)
        await bot.in_chat("pop")
        assert await human(bot) == "Lives in Lisbon.\nLikes figs."
        await bot.in_chat("pop")
        assert await human(bot) == "Lives in Lisbon."
        assert "note" not in await bot.command("search figs")
        assert "3 changes of it stayed" in await bot.command("undo")  # all of the reflection is gone already
        assert "- Lives in Lisbon." in await bot.command("undo")


async def test_of_facts_that_it_joined_each_goes_with_its_own_message(tmp_path: Path) -> None:
    """The journal names one message for each edit, and these rest on two."""
    tidying = answer(
        None,
        append("Bob's locker is 7351-QX and his boat is Halcyon.", label="channel"),
        keep("Boat Halcyon, locker 7351-QX."),
        append("Bob likes figs.", label="channel"),
    )
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        for number, line in enumerate(("My boat is Halcyon", "My locker is 7351-QX", "I like figs", "Monday", "Bye")):
            message = in_channel(line, bot.clock(), "bob", message_id=f"m{number}")
            await (await bot.app.receiver.receive(message))
            await bot.app.lanes.idle()
        await reflect(bot, channel="general")
        await bot.app.changes.change("console", MessageChange(None, ("m0",), None))
        await bot.app.changes.tidy()
        shown = await bot.command("memory", channel="general")
        changes = await bot.command("memory changes", channel="general")
        assert "Halcyon" not in shown + changes
        assert "Bob likes figs." in shown
        assert "note" not in await bot.command("search Halcyon", channel="general")


async def test_a_message_that_is_deleted_meanwhile_is_not_tidied_in(tmp_path: Path) -> None:
    async def deletes(bot: Bot) -> Reply:
        await bot.app.changes.change("console", MessageChange(None, ("m1",), None))
        return answer(None, append("Locker 7351-QX.", label="channel"))

    bots: list[Bot] = []
    steps = 0

    def reply(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("I see.")
        steps += 1
        return deletes(bots[0]) if steps == 1 else DONE

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        bots.append(bot)
        for number, line in enumerate(("Hi", "My locker is 7351-QX", "I like figs", "Monday then", "Bye", "Again")):
            message = in_channel(line, bot.clock(), "bob", message_id=f"m{number}")
            await (await bot.app.receiver.receive(message))
            await bot.app.lanes.idle()
        await reflect(bot, channel="general")
        assert steps == 2
        assert "7351" not in material(asked_to_reflect(server)[1])
        assert "7351" not in await bot.command("memory", channel="general")
        await bot.write("Well?", person="bob")
        assert "was deleted by whoever wrote it" in str(server.requests[-1]["messages"])  # the alert outlives the turn


async def test_nothing_is_logged_of_what_was_tidied(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tidying = answer("Figs!", append("Likes figs."))
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        await reflect(bot)
    assert "figs" not in caplog.text.lower()
