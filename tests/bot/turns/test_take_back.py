"""Turns taken back: what is left is what was there before them, evictions and all."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, direct, open_bot
from memory.core.agents import AgentStore
from memory.sqlite.tables import compactions, messages, passages

LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. " * 4


def remembers(request: Request) -> Reply:
    """A model that notes each message, adds it to core memory or corrects the last line, and answers."""
    if "tools" not in request:
        return answer("They told me about markets.")
    last = request["messages"][-1]
    if last["role"] == "tool" or "Memory pressure" in last["content"]:
        return says("Noted.")
    said = json.loads(last["content"])["message"].partition(".")[0]
    calls: list[tuple[str, Any]] = [("archival_memory_insert", {"content": f"Note: {said}", "request_heartbeat": True})]
    if "Day" in said:
        calls.append(("core_memory_append", {"label": "human", "content": said, "request_heartbeat": True}))
    return answer("Worth keeping.", *calls)


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 4096}


async def queue_ids(bot: Bot) -> list[int]:
    return [queued.message.id for queued in (await bot.agent()).queue]


async def test_what_is_left_is_what_was_there_before(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        states, queues = [await bot.kept()], [await queue_ids(bot)]
        for number in range(24):
            await bot.say(f"Day {number}. {LONG}")
            states.append(await bot.kept())
            queues.append(await queue_ids(bot))
        assert any(later[0] > earlier[0] for earlier, later in pairwise(queues[1:])), "evictions"
        for count in (1, 2, 5, 9):
            del states[-count:], queues[-count:]
            told = await bot.in_chat(f"pop {count}")
            assert told.startswith(f"Taken back: {count} turn")
            assert await bot.kept() == states[-1]
            assert await queue_ids(bot) == queues[-1]
        assert (await bot.say("Day 99. Still there?")) == ["Noted."]


async def test_a_restart_finds_the_same(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for number in range(6):
                await bot.say(f"Day {number}. {LONG}")
            await bot.in_chat("pop 2")
            left, queue = await bot.kept(), await queue_ids(bot)
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.kept() == left
            assert await queue_ids(bot) == queue


async def test_what_people_wrote_into_core_memory_meanwhile_stays(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Day 1.")
        await bot.command("remember I park on level 3")
        await bot.say("Day 2.")
        told = await bot.in_chat("pop 2")
        shown = await bot.command("memory")
    assert "2 edits of core memory" in told
    assert "I park on level 3" in shown
    assert "Day" not in shown


async def test_an_edit_written_over_since_is_told(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            return says("Noted.")
        edit = json.loads(json.loads(last["content"])["message"])
        return answer(None, (edit.pop("tool"), edit | {"label": "human", "request_heartbeat": True}))

    def asks(tool: str, **arguments: str) -> str:
        return json.dumps({"tool": tool, **arguments})

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say(asks("core_memory_append", content="Likes figs"))
        await bot.command("remember Has a dog")
        await bot.command("persona coach")  # another block: not in the way
        agent = await bot.agent()
        edited = agent.core.replace("human", "Likes figs", "Likes dates", bot.app.shelves.counter)
        await bot.app.agents.edit_core(agent, "human", edited, author="test", reason="test")
        told = await bot.in_chat("pop")
        assert "1 edit of core memory stayed" in told
        assert "1  Likes dates\n2  Has a dog" in await bot.command("memory")


async def test_the_journal_says_who_took_it_back(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Day 1.")
        await bot.in_chat("pop")
        undone, done = await AgentStore(bot.app.stores.database).journal((await bot.agent()).id)
    assert (done.author, done.after, done.source_message_id) == ("agent", "Day 1", None)
    assert (undone.author, undone.reason, undone.before, undone.after) == ("console:ada", "/pop", "Day 1", "")


async def test_notes_are_found_no_more(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Wombats dig")
        assert "Note: Wombats dig" in await bot.command("search wombats")
        await bot.in_chat("pop")
        assert "found nothing" in await bot.command("search wombats")
        async with bot.app.stores.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(passages)) == 0
            assert await connection.scalar(select(func.count()).select_from(messages)) == 0


def tags_as_told(request: Request) -> Reply:
    """A model that keeps one note again and again, with the tags that it is told."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says("Noted.")
    note = {
        "content": "Biscuit is a dog",
        "tags": json.loads(last["content"])["message"].split(),
        "request_heartbeat": True,
    }
    return answer(None, ("archival_memory_insert", note))


async def test_tags_that_a_turn_brought_to_a_note_go_with_it(tmp_path: Path) -> None:
    async with ScriptedServer(tags_as_told) as server, open_bot(tmp_path, **settings(server)) as bot:
        states = [await bot.kept()]
        for said in ("dog", "pet dog", "dog", "good pet", "old good", "brown"):
            await bot.say(said)
            states.append(await bot.kept())
        assert states[-1][-1].tags == ("dog", "pet", "good", "old", "brown")  # type: ignore[union-attr]
        for count in (1, 2, 1, 1, 1):
            del states[-count:]
            await bot.in_chat(f"pop {count}")
            assert await bot.kept() == states[-1]
        await bot.app.shelves.archival.index_pending()
        assert await bot.app.shelves.archival.waiting() == 0


async def test_tags_go_with_a_turn_that_is_tried_again_or_came_back_with_a_checkpoint(tmp_path: Path) -> None:
    async def tags(bot: Bot) -> tuple[str, ...]:
        return (await bot.kept())[-1].tags  # type: ignore[union-attr,no-any-return]

    better: list[tuple[str, str]] = [("", "")]

    def thinks_again(request: Request) -> Reply:
        return tags_as_told(json.loads(json.dumps(request).replace(*better[-1])))

    async with ScriptedServer(thinks_again) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("dog")
        await bot.say("wrong")
        await bot.in_chat("save monday")
        better.append(("wrong", "right"))
        await bot.in_chat("retry")
        assert await tags(bot) == ("dog", "right")
        await bot.in_chat("restore monday")
        assert await tags(bot) == ("dog", "wrong")
        await bot.in_chat("pop")
        assert await tags(bot) == ("dog",)
        agent = await bot.agent()
        archival = bot.app.shelves.archival
        await archival.index_pending()
        assert await archival.search(agent.id, "dog", ["wrong"]) == ()
        assert len(await archival.search(agent.id, "dog", ["dog"])) == 1


@pytest.mark.parametrize("typed", ["pop", "retry"])
async def test_there_may_be_nothing_to_take_back(tmp_path: Path, typed: str) -> None:
    async with open_bot(tmp_path) as bot:
        assert "There is no turn" in await bot.in_chat(typed)


@pytest.mark.parametrize("typed", ["0", "-1", "many", "1001", "٣", "1.5", "9" * 5000])
async def test_a_number_that_is_none_changes_nothing(tmp_path: Path, typed: str) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Day 1.")
        before = await bot.kept()
        assert "is no number of turns" in await bot.in_chat(f"pop {typed}")
        assert await bot.kept() == before


async def test_others_keep_their_turns(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Day 1. Mine", person="bob")
        await bot.say("Day 2. Mine")
        await bot.in_chat("pop 100")
        assert "Day 1" in await bot.command("memory", person="bob")
        assert "2 messages" in await bot.command("search mine noted", person="bob")


async def test_a_retry_is_the_same_message_again(tmp_path: Path) -> None:
    script = [says("First"), says("Second"), says("Third")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hello there")
        await bot.in_chat("retry")
        await bot.in_chat("retry")
        assert [text for _, text in bot.platform.sent] == ["First", "Second", "Third"]
        for request in server.requests:
            said = [message for message in request["messages"] if message["role"] == "user"]
            assert [json.loads(message["content"])["message"] for message in said] == ["Hello there"]
            assert "First" not in json.dumps(request["messages"])
        agent = await bot.agent()
        assert agent.queue[0].message.author_name == "Ada"


async def test_a_turn_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    script = [fails(401), says("Here I am")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        assert await bot.say("Hello") == []
        await bot.in_chat("retry")
        assert [text for _, text in bot.platform.sent] == ["Here I am"]


async def test_a_warning_by_hand_does_not_count_as_that_of_the_period(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.in_chat("memorywarning")
        await bot.say("Day 1.")
        await bot.in_chat("pop")
        assert "nearly full" not in await bot.command("status")


async def test_a_summary_of_which_nothing_is_recorded_goes_with_the_turns_that_it_is_of(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(8):
            await bot.say(f"Day {number}. {LONG}")
        await bot.in_chat("summarize")
        async with bot.app.stores.database.write() as transaction:  # as an older version left it
            await transaction.execute(delete(compactions))
        await bot.in_chat("pop 8")
        assert (await bot.agent()).summary == ""


async def test_a_turn_of_several_messages_is_tried_again_with_all_of_them(tmp_path: Path) -> None:
    is_asked, is_free = asyncio.Event(), asyncio.Event()

    async def reply(request: Request) -> Reply:
        is_asked.set()
        await is_free.wait()
        roles = [message["role"] for message in request["messages"]]
        since = request["messages"][len(roles) - roles[::-1].index("assistant") :] if "assistant" in roles else []
        said = [json.loads(message["content"])["message"] for message in since if message["role"] == "user"]
        return says(" + ".join(said) or "Hi")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = asyncio.ensure_future(bot.say("Hello"))
        await is_asked.wait()
        later = []
        for text in ("one", "two", "three"):
            message = InboundMessage(text, direct("ada"), text, bot.clock())
            later.append(await bot.app.receiver.receive(message))
        is_free.set()
        await asyncio.gather(first, *later)
        assert [text for _, text in bot.platform.sent] == ["Hi", "one + two + three"]
        kept = len((await bot.agent()).queue)
        await bot.in_chat("retry")
        assert [text for _, text in bot.platform.sent] == ["Hi", "one + two + three", "one + two + three"]
        assert len((await bot.agent()).queue) == kept
        assert (await bot.in_chat("pop")).startswith("Taken back: 1 turn (")
