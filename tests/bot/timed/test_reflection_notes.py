"""What was noted long ago is in view of a reflection when people speak of it again, so that it is not noted twice."""

import json
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.events import reflection
from bot.testing import Bot, direct, open_bot
from bot.timed.reflection_text import says_again
from memory.ports import NewPassage

OLD = "Ada is allergic to walnuts."
OTHERS = tuple(f"The shed number {number} has a green door." for number in range(12))
AGAIN = ("Hello", "As you know, I am allergic to walnuts", "It rains", "I like figs", "Good night")


def is_reflecting(request: Request) -> bool:
    return "tidies its memory" in str(request["messages"][0]["content"])


def chats(request: Request) -> Reply:
    return answer(None, ("stay_silent", {"reason": "done"})) if is_reflecting(request) else says("I see.")


async def reflected(bot: Bot, server: ScriptedServer, *lines: str) -> str:
    """What a reflection is shown after somebody has written these lines."""
    for line in lines:
        await bot.say(line)
    await (await bot.app.receiver.wake(direct("ada"), reflection("quiet", bot.clock())))
    (request,) = [request for request in server.requests if is_reflecting(request)][-1:]
    return str(json.loads(request["messages"][1]["content"])["message"])


async def keep(bot: Bot, *notes: str) -> None:
    agent, archival = await bot.agent(), bot.app.shelves.archival
    async with bot.app.stores.database.write() as transaction:
        new = [NewPassage(content=note, created_at=bot.clock()) for note in notes]
        await archival.insert(transaction, agent.id, new)
    await archival.catch_up()


async def test_a_note_of_long_ago_is_shown_when_people_speak_of_it_again(tmp_path: Path) -> None:
    async with ScriptedServer(chats) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_tier="tools") as bot:
            await keep(bot, OLD, *OTHERS)
            bot.clock.advance(days=60)
            shown = await reflected(bot, server, *AGAIN)
    assert f"  1 | 2026-03-01 | {OLD}" in shown
    assert "shed" not in shown


async def test_where_nobody_speaks_of_what_was_noted_no_note_is_shown(tmp_path: Path) -> None:
    async with ScriptedServer(chats) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_tier="tools") as bot:
            await keep(bot, OLD, *OTHERS)
            bot.clock.advance(days=60)
            shown = await reflected(bot, server, "Hello", "It rains in Porto", "Yes", "I like figs", "Good night, Ada")
    assert "Notes in archival storage" not in shown


def test_a_note_is_of_what_was_said_if_that_holds_half_of_its_words_and_more_than_one() -> None:
    assert says_again("As you know, I am allergic to walnuts", OLD)
    assert not says_again("Ada!", OLD)
    assert not says_again("Walnuts", "Walnuts.")
    assert not says_again("I bought walnuts for a cake", OLD)
    assert not says_again("", OLD)
