"""Reflection: memory is tidied while nobody talks, in a bounded turn that says nothing and can be undone."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim, InboundMessage, MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.choices import TO_REFLECT
from bot.events import reflection
from bot.testing import Bot, among_many, direct, in_channel, open_bot
from bot.timed.reflection import MAX_STEPS
from bot.timed.reflection_scene import ENOUGH_MESSAGES, ON_REQUEST
from memory.people.channels import Mode
from memory.portable.records import BlockText, KeptMessage, KeptPassage
from memory.ports import Kind
from memory.turns.timers import REFLECTION

ROOT = Path(__file__).parents[3]

Call = tuple[str, dict[str, Any]]
DONE = answer(None, ("stay_silent", {"reason": "done"}))


def is_reflecting(request: Request) -> bool:
    return "tidies its memory" in str(request["messages"][0]["content"])


def append(line: str, *, heartbeat: bool = False, label: str = "human") -> Call:
    return ("core_memory_append", {"label": label, "content": line, "request_heartbeat": heartbeat})


def replace(old: str, new: str, *, heartbeat: bool = False) -> Call:
    arguments = {"label": "human", "old_content": old, "new_content": new, "request_heartbeat": heartbeat}
    return ("core_memory_replace", arguments)


def keep(note: str, *, heartbeat: bool = False) -> Call:
    return ("archival_memory_insert", {"content": note, "request_heartbeat": heartbeat})


def model(*tidying: Reply, chats: Callable[[Request], Reply] = lambda request: says("I see.")) -> Any:
    """A model that chats, and tidies by a script; once that is over there is nothing to tidy."""
    script = iter(tidying)
    return lambda request: next(script, DONE) if is_reflecting(request) else chats(request)


def with_model(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


async def reflect(bot: Bot, *, person: str = "ada", channel: str | None = None) -> None:
    """As a timer has it."""
    origin = direct(person) if channel is None else among_many(person, channel)
    await (await bot.app.receiver.wake(origin, reflection("quiet", bot.clock())))


async def human(bot: Bot) -> str:
    records = [record for record in await bot.kept() if isinstance(record, BlockText)]
    return next(record.value for record in records if record.label == "human")


async def notes(bot: Bot, **whose: str) -> list[KeptPassage]:
    return [record for record in await bot.kept(**whose) if isinstance(record, KeptPassage)]


def asked_to_reflect(server: ScriptedServer) -> list[Request]:
    return [request for request in server.requests if is_reflecting(request)]


def material(request: Request) -> str:
    return str(json.loads(request["messages"][1]["content"])["message"])


async def talk(bot: Bot, *lines: str) -> None:
    for line in lines:
        await bot.say(line)


FIVE = ("Hello", "I live in Lisbon", "I moved to Porto yesterday", "I like figs", "Good night")


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


async def test_too_little_new_costs_nothing_and_what_was_looked_at_is_new_no_more(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE[: ENOUGH_MESSAGES - 1])
        await reflect(bot)
        assert asked_to_reflect(server) == []
        await talk(bot, "Good night")
        await reflect(bot)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 1
        await bot.say("There is much to tell. " * 60)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 2
        assert "I live in Lisbon" not in material(asked_to_reflect(server)[1])


async def test_whoever_wants_it_now_has_it_now(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say("Hello")
        await bot.in_chat("reflect")
    assert len(asked_to_reflect(server)) == 1


async def test_a_day_has_so_many_and_no_more(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model()) as server,
        open_bot(tmp_path, **with_model(server, reflection_max_per_day=2)) as bot,
    ):
        for _ in range(3):
            await talk(bot, *FIVE)
            await reflect(bot)
        assert len(asked_to_reflect(server)) == 2
        bot.clock.advance(days=1)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == 3
        await bot.say("Hi", person="bob")
        await (await bot.app.receiver.wake(direct("bob"), reflection(ON_REQUEST, bot.clock())))
        assert len(asked_to_reflect(server)) == 4


async def test_a_model_that_never_comes_to_an_end_is_stopped(tmp_path: Path) -> None:
    def for_ever(request: Request) -> Reply:
        if not is_reflecting(request):
            return says("I see.")
        return answer(None, ("archival_memory_search", {"query": "figs", "request_heartbeat": True}))

    async with ScriptedServer(for_ever) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        await reflect(bot)
        assert len(asked_to_reflect(server)) == MAX_STEPS
        await reflect(bot)
        assert len(asked_to_reflect(server)) == MAX_STEPS


async def test_a_paused_agent_does_not_reflect(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        await bot.command("pause")
        await reflect(bot)
        await bot.command("resume")
        assert asked_to_reflect(server) == []


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


@pytest.mark.parametrize("trouble", [fails(400), fails(500), fails(401)], ids=["refused", "down", "no key"])
async def test_what_fails_is_left_for_the_next_time_and_told_to_nobody(tmp_path: Path, trouble: Reply) -> None:
    is_ill = True

    def reply(request: Request) -> Reply:
        if is_reflecting(request) and is_ill:
            return trouble
        return DONE if is_reflecting(request) else says("I see.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        asked = asyncio.ensure_future(reflect(bot))
        while not asked.done():  # the client pauses between its retries
            bot.clock.advance(seconds=30)
            await asyncio.sleep(0)
        said = len(bot.platform.sent)
        assert "aside" not in await bot.command("status")
        is_ill = False
        await reflect(bot)
        assert "I live in Lisbon" in material(asked_to_reflect(server)[-1])
        assert (len(bot.platform.sent), bot.platform.notices) == (said, [])


async def test_it_is_paid_from_the_share_of_timed_events(tmp_path: Path) -> None:
    caps = {"budget_tokens_per_user_day": 100_000, "budget_heartbeat_fraction": 0.001}
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server, **caps)) as bot:
        await talk(bot, *FIVE)
        await reflect(bot)
        assert asked_to_reflect(server) == []
        assert bot.platform.notices == []
        assert "aside" not in await bot.command("status")
        assert await bot.say("Still there?") == ["I see."]


async def test_a_person_who_writes_comes_next_after_the_step_under_way(tmp_path: Path) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def waits() -> Reply:
        began.set()
        await may_end.wait()
        return answer(None, append("Likes figs.", heartbeat=True))

    steps = 0

    def reply(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("Here I am.")
        steps += 1
        return waits() if steps == 1 else DONE

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        reflecting = asyncio.ensure_future(reflect(bot))
        await began.wait()
        message = InboundMessage("urgent", direct("ada"), "Are you there?", bot.clock())
        answered = await bot.app.receiver.receive(message)
        may_end.set()
        await answered
        await reflecting
        assert steps == 1
        assert bot.platform.sent[-1][1] == "Here I am."
        assert "Likes figs." in await bot.command("memory")
        assert "while I reflected" in await bot.command("memory changes")
        prompt = server.requests[-1]["messages"]
        assert "Likes figs." in prompt[0]["content"]
        assert "quiet" not in str(prompt)
        await reflect(bot)
        assert steps == 2  # what was not looked at to the end is looked at again


async def test_a_restart_in_the_midst_goes_on_and_leaves_nothing_twice(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def hangs() -> Reply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    steps = 0

    def dying(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("I see.")
        steps += 1
        return answer(None, append("Likes figs.", heartbeat=True)) if steps == 1 else hangs()

    async with ScriptedServer(dying) as server:
        async with open_bot(tmp_path, **with_model(server, llm_timeout_s=600)) as bot:
            await talk(bot, *FIVE)
            reflecting = asyncio.ensure_future(reflect(bot))
            await began.wait()
            reflecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reflecting
            bot.app.receiver._agenda.is_closing = True
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.app.lanes.idle()
        shown = await bot.command("memory")
        assert shown.count("Likes figs.") == 1
        kinds = {record.kind for record in await bot.kept() if isinstance(record, KeptMessage)}
        assert kinds <= {Kind.USER_MESSAGE, Kind.ASSISTANT, Kind.TOOL_RESULT}


KILLED = """
import asyncio, sys
from pathlib import Path
from bot.events import reflection
from bot.testing import direct, open_bot
async def main():
    async with open_bot(Path(sys.argv[1]), llm_model="m", openai_base_url=sys.argv[2]) as bot:
        for line in ("Hello", "I live in Lisbon", "I like figs", "Really", "Good night"):
            await bot.say(line)
        await (await bot.app.receiver.wake(direct("ada"), reflection("quiet", bot.clock())))
asyncio.run(main())
"""


async def test_killed_between_two_steps_it_goes_on_from_what_was_written(tmp_path: Path) -> None:
    began = asyncio.Event()
    steps = 0

    async def never() -> Reply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    def reply(request: Request) -> Any:
        nonlocal steps
        if not is_reflecting(request):
            return says("I see.")
        steps += 1
        return answer(None, append("Likes figs.", heartbeat=True)) if steps == 1 else never() if steps == 2 else DONE

    async with ScriptedServer(reply) as server:
        folder = tmp_path / "data"
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(folder), server.url, env={"PYTHONPATH": str(ROOT)}
        )
        await asyncio.wait_for(began.wait(), 60)
        killed.kill()
        await killed.wait()
        async with open_bot(folder, **with_model(server, reflection_max_per_day=1)) as bot:
            await bot.app.lanes.idle()
            assert steps == 3  # it was counted when it began
            assert "Likes figs." in asked_to_reflect(server)[2]["messages"][0]["content"]
            assert (await bot.command("memory")).count("Likes figs.") == 1
            assert (await bot.command("memory changes")).count("while I reflected") == 1
            await bot.command("undo")
            assert "Likes figs." not in await bot.command("memory")
            await reflect(bot)
            assert steps == 3  # it was over, and nothing is new


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


@pytest.mark.parametrize("window", [2560, 4096, 32768])
async def test_what_it_reads_fits_the_window(tmp_path: Path, window: int) -> None:
    """However much was said and is kept, and whatever the model looks up."""
    looks = ("conversation_search", {"query": "apples market", "request_heartbeat": True})
    tidying = [answer("Hm. " * 50, looks, looks, append("Bought apples.", heartbeat=True)) for _ in range(MAX_STEPS)]
    async with (
        ScriptedServer(
            model(*tidying, chats=lambda request: says("How nice!") if "tools" in request else answer("Hm."))
        ) as server,
        open_bot(tmp_path, **with_model(server, llm_context_window=window)) as bot,
    ):
        for number in range(30):
            await bot.command(f"remember Fact {number}: I bought apples on the {number}th market.")
            await bot.say(f"Day {number}. I went to the market and bought apples. " * 6)
        await reflect(bot)
        requests = asked_to_reflect(server)
        room, count = bot.app.shelves.room, bot.app.shelves.counter.count
        assert requests
        for request in requests:
            said = sum(count(str(message)) for message in request["messages"])
            assert said + count(str(request["tools"])) * 0.8 < 1.2 * room.limit
        assert "Said since the last time" in material(requests[0])
        assert "Day 29" in material(requests[0])


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_comes_so_many_minutes_after_the_last_message_and_not_before(tmp_path: Path) -> None:
    more = {"reflection_after_minutes": 30}
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server, **more)) as bot:
        await talk(bot, *FIVE)
        bot.clock.advance(minutes=20)
        await bot.sweep()
        await bot.say("One more thing")
        bot.clock.advance(minutes=20)
        await bot.sweep()
        assert asked_to_reflect(server) == []
        bot.clock.advance(minutes=11)
        assert await bot.sweep() == []
        (request,) = asked_to_reflect(server)
        assert "how_to_end" not in str(request)
        bot.clock.advance(days=3)
        assert await bot.sweep() == []
        assert len(asked_to_reflect(server)) == 1


async def test_where_people_talk_and_the_agent_only_listens_it_tidies_what_it_heard(tmp_path: Path) -> None:
    tidying = answer(None, append("Thursdays are for maps.", label="channel"))
    more = {"reflection_after_minutes": 30}
    async with ScriptedServer(model(tidying)) as server, open_bot(tmp_path, **with_model(server, **more)) as bot:
        await bot.choose_mode(Mode.LISTEN)
        for line in FIVE:
            await bot.write(line, person="bob", aim=Aim.AT_ALL)
            bot.clock.advance(minutes=20)
            await bot.sweep()
        assert server.requests == []
        bot.clock.advance(minutes=20)
        assert await bot.sweep() == []
        assert "I like figs" in material(server.requests[0])
        assert "Thursdays are for maps." in await bot.command("memory", channel="general")
        bot.clock.advance(days=3)
        assert await bot.sweep() == []
        assert len(server.requests) == 1


async def test_off_is_off(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await talk(bot, *FIVE)
        bot.clock.advance(days=3)
        await bot.sweep()
        assert await bot.app.timers.find((await bot.agent()).id, REFLECTION) is None
        assert asked_to_reflect(server) == []


async def test_what_was_missed_while_nothing_ran_comes_once(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server:
        given = with_model(server, reflection_after_minutes=30)
        async with open_bot(tmp_path, **given) as bot:
            await talk(bot, *FIVE)
            clock = bot.clock
        clock.advance(days=3)
        async with open_bot(tmp_path, clock=clock, **given) as bot:
            await bot.sweep()
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1


async def test_it_is_put_off_while_somebody_is_being_answered(tmp_path: Path) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def waits() -> Reply:
        began.set()
        await may_end.wait()
        return says("Here I am.")

    is_slow = False

    def reply(request: Request) -> Any:
        if is_reflecting(request):
            return DONE
        return waits() if is_slow else says("I see.")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **with_model(server, reflection_after_minutes=30)) as bot:
            await talk(bot, *FIVE)
            bot.clock.advance(minutes=31)
            is_slow = True
            asked = asyncio.ensure_future(bot.say("Are you there?"))
            await began.wait()
            await bot.app.sweep()
            may_end.set()
            assert await asked == ["Here I am."]
            await bot.sweep()
            assert asked_to_reflect(server) == []
            bot.clock.advance(minutes=31)
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1


async def test_a_paused_agent_has_no_reflection_due(tmp_path: Path) -> None:
    async with ScriptedServer(model()) as server:
        async with open_bot(tmp_path, **with_model(server, reflection_after_minutes=30)) as bot:
            await talk(bot, *FIVE)
            await bot.command("pause")
            bot.clock.advance(minutes=31)
            await bot.sweep()
            assert asked_to_reflect(server) == []
            await bot.command("resume")
            await bot.sweep()
            assert len(asked_to_reflect(server)) == 1
