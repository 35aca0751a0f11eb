"""What an eviction leaves: a summary whose hints lead back to the messages, and a count of what was saved in time."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.context.lookup_hints import HEADING, parted
from bot.context.window import Room
from bot.testing import Bot, open_bot
from memory.recall.compactions import Evictions, evictions

LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. "
NICE = "How nice! What else? " * 4


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 4096}


def talks(summary: str = "They talked.", when_warned: Callable[[], Reply] | None = None) -> Callable[[Request], Reply]:
    """A model that chats, writes the same summary each time, and does something when its window is nearly full."""

    def reply(request: Request) -> Reply:
        last = str(request["messages"][-1]["content"])
        if last.endswith("The new summary:"):
            return answer(summary)
        if "Memory pressure" in last and when_warned:
            return when_warned()
        return says(NICE) if "tools" in request else answer(NICE)

    return reply


async def counted(bot: Bot) -> Evictions:
    agent = await bot.agent()
    async with bot.app.stores.database.read() as connection:
        return await evictions(connection, agent.id)


async def talk_until(bot: Bot, total: int) -> None:
    day = 0
    while (await counted(bot)).total < total:
        await bot.say(f"Day {day}. {LONG * 2}")
        day += 1


async def leads_back(bot: Bot, hint: str, text: str) -> bool:
    """Whether a search for a hint finds the message, first page, and it is out of the window."""
    agent, recall = await bot.agent(), bot.app.shelves.recall
    found = await recall.get(agent.id, (await recall.search(agent.id, hint))[:5])
    in_sight = {queued.message.id for queued in agent.queue}
    return any(message.text == text and message.id not in in_sight for message in found)


async def test_what_the_summary_left_out_is_found_by_its_hints_many_evictions_later(tmp_path: Path) -> None:
    facts = ["My locker code is 7351-QX.", "Lena Bergström paints the harbour."]
    reply = talks(f"They talked.\n{HEADING} 7351-QX; Lena Bergström; Zanzibar")
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for fact in facts:
            await bot.say(fact)
        await talk_until(bot, 4)
        body, hints = parted((await bot.agent()).summary)
        assert body == "They talked."
        assert set(hints) == {"7351-QX", "Lena Bergström"}
        assert "Zanzibar" not in hints
        assert await leads_back(bot, "7351-QX", facts[0])
        assert await leads_back(bot, "Lena Bergström", facts[1])
        shown = str(server.requests[-1]["messages"][0]["content"])
        assert f"They talked.\n{HEADING} Lena Bergström; 7351-QX" in shown


@pytest.mark.parametrize("summary", ["They talked.", f"They talked.\n{HEADING} Zanzibar; unicorns", ""])
async def test_code_chooses_the_hints_where_the_model_gives_none_that_hold(tmp_path: Path, summary: str) -> None:
    async with ScriptedServer(talks(summary)) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Lena Bergström has the key to locker 7351-QX.")
        await talk_until(bot, 1)
        _, hints = parted((await bot.agent()).summary)
        assert {"7351-QX", "Bergström"} <= {word for hint in hints for word in hint.split()}
        assert not {"Zanzibar", "unicorns"} & set(hints)


async def test_the_hints_stay_a_small_part_of_the_summary_and_the_newest_of_them_stay(tmp_path: Path) -> None:
    async with ScriptedServer(talks("")) as server, open_bot(tmp_path, **settings(server)) as bot:
        room: Room = bot.app.shelves.room
        number = 0
        while (await counted(bot)).total < 8:
            await bot.say(f"Parcel QX-{number:03} has come. {LONG * 2}")
            number += 1
            summary = (await bot.agent()).summary
            assert bot.app.shelves.counter.count(summary) <= room.summary
            _, hints = parted(summary)
            line = summary.rpartition("\n")[2] if hints else ""
            assert bot.app.shelves.counter.count(line) <= room.summary // 4
        agent = await bot.agent()
        oldest = agent.queue[0].message.text or agent.queue[1].message.text or ""
        first_in_sight = int(oldest.partition("QX-")[2][:3]) if "QX-" in oldest else number
        numbers = [int(hint[3:]) for hint in hints if hint.startswith("QX-")]
        assert numbers
        assert max(numbers) < first_in_sight + 1
        assert min(numbers) > first_in_sight // 4


async def test_a_turn_taken_back_takes_its_hints_along(tmp_path: Path) -> None:
    async with ScriptedServer(talks("")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await talk_until(bot, 1)
        before = (await bot.agent()).summary
        await bot.say("Lena Bergström has the key.")
        await talk_until(bot, 2)
        said = 1
        while (await bot.agent()).summary != before:
            await bot.in_chat("pop")
            said += 1
        assert "Bergström" not in (await bot.agent()).summary
        assert (await counted(bot)).total == 1


async def test_a_model_that_only_talks_is_not_shown_what_it_cannot_look_up(tmp_path: Path) -> None:
    reply = talks(f"They talked.\n{HEADING} 7351-QX")
    async with ScriptedServer(reply) as server, open_bot(tmp_path, llm_tier="text", **settings(server)) as bot:
        await bot.say("My locker code is 7351-QX.")
        await talk_until(bot, 1)
        assert HEADING in (await bot.agent()).summary
        await bot.say("And now?")
        prompt = str(server.requests[-1]["messages"])
        assert "They talked." in prompt
        assert HEADING not in prompt


SAVES = {
    "an edit": lambda number: ("core_memory_append", {"label": "human", "content": f"Likes {number} markets."}),
    "a note": lambda number: ("archival_memory_insert", {"content": f"Likes {number} markets."}),
}


@pytest.mark.parametrize("saving", [pytest.param(call, id=name) for name, call in SAVES.items()])
async def test_what_is_saved_between_warning_and_eviction_is_counted(
    tmp_path: Path, saving: Callable[[int], tuple[str, Any]]
) -> None:
    numbers = itertools.count()
    model = talks(when_warned=lambda: answer(None, saving(next(numbers))))
    async with ScriptedServer(model) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hi")
        assert "- Evictions: none yet" in await bot.command("status")
        await talk_until(bot, 2)
        assert await counted(bot) == Evictions(2, 2, 2)
        shown = await bot.command("status")
    assert "- Evictions: 2, 2 with a warning before; after 2 of these warnings I saved something in time" in shown


async def test_what_was_saved_before_the_warning_or_by_a_person_does_not_count(tmp_path: Path) -> None:
    reply = talks()
    keeps = answer(
        None, ("core_memory_append", {"label": "human", "content": "Ada"}), ("send_message", {"message": "Hi"})
    )

    def first_keeps(request: Request) -> Reply:
        return keeps if "I am Ada" in str(request["messages"][-1]["content"]) else reply(request)

    async with ScriptedServer(first_keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I am Ada")
        while not (await bot.agent()).warned:
            await bot.say(LONG)
        await bot.command("remember I like figs")
        await talk_until(bot, 1)
        assert await counted(bot) == Evictions(1, 1, 0)


async def test_an_eviction_without_a_warning_is_counted_as_such(tmp_path: Path) -> None:
    async with ScriptedServer(talks()) as server, open_bot(tmp_path, **settings(server)) as bot:
        for _ in range(4):
            await bot.say(LONG)
        await bot.in_chat("summarize")
        assert await counted(bot) == Evictions(1, 0, 0)
        assert "- Evictions: 1, 0 with a warning before\n" in await bot.command("status")
