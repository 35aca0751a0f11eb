"""/agent forget: found, shown with numbers, asked, and gone from everywhere."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.origins import to_json
from bot.testing import Bot, among_many, direct, open_bot
from memory.core.core_memory import person_label
from memory.ports import Kind, NewPassage
from memory.turns.inbox import Inbox
from memory.turns.timers import FOLLOW_UP, NewTimer, Timers
from tests.words_left import places_of

SETTINGS: dict[str, Any] = {"llm_model": "m", "llm_context_window": 16384}


async def ask(bot: Bot, line: str, *, person: str = "ada", channel: str | None = None) -> CommandReply:
    origin = direct(person) if channel is None else among_many(person, channel)
    return await bot.app.commands.run(CommandCall(origin, f"forget {line}"))


async def yes(reply: CommandReply) -> str:
    assert reply.confirmed is not None, reply.text
    return (await reply.confirmed(is_moderator=False)).text


async def places(bot: Bot, data_dir: Path, *words: str) -> list[str]:
    """Where one of these words still stands, to the last byte of the database."""
    await bot.app.changes.tidy()
    await bot.app.shelves.archival.index_pending()
    await bot.app.stores.database.truncate_log()
    return places_of(data_dir / "bot.db", [word.lower() for word in words])


def numbered(shown: str) -> list[str]:
    return [line.removeprefix("- ") for line in shown.splitlines() if line.startswith("- **")]


def notes_all(request: Request) -> Reply:
    """A model that thinks about each message, notes it, adds it to core memory, looks it up and repeats it."""
    messages = request["messages"]
    last = messages[-1]
    if "tools" not in request:
        return answer(str(last["content"]).partition("Messages:\n")[2][:1500])
    if last["role"] == "tool":
        told = [json.loads(message["content"]) for message in messages if message["role"] == "user"]
        said = [event["message"] for event in told if event["type"] == "user_message"][-1]
        if '"results"' in last["content"]:
            return says(f"I see: {said}")
        return answer(f"Let me look up {said}", ("conversation_search", {"query": said, "request_heartbeat": True}))
    said = json.loads(last["content"])["message"]
    return answer(
        f"They say {said}",
        ("archival_memory_insert", {"content": f"Note: {said}", "request_heartbeat": True}),
        ("core_memory_append", {"label": "human", "content": said, "request_heartbeat": True}),
    )


async def test_what_is_forgotten_is_gone_to_the_last_byte(tmp_path: Path) -> None:
    async with ScriptedServer(notes_all) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            await bot.say("I like figs")
            await bot.say("My zebrafish lives in Quito")
            await bot.app.shelves.archival.index_pending()
            await bot.app.shelves.recall.catch_up()
            asked = await ask(bot, "zebrafish in Quito")
            assert [line.partition(", 2026")[0] for line in numbered(asked.text)] == [
                "**1** core memory, human: My zebrafish lives in Quito",
                "**2** note",
                "**3** message",
                "**4** message",
            ]
            assert "zebrafish" in await bot.command("memory")
            assert await yes(asked) == "Forgotten: 1 line of core memory, 1 note and 2 messages."
            assert "zebrafish" not in await bot.command("memory")
            assert "figs" in await bot.command("memory")
            assert "found nothing" in await bot.command("search zebrafish")
            assert await places(bot, tmp_path, "zebrafish") == []
            assert await places(bot, tmp_path, "quito") == []
            await bot.say("Hello")
            assert "ebrafish" not in json.dumps(server.requests[-1])
            assert "figs" in json.dumps(server.requests[-1])


async def test_what_a_summary_told_goes_with_it(tmp_path: Path) -> None:
    async with ScriptedServer(notes_all) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            await bot.say("My zebrafish lives in Quito")
            for number in range(3):
                await bot.say(f"Apples are cheap on day {number}")
            await bot.in_chat("summarize")
            agent = await bot.agent()
            assert "zebrafish" in agent.summary
            await yes(await ask(bot, "zebrafish"))
            assert "zebrafish" not in (await bot.agent()).summary
            assert await places(bot, tmp_path, "zebrafish") == []
            await bot.say("And now?")
            assert "ebrafish" not in json.dumps(server.requests[-1])


async def test_a_summary_is_made_anew_though_no_message_of_it_matched(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            for number in range(3):
                await bot.say(f"Apples are cheap on day {number}")
            await bot.in_chat("summarize")
            agent = await bot.agent()
            async with bot.app.stores.database.write() as transaction:
                told = "They keep a zebrafish in Quito."
                await bot.app.shelves.agents.save_pressure(transaction, agent.id, summary=told, warned=False)
            bot.app.agents.let_go(agent.scope)
            await bot.command("remember My zebrafish is called Quagga")
            await yes(await ask(bot, "zebrafish"))
            assert "zebrafish" not in (await bot.agent()).summary
            assert await places(bot, tmp_path, "zebrafish") == []


async def test_a_line_goes_with_all_that_it_ever_was(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember Keeps a zebrafish in Quito")
        agent = await bot.agent()
        edited = agent.core.replace("human", "in Quito", "at home", bot.app.shelves.counter)
        await bot.app.agents.edit_core(agent, "human", edited, author="agent", reason="core_memory_replace")
        await bot.command("remember Likes figs")
        assert "at home" in (await ask(bot, "zebrafish")).text
        await yes(await ask(bot, "zebrafish"))
        assert await places(bot, tmp_path, "zebrafish", "quito") == []
        assert (await bot.agent()).core.text("human") == "Likes figs"


async def test_what_is_to_stay_is_named_by_its_number(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        for line in ("A dog called Rex", "A dog called Fido", "A cat"):
            await bot.command(f"remember {line}")
        assert len(numbered((await ask(bot, "dog")).text)) == 2
        asked = await ask(bot, "keep 2: dog")
        assert [line for line in numbered(asked.text) if "Rex" in line]
        assert await yes(asked) == "Forgotten: 1 line of core memory."
        assert (await bot.agent()).core.text("human") == "A dog called Fido\nA cat"
        assert "nothing of “dog” that is to go" in (await ask(bot, "keep 1: dog")).text
        assert "nothing of “zebrafish”" in (await ask(bot, "zebrafish")).text


async def test_half_of_the_words_are_enough_where_no_line_holds_all(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember The dog is called Rex")
        await bot.command("remember Lives in Berlin")
        assert ["Rex" in line for line in numbered((await ask(bot, "my dog's name")).text)] == [True]
        assert ["Berlin" in line for line in numbered((await ask(bot, "where I live, Berlin")).text)] == [True]


async def test_a_no_and_common_words_forget_nothing(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert "not talked yet" in (await ask(bot, "figs")).text
        await bot.command("remember I like what I have")
        assert "a word or two" in (await ask(bot, "what I have")).text
        asked = await ask(bot, "like")
        assert asked.confirmed is not None
        assert "I like what I have" in await bot.command("memory")


async def test_what_came_between_question_and_yes_is_not_touched(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember Keeps a zebrafish")
        asked = await ask(bot, "zebrafish")
        await bot.command("remember Likes figs")
        await yes(asked)
        assert (await bot.agent()).core.text("human") == "Likes figs"
        assert (await yes(asked)).startswith("Forgotten")  # a second yes finds nothing left
        assert (await bot.agent()).core.text("human") == "Likes figs"


async def test_in_a_channel_only_the_channels_own_and_ones_own_goes(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("A zebrafish, I see.")) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            await bot.say("My zebrafish is a secret")
            await bot.write("Our zebrafish is striped", person="ada")
            await bot.write("The zebrafish is mine too", person="bob")
            agent = await bot.agent(channel="general")
            core = agent.core
            for label, text in (
                ("channel", "A zebrafish lives here"),
                (person_label("ada"), "Ada feeds the zebrafish"),
            ):
                core = core.with_person(label, 200).append(label, text, bot.app.shelves.counter)
                agent = await bot.app.agents.edit_core(agent, label, core, author="agent", reason="test")
            label = person_label("bob")
            core = core.with_person(label, 200).append(label, "Bob fears the zebrafish", bot.app.shelves.counter)
            await bot.app.agents.edit_core(agent, label, core, author="agent", reason="test")
            async with bot.app.stores.database.write() as transaction:
                now = bot.clock()
                notes = [
                    NewPassage(content="The zebrafish eats flakes", created_at=now),
                    NewPassage(content="Bob dreams of a zebrafish", tags=(label,), created_at=now),
                ]
                await bot.app.shelves.archival.insert(transaction, agent.id, notes)
            asked = await ask(bot, "zebrafish", channel="general")
            for text in ("lives here", "Ada feeds", "eats flakes", "is striped"):
                assert text in asked.text
            for text in ("Bob", "mine too", "I see", "secret"):
                assert text not in asked.text
            assert "2 lines of core memory, 1 note and 1 message" in await yes(asked)
            agent = await bot.agent(channel="general")
            assert agent.core.text("channel") == agent.core.text(person_label("ada")) == ""
            assert agent.core.text(label) == "Bob fears the zebrafish"
            kept = await bot.app.shelves.recall.queue(agent.id)
            said = [message.text for message in kept if message.kind is Kind.USER_MESSAGE]
            assert said == ["The zebrafish is mine too"]
            assert "secret" in await bot.command("search zebrafish")


async def test_more_than_can_be_looked_through_is_said_to_be_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.memory_rights.forgetting.MOST_SHOWN", 2)
    async with open_bot(tmp_path) as bot:
        for number in range(3):
            await bot.command(f"remember Zebrafish number {number}")
        asked = await ask(bot, "zebrafish")
        assert "There is more" in asked.text
        await yes(asked)
        assert (await bot.agent()).core.text("human") == "Zebrafish number 2"


@pytest.mark.parametrize("has_name", [True, False])
async def test_what_still_waits_for_its_answer_goes_as_well(tmp_path: Path, has_name: bool) -> None:
    is_down = True

    def think(request: Request) -> Reply:
        return fails(503) if is_down else says("Here I am.")

    async with ScriptedServer(think) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            await bot.command("remember Likes figs")
            name = "1" if has_name else None
            said = InboundMessage("event", direct("ada"), "My zebrafish is ill", bot.clock(), message_id=name)
            await (await bot.app.receiver.receive(said))
            await bot.app.lanes.idle()
            assert "message" in await yes(await ask(bot, "zebrafish"))
            is_down = False
            assert await bot.say("Hello?") == ["Here I am."]
            assert "zebrafish" not in json.dumps(server.requests[-1])
            assert await places(bot, tmp_path, "zebrafish") == []


async def test_follow_ups_go_as_well(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, openai_base_url=server.url, **SETTINGS) as bot:
            await bot.say("Hello")
            agent, now = await bot.agent(), bot.clock()
            async with bot.app.stores.database.write() as transaction:
                new = [
                    NewTimer(
                        kind=FOLLOW_UP,
                        due_at=now + timedelta(days=day),
                        origin=to_json(direct("ada")),
                        platform="console",
                        person="console:ada",
                        note=note,
                    )
                    for day, note in ((1, "Ask about the zebrafish"), (2, "Ask about the figs"))
                ]
                await Timers(bot.app.stores.database, Inbox(bot.app.stores.database)).add(
                    transaction, agent.id, new, now
                )
            asked = await ask(bot, "zebrafish")
            assert [line.partition(", 2026")[0] for line in numbered(asked.text)] == ["**1** follow-up"]
            assert await yes(asked) == "Forgotten: 1 follow-up."
            assert await places(bot, tmp_path, "zebrafish") == []
            left = await bot.command("followups")
            assert "figs" in left
            assert "zebrafish" not in left
