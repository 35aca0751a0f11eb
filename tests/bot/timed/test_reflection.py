"""Reflection: memory is tidied while nobody talks, in a turn that says nothing and shows what it did."""

import json
import re
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.choices import TO_REFLECT
from bot.testing import among_many, open_bot
from memory.portable.records import KeptMessage, KeptPassage
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


async def test_it_tidies_with_dates_newer_facts_and_room_and_shows_what_it_did(tmp_path: Path) -> None:
    tidying = (
        answer(
            "Two lines, and a new fact.",
            replace("Lives in Lisbon.", "Lives in Porto since 2026-02-28.", heartbeat=True),
            append("Likes figs.", heartbeat=True),
        ),
        answer(None, keep("Ada parks on level 3."), replace("Parks on level 3.", "")),
    )
    async with ScriptedServer(model(*tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.command("remember Lives in Lisbon.")
        await bot.command("remember Parks on level 3.")
        await talk(bot, *FIVE)
        said = len(bot.platform.sent)
        await reflect(bot)
        shown, changes = await bot.command("memory"), await bot.command("memory changes")
        assert await human(bot) == "Lives in Porto since 2026-02-28.\nLikes figs."
        assert "Lives in Lisbon" not in shown
        assert len(bot.platform.sent) == said
        assert bot.platform.notices == []
        (change, *_) = changes.split("\n\n")
        assert "by me, while I reflected" in change
        assert "- Lives in Lisbon.\n+ Lives in Porto since 2026-02-28." in change
        assert "I moved to Porto yesterday" in change
        assert "+ Ada parks on level 3." in change
        await bot.command("undo")
        assert await human(bot) == "Lives in Lisbon.\nParks on level 3."
        assert not [record for record in await bot.kept() if isinstance(record, KeptPassage)]


async def test_notes_that_say_the_same_become_one_and_what_no_longer_holds_is_kept_in_the_journal(
    tmp_path: Path,
) -> None:
    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if not is_reflecting(request):
            told = json.loads(last["content"])["message"] if last["role"] == "user" else ""
            return answer(None, keep(told.removeprefix("keep "), heartbeat=True)) if "keep" in told else says("I see.")
        if last["role"] == "tool":
            return DONE
        ids = {note: int(id_) for id_, _, note in re.findall(r"  (\d+) \| (\S+) \| (.*)", material(request))}
        level_3, level_4, level = (
            ids[f"Ada parks {where}."] for where in ("on level 3", "on level 4", "on the level 4")
        )
        call = {"content": "Ada parks on level 4.", "request_heartbeat": True}
        nothing = ("archival_memory_replace", {"note_ids": [level_3, 999], "content": "x", "request_heartbeat": True})
        many = ("archival_memory_replace", call | {"note_ids": list(range(1, 12))})
        return answer(None, ("archival_memory_replace", call | {"note_ids": [level_3, level_4, level]}), nothing, many)

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, "keep Ada parks on level 3.", "keep Bees live in the garden.")
        kept_at = [record.created_at for record in await notes(bot)]
        await talk(bot, "keep Ada parks on level 4.", "keep Ada parks on the level 4.", "Good night")
        await reflect(bot)
        offered, after = asked_to_reflect(server)
        assert "that may say the same" in material(offered)
        assert "Bees" not in material(offered).partition("Said since")[0]
        assert "No such note" in str(after["messages"])
        assert "at most 10 notes" in str(after["messages"])
        assert [record.content for record in await notes(bot)] == [
            "Bees live in the garden.",
            "Ada parks on level 4.",
        ]
        (change, *_) = (await bot.command("memory changes")).split("\n\n")
        assert "while I reflected" in change
        assert "- Ada parks on level 3." in change
        assert "    from message 1: keep Ada parks on level 3." in change
        assert "- Ada parks on the level 4." in change
        found = await bot.app.shelves.archival.search((await bot.agent()).id, "level")
        assert len(found) == 1
        undone = await bot.command("undo")
        assert "+ Ada parks on level 3." in undone
        back = {record.content: record.created_at for record in await notes(bot)}
        assert set(back) == {
            "Ada parks on level 3.",
            "Bees live in the garden.",
            "Ada parks on level 4.",
            "Ada parks on the level 4.",
        }
        assert back["Ada parks on level 3."] == kept_at[0]
        await bot.app.shelves.archival.index_pending()
        assert len(await bot.app.shelves.archival.search((await bot.agent()).id, "level")) == 3


async def test_the_model_is_offered_the_tools_of_memory_and_told_when_what_was_said(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.command("remember Moves tomorrow.")
        bot.clock.advance(days=2)
        await talk(bot, *FIVE)
        await reflect(bot)
        (request,) = asked_to_reflect(server)
    assert [tool["function"]["name"] for tool in request["tools"]] == list(TO_REFLECT)
    told = material(request)
    assert "human: " in told
    assert "2026-03-01 | Moves tomorrow." in told
    assert "  Tue 2026-03-03 12:00 Ada: I live in Lisbon" in told
    assert "you (the agent): I see." in told
    assert "Moves tomorrow." in request["messages"][0]["content"]


async def test_it_leaves_nothing_of_itself_but_what_it_changed(tmp_path: Path) -> None:
    tidying = answer("Worth keeping.", append("Likes figs.", heartbeat=True))
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        before = [record for record in await bot.kept() if isinstance(record, KeptMessage)]
        queue = (await bot.agent()).queue
        await reflect(bot)
        assert [record for record in await bot.kept() if isinstance(record, KeptMessage)] == before
        assert (await bot.agent()).queue == queue
        await bot.say("And?")
        prompt = server.requests[-1]["messages"]
        assert "Likes figs." in prompt[0]["content"]  # in view at once
        assert "Worth keeping" not in str(prompt)
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        assert (await bot.agent()).passing == frozenset()


async def test_what_it_says_is_heard_by_nobody(tmp_path: Path) -> None:
    tidying = (
        answer("Hm.", ("send_message", {"message": "Hello, anybody?", "request_heartbeat": True})),
        answer("I am done, dear Ada."),
    )
    async with ScriptedServer(model(*tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        said = len(bot.platform.sent)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 2
        assert "There is no tool" in str(asked_to_reflect(server)[1]["messages"])
        assert len(bot.platform.sent) == said
        assert bot.platform.notices == []


async def test_a_model_that_only_writes_text_does_not_reflect(tmp_path: Path) -> None:
    async with (
        ScriptedServer(lambda request: answer("I see.")) as server,
        open_bot(tmp_path, **with_model(server, llm_tier="text")) as bot,
    ):
        await talk(bot, *FIVE)
        asked = len(server.requests)
        await reflect(bot)
        assert len(server.requests) == asked


async def test_a_model_that_answers_in_json_reflects_as_well(tmp_path: Path) -> None:
    def in_json(request: Request) -> Reply:
        if not is_reflecting(request):
            tool, arguments = "send_message", {"message": "I see."}
        elif "tool_result" not in str(request["messages"]):
            tool, arguments = "core_memory_append", {"label": "human", "content": "Likes figs."}
            arguments |= {"request_heartbeat": True}  # type: ignore[dict-item]
        else:
            tool, arguments = "stay_silent", {"reason": "done"}
        return answer(json.dumps({"thoughts": "Hm.", "tool": tool, "arguments": arguments}))

    async with (
        ScriptedServer(in_json) as server,
        open_bot(tmp_path, **with_model(server, llm_tier="json")) as bot,
    ):
        await talk(bot, *FIVE)
        await reflect(bot)
        assert "Likes figs." in await bot.command("memory")
        assert len(asked_to_reflect(server)) == 2


async def test_in_a_channel_it_sees_the_blocks_of_those_who_spoke(tmp_path: Path) -> None:
    tidying = answer(None, append("Plays the flute.", label="person:bob"))
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server)) as bot:
        for number in range(3):
            await bot.write(f"I play the flute, take {number}", person="bob")
            await bot.write(f"How nice, take {number}", person="ada")
        await reflect(bot, channel="general")
        told = material(asked_to_reflect(server)[0])
        assert "Bob (bob): I play the flute, take 0" in told
        assert "Plays the flute." in (await bot.give(among_many("bob"), "memory")).text
        await reflect(bot, channel="general")
        assert len(asked_to_reflect(server)) == 1
