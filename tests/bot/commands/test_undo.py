"""`/agent undo` and `/agent memory changes`: what changed in memory, and back again, step by step."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.ports.messages import MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, among_many, at_channel, direct, in_channel, open_bot, texts
from memory.portable.dump import dump
from memory.portable.records import BlockText, KeptPassage, Record, to_line

Call = tuple[str, dict[str, Any]]


def does_as_told(request: Request) -> Reply:
    """A model that makes the calls that a message lists, as JSON, and says that it has done so."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says("Done.")
    try:
        calls = json.loads(json.loads(str(last["content"]))["message"])
    except ValueError:
        return says("I see.")
    return answer("As told.", *((name, arguments | {"request_heartbeat": True}) for name, arguments in calls))


def told(*calls: Call) -> str:
    return json.dumps(calls)


def adds(line: str, label: str = "human") -> Call:
    return ("core_memory_append", {"label": label, "content": line})


def corrects(old: str, new: str, label: str = "human") -> Call:
    return ("core_memory_replace", {"label": label, "old_content": old, "new_content": new})


def keeps(note: str, *tags: str) -> Call:
    return ("archival_memory_insert", {"content": note, "tags": list(tags)})


def with_model(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url}


def memory_of(records: Sequence[Record]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """What stands in core memory and in the archive."""
    blocks = {record.label: record.value for record in records if isinstance(record, BlockText)}
    notes = {record.content: record.tags for record in records if isinstance(record, KeptPassage)}
    return blocks, notes


async def memory(bot: Bot, **whose: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    return memory_of(await bot.kept(**whose))


async def test_undo_goes_back_step_by_step_and_says_what_it_did(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        assert await bot.command("undo") == "There is nothing to undo."
        await bot.command("remember I park on level 3")
        await bot.say(told(adds("Likes figs."), keeps("Ada keeps bees.", "animals")))
        await bot.say(told(corrects("Likes figs.", "Likes dates.")))
        first = await bot.command("undo")
        assert first.startswith("Undone: what was changed at 2026-03-01T12:00")
        assert "- Likes dates.\n+ Likes figs." in first
        assert "`/agent undo` again goes one further back." in first
        second = await bot.command("undo")
        assert "- Likes figs." in second
        assert "- Ada keeps bees. [animals]" in second
        blocks, notes = await memory(bot)
        assert (blocks["human"], notes) == ("I park on level 3", {})
        third = await bot.command("undo")
        assert "by you (/agent remember)" in third
        assert (await memory(bot))[0]["human"] == ""
        assert await bot.command("undo") == "There is nothing to undo."
        assert "note" not in await bot.command("search bees")


async def test_the_agent_believes_no_more_what_was_undone(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say(told(adds("Likes figs."), keeps("Ada keeps bees.")))
        looks = [("conversation_search", {"query": "sources of human"}), ("archival_memory_search", {"query": "bees"})]
        await bot.say(told(*looks))
        assert "Likes figs." in str(server.requests[-1])
        await bot.command("undo")
        await bot.say("Well?")
        request = server.requests[-1]
        from_agent = [message for message in request["messages"] if message["role"] in ("assistant", "tool", "system")]
        assert "Likes figs" not in str(from_agent)
        assert "keeps bees" not in str(from_agent)
        assert any("it was undone" in text for text in texts(request["messages"], "tool"))


async def test_an_undoing_is_written_down_as_a_change_and_the_journal_only_grows(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        assert await bot.command("memory changes") == "Nothing has changed in my memory yet."
        await bot.say(told(adds("Likes figs."), keeps("Ada keeps bees.", "animals")))
        await bot.command("remember I park on level 3")
        before = await bot.command("memory changes")
        await bot.command("undo")
        after = await bot.command("memory changes")
    newest, oldest = before.split("\n\n")
    assert "by you (/agent remember)" in newest
    assert "human\n+ I park on level 3" in newest
    assert "by me" in oldest
    assert "human\n+ Likes figs.\n    from message 1: [[" in oldest
    assert "archive\n+ Ada keeps bees. [animals]" in oldest
    undoing, undone, same = after.split("\n\n")
    assert "by you (/agent undo)" in undoing
    assert "- I park on level 3" in undoing
    assert undone == newest.replace("(/agent remember)", "(/agent remember), undone since")
    assert same == oldest


async def test_changes_stand_on_pages(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        for number in range(23):
            await bot.command(f"remember Fact {number}.")
        first, third = await bot.command("memory changes"), await bot.command("memory changes 3")
        assert "Older changes: `/agent memory changes 2`." in first
        assert "+ Fact 22." in first
        assert "+ Fact 12." not in first
        assert ["+ Fact 2." in third, "+ Fact 0." in third, "Older changes" in third] == [True, True, False]
        assert await bot.command("memory changes 4") == "There are no older changes."
        assert "`memory changes`" in await bot.command("memory changed")
        assert "`memory changes`" in await bot.command("memory changes 0")


async def test_later_edits_stay_and_what_was_written_over_is_told(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.write(told(adds("Likes figs.", "channel")), person="ada")
        await bot.write(told(adds("Has a dog.", "channel")), person="bob")
        await bot.write(told(corrects("Likes figs.", "Likes dates.", "channel")), person="bob")
        reply = await bot.command("undo", person="ada", channel="general")  # the newest of hers
        assert "1 change of it stayed: the text was changed again since." in reply
        assert (await memory(bot, channel="general"))[0]["channel"] == "Likes dates.\nHas a dog."
        await bot.command("undo", person="bob", channel="general")
        assert (await memory(bot, channel="general"))[0]["channel"] == "Likes figs.\nHas a dog."


async def test_in_a_channel_people_undo_what_came_from_them_and_moderators_whatever_came(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        ada, bob = among_many("ada"), among_many("bob")
        await bot.write(told(adds("Likes figs.", "person:ada")), person="ada")
        await bot.give(ada, "remember We meet on Mondays")
        await bot.write(told(adds("Has a dog.", "person:bob"), keeps("Bob keeps bees.")), person="bob")
        shown = (await bot.give(ada, "memory changes")).text
        assert "We meet on Mondays" in shown
        assert "Likes figs." in shown
        assert "Has a dog." not in shown
        assert "a note on somebody else" in shown
        assert "from message 1:" in shown
        assert "from message 3:" not in shown
        assert "We meet on Mondays" in (await bot.give(ada, "undo")).text
        assert "Likes figs." in (await bot.give(ada, "undo")).text
        assert (await bot.give(ada, "undo")).text == "There is nothing to undo."
        assert "Has a dog." in (await bot.give(bob, "admin undo", is_moderator=True)).text
        blocks, notes = await memory(bot, channel="general")
        assert (blocks, notes) == ({"persona": blocks["persona"], "channel": ""}, {})


async def test_only_moderators_undo_what_others_did(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        refused = await bot.give(at_channel("1"), "admin undo")
        assert refused.text == "In a channel that is for its moderators alone."
        assert "about a channel" in (await bot.give(direct("ada"), "admin undo", is_moderator=True)).text


async def test_the_same_note_again_brings_its_new_tags_and_undo_takes_them_away(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say(told(keeps("Ada keeps bees.", "animals")))
        await bot.say(told(keeps("Ada  keeps bees.", "animals", "roof")))
        await bot.say(told(keeps("Ada keeps bees.")))  # which changes nothing
        assert (await memory(bot))[1] == {"Ada keeps bees.": ("animals", "roof")}
        assert "- Ada keeps bees. [roof]" in await bot.command("undo")
        assert (await memory(bot))[1] == {"Ada keeps bees.": ("animals",)}
        await bot.command("undo")
        assert (await memory(bot))[1] == {}


async def test_undo_survives_a_restart_and_an_export(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server:
        async with open_bot(tmp_path, **with_model(server)) as bot:
            await bot.say(told(adds("Likes figs.")))
            await bot.say(told(adds("Has a dog."), keeps("Ada keeps bees.")))
            await bot.command("undo")
            await bot.in_chat("save here")
            await bot.say(told(adds("Rides a bike.")))
            await bot.in_chat("restore here")
        async with open_bot(tmp_path, **with_model(server)) as bot:
            assert "- Likes figs." in await bot.command("undo")
            assert await bot.command("undo") == "There is nothing to undo."
            assert (await memory(bot))[0]["human"] == ""


async def test_what_a_turn_did_that_was_taken_back_is_not_undone_once_more(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say(told(adds("Likes figs.")))
        await bot.say(told(adds("Has a dog."), keeps("Ada keeps bees.")))
        await bot.in_chat("pop")
        assert "- Likes figs." in await bot.command("undo")
        assert await bot.command("undo") == "There is nothing to undo."
        assert await memory(bot) == ({"persona": (await memory(bot))[0]["persona"], "human": ""}, {})


async def test_a_reset_of_core_memory_is_undone(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        await bot.give(direct("ada"), "reset everything", confirms=True)
        assert (await memory(bot))[0]["human"] == ""
        reply = (await bot.give(direct("ada"), "undo", confirms=True)).text
        assert "everything is back" in reply
        assert (await memory(bot))[0]["human"] == "I park on level 3"


async def test_what_its_author_deleted_is_in_no_journal_and_comes_back_by_no_undoing(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        wanted = told(adds("The code is 7351-QX."), keeps("Locker 7351-QX.", "safe"))
        message = in_channel(wanted.replace('"human"', '"channel"'), bot.clock(), message_id="m1")
        await (await bot.app.receiver.receive(message))
        await bot.app.lanes.idle()
        await bot.command("admin undo", channel="general")
        again = in_channel(told(keeps("Locker 7351-QX.", "late")), bot.clock(), message_id="m2")
        await (await bot.app.receiver.receive(again))
        await bot.app.lanes.idle()
        await bot.app.changes.change("console", MessageChange(None, ("m1", "m2"), None))
        await bot.app.changes.tidy()
        assert "7351" not in await bot.command("memory changes", channel="general")
        await bot.command("admin undo", channel="general")
        async with bot.app.stores.database.snapshot() as connection:
            agent = await bot.agent(channel="general")
            lines = [to_line(record) async for record in dump(connection, agent.id)]
        assert "7351" not in "\n".join(lines)


async def test_what_was_forgotten_comes_back_by_no_undoing(tmp_path: Path) -> None:
    async with ScriptedServer(does_as_told) as server, open_bot(tmp_path, **with_model(server)) as bot:
        await bot.say(told(adds("The zither is green."), keeps("A green zither.", "music"), adds("Likes figs.")))
        await bot.command("undo")
        await bot.say(told(keeps("A green zither.", "loud")))
        reply = await bot.give(direct("ada"), "forget green zither", confirms=True)
        assert "Forgotten" in reply.text
        assert "zither" not in await bot.command("memory changes")
        assert "zither" not in await bot.command("undo")
        async with bot.app.stores.database.snapshot() as connection:
            agent = await bot.agent()
            lines = "\n".join([to_line(record) async for record in dump(connection, agent.id)])
        assert "zither" not in lines


async def test_nothing_is_undone_while_memory_is_paused(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        await bot.command("pause")
        assert "Memory is paused" in await bot.command("undo")
        await bot.command("resume")
        assert "Undone" in await bot.command("undo")


CALLS = st.one_of(
    st.sampled_from("abcd").map(lambda line: adds(f"Line {line}.")),
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["abcd", "", "x\ny"])).map(
        lambda pair: corrects(f"Line {pair[0]}.", pair[1])
    ),
    st.tuples(st.sampled_from("pq"), st.sampled_from(["", "s", "t"])).map(
        lambda pair: keeps(f"Note {pair[0]}.", *pair[1])
    ),
)
STEPS = st.lists(st.lists(CALLS, min_size=1, max_size=3) | st.sampled_from("mno"), max_size=6)


@pytest.mark.parametrize("person", ["ada"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_undoing_goes_through_every_state_back_to_the_first(
    tmp_path_factory: pytest.TempPathFactory, person: str, steps: list[list[Call] | str]
) -> None:
    folder = tmp_path_factory.mktemp("bot")
    async with ScriptedServer(does_as_told) as server, open_bot(folder, **with_model(server)) as bot:
        states = [await memory(bot, person=person)]
        for step in steps:
            if isinstance(step, str):
                await bot.command(f"remember Line {step}.", person=person)
            else:
                await bot.say(told(*step), person=person)
            if (now := await memory(bot, person=person)) != states[-1]:
                states.append(now)
        passed = [states[-1]]
        while (await bot.command("undo", person=person)).startswith("Undone"):
            if (now := await memory(bot, person=person)) != passed[-1]:
                passed.append(now)
        assert passed == states[::-1]
