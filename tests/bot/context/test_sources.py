"""“How do you know that?”: notes and lines of core memory lead back to the messages they came from."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, ScriptedServer, answer, says
from bot.testing import Bot, open_bot, texts
from memory.core.change_journal import ChangeKind, begin_change
from memory.ports import BlockEdit


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def notes(line: str, block: str = "human") -> Reply:
    edit = {"label": block, "content": line, "request_heartbeat": True}
    return answer(None, ("core_memory_append", edit))


def asks(query: str, cursor: str | None = None, tool: str = "conversation_search") -> Reply:
    return answer(None, (tool, {"query": query, "cursor": cursor, "request_heartbeat": True}))


def result(server: ScriptedServer) -> dict[str, Any]:
    """What came of the last search."""
    found = [text for text in texts(server.requests[-1]["messages"], "tool") if '"results"' in text]
    return dict(json.loads(found[-1]))


async def test_the_agent_can_say_where_a_line_of_core_memory_comes_from(tmp_path: Path) -> None:
    script = [notes("Likes figs."), says("Noted."), asks("sources of human"), says("You told me.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I really like figs, you know")
        await bot.command("remember I park on level 3")
        await bot.say("How do you know?")
        page = result(server)
    assert (page["total"], page["unseen"]) == (2, 0)
    told, by_command = page["results"]
    assert told["line"] == "Likes figs."
    assert told["written_by"] == "you"
    assert told["from_message"].pop("age").endswith(" seconds ago")
    assert told["from_message"] == {"id": 1, "time": "2026-03-01T12:00:03+00:00", "from": "Ada"}
    assert told["text"] == "I really like figs, you know"
    assert by_command["line"] == "I park on level 3"
    assert by_command["written_by"] == "console:ada (/agent remember)"
    assert "from_message" not in by_command


async def test_many_lines_come_in_pages_that_edits_do_not_shift(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(12):
            replies += [notes(f"Fact {number}."), says("Noted.")]
            await bot.say(f"Fact number {number}")
        seen: list[str] = []
        cursor = None
        for step in range(3):
            replies += [asks("sources of human", cursor), says("Well.")]
            await bot.say("And then?")
            page = result(server)
            seen += [hit["line"] for hit in page["results"]]
            assert all(hit["line"][5:-1] in hit["text"] for hit in page["results"])
            cursor = page.get("next_cursor")
            edited = (await bot.agent()).core.replace("human", f"Fact {step}.\n", "", bot.app.shelves.counter)
            await bot.app.agents.edit_core(await bot.agent(), "human", edited, author="test", reason="test")
    assert cursor is None
    assert seen == [f"Fact {number}." for number in range(12)]


async def test_a_line_written_in_the_same_step_has_its_source_already(tmp_path: Path) -> None:
    edit = {"label": "human", "content": "Likes figs."}
    search = {"query": "Sources of Human", "request_heartbeat": True}
    both = answer(None, ("core_memory_append", edit), ("conversation_search", search))
    async with ScriptedServer([both, says("Yes.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I like figs")
        (hit,) = result(server)["results"]
    assert (hit["line"], hit["text"]) == ("Likes figs.", "I like figs")


async def test_a_note_says_which_message_it_came_from_and_that_message_can_be_read(tmp_path: Path) -> None:
    keeps = answer(None, ("archival_memory_insert", {"content": "Ada keeps bees.", "request_heartbeat": True}))
    find = asks("bees", tool="archival_memory_search")
    script = [keeps, says("Noted."), find, asks("message 1"), says("You told me.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Since March we keep bees on the roof")
        await bot.say("How do you know of the bees?")
        note = json.loads(texts(server.requests[3]["messages"], "tool")[-1])["results"][0]
        assert note["from_message"] == {"id": 1, "time": "2026-03-01T12:00:03+00:00"}
        page = result(server)
    (found,) = page["results"]
    assert found.pop("age").endswith(" seconds ago")
    assert found == {
        "id": 1,
        "time": "2026-03-01T12:00:03+00:00",
        "from": "Ada",
        "text": "Since March we keep bees on the roof",
    }


@pytest.mark.parametrize("query", ["message 1", "Message #1 ", "message 999999999999999999"])
async def test_a_message_of_somebody_else_or_none_is_told_to_be_none(tmp_path: Path, query: str) -> None:
    script = [says("Hi"), asks(query), says("Nothing.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("The secret is 42")
        await bot.say("Tell me", person="bob")
        page = result(server)
    number = query.strip(" Mmesag#")
    assert page["results"] == []
    assert page["note"] == f"there is no message {number} that you can read"


@pytest.mark.parametrize(
    "query",
    ["sources of human.", "Sources of the human block", "source of 'human'?", ' sources of the "HUMAN" block. '],
)
async def test_the_block_is_understood_however_it_is_named(tmp_path: Path, query: str) -> None:
    script = [notes("Likes figs."), says("Noted."), asks(query), says("You told me.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I like figs")
        await bot.say("How do you know?")
        assert [hit["line"] for hit in result(server)["results"]] == ["Likes figs."]


async def test_of_two_equal_lines_both_are_shown(tmp_path: Path) -> None:
    script = [notes("Likes figs."), says("Noted."), notes("Likes figs."), says("Again."), asks("sources of human")]
    async with ScriptedServer([*script, says("You told me twice.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for text in ("I like figs", "Figs are what I like", "How do you know?"):
                await bot.say(text)
            page = result(server)
    assert [hit["text"] for hit in page["results"]] == ["I like figs", "Figs are what I like"]
    assert (page["total"], page["seen"]) == (2, 2)


async def test_words_that_only_look_like_such_a_query_are_words(tmp_path: Path) -> None:
    script = [says("Hi"), asks("sources of light"), says("Found.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I collect old sources of light")
        await bot.say("What do I collect?")
        assert "I collect old sources of light" in [hit["text"] for hit in result(server)["results"]]


async def test_a_message_that_was_taken_back_is_named_no_more(tmp_path: Path) -> None:
    script = [says("Hi"), notes("Likes figs."), says("Noted."), asks("sources of human"), says("I do not know.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hello")
        await bot.say("I like figs")
        await bot.in_chat("pop")
        await bot.command("remember Likes figs.")
        await bot.say("How do you know?")
        (hit,) = result(server)["results"]
    assert hit["written_by"] == "console:ada (/agent remember)"
    assert "from_message" not in hit


async def test_the_memory_command_shows_the_sources_of_every_line(tmp_path: Path) -> None:
    script = [notes("Likes figs."), says("Noted.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I really like figs,\nyou know")
        await bot.command("remember I park on level 3")
        shown = await bot.command("memory sources")
        assert await bot.in_chat("memory Sources") == shown
        assert "**human** (" not in shown
        assert await bot.command("memory figs") == "It is `memory` alone, `memory sources` or `memory changes`."
    assert "Likes figs.\n    I, 2026-03-01T12:00:" in shown
    assert "\n    from message 1: I really like figs, you know\n" in shown
    assert "I park on level 3\n    console:ada (/agent remember), 2026-03-01T12:00:" in shown
    assert "there from the beginning" in shown.partition("**human**")[0]
    assert await memory_of_nobody(tmp_path / "other") == 1


async def memory_of_nobody(folder: Path) -> int:
    async with open_bot(folder) as bot:
        return (await bot.command("memory sources")).count("(empty)")


async def test_an_import_keeps_the_sources(tmp_path: Path) -> None:
    script = [notes("Likes figs."), says("Noted."), asks("sources of human"), says("You told me.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I like figs")
        await checkpointed(bot)
        await bot.say("How do you know?")
        (hit,) = result(server)["results"]
    assert (hit["line"], hit["text"]) == ("Likes figs.", "I like figs")


async def checkpointed(bot: Bot) -> None:
    await bot.in_chat("save now")
    await bot.in_chat("restore now")


async def test_memory_shows_each_line_with_when_by_what_and_because_of_what(tmp_path: Path) -> None:
    script = [notes("Likes figs."), says("Noted.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I really like figs,\nyou know")
        await bot.command("remember I park on level 3")
        shown = (await bot.command("memory")).partition("**human**")[2]
    assert "1  Likes figs.\n2  I park on level 3\n```" in shown
    at = "2026-03-01T12:00:"
    assert f"- 1: by me, with core_memory_append, {at}" in shown
    assert f"because you wrote at {at}03+00:00: “I really like figs, you know”" in shown
    assert f"- 2: by you, with /agent remember, {at}" in shown


async def test_memory_tells_of_lines_that_came_together_once(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        shown = (await bot.command("memory")).partition("**human**")[0]
        lines = len([line for line in (await bot.agent()).core.text("persona").split("\n") if line.strip()])
    assert shown.count("there from the beginning") == 1
    assert f"- {'1' if lines == 1 else f'1–{lines}'}: there from the beginning" in shown


async def test_memory_in_a_channel_quotes_nobody_but_the_reader(tmp_path: Path) -> None:
    script = [notes("Ada likes figs.", "channel"), says("Noted.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write("I really like figs", person="ada")
        own, other = [await bot.command("memory", person=who, channel="general") for who in ("ada", "bob")]
    assert "really" in own
    assert "Ada likes figs." in other
    assert "really" not in other


async def test_memory_tells_what_a_reflection_wrote(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember Likes figs")
        agent, now = await bot.agent(), bot.clock()
        edit = BlockEdit("human", "Likes figs", "Likes figs and dates", "agent", "core_memory_replace", None, now)
        async with bot.app.stores.database.write() as transaction:
            change = await begin_change(transaction, agent.id, ChangeKind.REFLECTION, now)
            await bot.app.shelves.agents.save_edits(transaction, agent.id, [edit], change)
        bot.app.agents.let_go(agent.scope)
        shown = (await bot.command("memory")).partition("**human**")[2]
    assert "1: by me, while I reflected, with core_memory_replace, 2026" in shown
