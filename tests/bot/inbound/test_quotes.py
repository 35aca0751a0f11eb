"""What a message replies to: shown to the agent, and followed wherever it is kept."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.ports.messages import InboundMessage, MessageChange, Person, Quoted, Stretch
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.inbound.changes import alert_of_quoted
from bot.testing import Bot, RecordingPlatform, at_channel, direct, open_bot
from memory.portable.dump import dump
from memory.portable.load import load
from memory.portable.records import parse, to_line
from tests.words_left import places_of


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "llm_tier": "tools", "openai_base_url": server.url, **more}


def quote(bot: Bot, id_: str, text: str, author: Person | None = None) -> Quoted:
    return Quoted(id_, author or Person("bob", "Bob"), text, bot.clock() - timedelta(minutes=1))


async def reply(bot: Bot, id_: str, text: str, said: Quoted) -> Awaitable[None]:
    told = InboundMessage(f"event {id_}", direct("ada"), text, bot.clock(), message_id=id_, replying_to=said)
    return await bot.app.intake("console").receive(told)


async def change(bot: Bot, id_: str, text: str | None) -> None:
    await bot.app.intake("console").change(MessageChange(None, (id_,), text))


def quotes(request: Request) -> list[str]:
    events = [json.loads(it["content"]) for it in request["messages"] if it["role"] == "user"]
    return [event["replying_to"]["text"] for event in events if "replying_to" in event]


class Slow:
    """A model that answers the first time when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Request) -> Reply:
        if not self.asked.is_set():
            self.asked.set()
            await self.go_on.wait()
        return says("Yes.")


async def test_nothing_of_a_deleted_quote_is_left_in_any_byte(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await (await reply(bot, "2", "Yes", quote(bot, "1", "Quagga is a zebrafish.")))
        assert quotes(server.requests[-1]) == ["Quagga is a zebrafish."]
        await change(bot, "1", None)
        await bot.app.changes.tidy()
        await bot.app.stores.database.truncate_log()
        assert await asyncio.to_thread(places_of, tmp_path / "bot.db", ["quagga"]) == []
        await (await reply(bot, "4", "And?", quote(bot, "3", "Figs")))
        assert quotes(server.requests[-1]) == ["Figs"]
        assert "What message 1 replied to was deleted" in str(server.requests[-1])


def remembers(request: Request) -> Reply:
    """Write down what the reply asks for, of what it quotes and of itself."""
    if request["messages"][-1]["role"] != "user" or "Remember" not in request["messages"][-1]["content"]:
        return says("I will.")
    goes_on = {"request_heartbeat": True}
    lines = ("Bob's cat is called Quagga", "Likes figs", "Quagga and figs", "Wants short answers")
    return answer(
        "They speak of Quagga.",
        *(("core_memory_append", {"label": "human", "content": line} | goes_on) for line in lines),
        *(("archival_memory_insert", {"content": f"{line}, noted"} | goes_on) for line in lines),
    )


async def test_what_was_made_of_a_quote_alone_goes_with_the_original(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        said = quote(bot, "1", "My cat is called Quagga.")
        await (await reply(bot, "2", "Remember that please, and that I like figs.", said))
        await bot.app.shelves.archival.index_pending()
        agent = await bot.agent()
        assert "Quagga" in agent.core.text("human")
        await change(bot, "1", None)
        agent = await bot.agent()
        assert [line for line in agent.core.text("human").split("\n") if "figs" in line or "short" in line] == [
            "Likes figs",
            "Wants short answers",
        ]
        assert await bot.app.shelves.archival.count(agent.id) == 2
        await bot.app.changes.tidy()
        await bot.app.stores.database.truncate_log()
        assert await asyncio.to_thread(places_of, tmp_path / "bot.db", ["quagga"]) == []


async def test_what_others_have_said_as_well_as_a_quote_stays(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await (await reply(bot, "3", "Quagga is a cat with a name", quote(bot, "0", "Hello")))
        await bot.app.shelves.recall.catch_up()
        said = quote(bot, "1", "My cat is called Quagga.")
        await (await reply(bot, "2", "Remember of Quagga that, and that I like figs.", said))
        await change(bot, "1", None)
        assert "Quagga and figs" in (await bot.agent()).core.text("human")


async def test_a_deleted_reply_takes_along_what_was_made_of_its_quote(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        said = quote(bot, "1", "My cat is called Quagga.")
        await (await reply(bot, "2", "Remember that please, and that I like figs.", said))
        await change(bot, "2", None)
        assert "Quagga" not in (await bot.agent()).core.text("human")


async def test_what_waits_or_is_being_answered_quotes_what_stands_there_now(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow()) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await reply(bot, "2", "Hello", quote(bot, "1", "Quagga"))
        await slowly.asked.wait()
        second = await reply(bot, "4", "Yes", quote(bot, "3", "Zebra"))
        third = await reply(bot, "6", "No", quote(bot, "5", "Figgs"))
        for id_, text in (("1", None), ("3", None), ("5", "Figs")):
            await change(bot, id_, text)
        slowly.go_on.set()
        await asyncio.gather(first, second, third)
        assert quotes(server.requests[-1]) == ["Figs"]
        assert "Zebra" not in str(server.requests)
        assert "Quagga" not in str(server.requests[1:])


async def test_an_inbox_keeps_no_quote_of_what_is_over(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await (await reply(bot, "2", "Yes", quote(bot, "1", "Quagga")))
        async with bot.app.stores.database.read() as connection:
            rows = (await connection.exec_driver_sql("SELECT text, replying_to, quote FROM inbox")).all()
        assert [tuple(row) for row in rows] == [(None, None, None)]


async def test_while_memory_is_paused_nothing_is_kept_of_a_quote(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.command("pause")
        await (await reply(bot, "2", "Yes", quote(bot, "1", "Quagga")))
        assert quotes(server.requests[-1]) == ["Quagga"]
        await bot.app.stores.database.truncate_log()
        assert await asyncio.to_thread(places_of, tmp_path / "bot.db", ["quagga"]) == []


async def test_of_somebody_who_is_not_let_in_nothing_is_quoted_but_of_the_bot(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        given = settings(server, bot_admission="allowlist", bot_owners="discord:1")
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **given) as bot:
            for number, said in enumerate((quote(bot, "8", "Quagga"), Quoted("9", None, "Figs", bot.clock()))):
                origin, id_ = at_channel("1"), f"e{number}"
                told = InboundMessage(id_, origin, "Yes", bot.clock(), message_id=id_, replying_to=said)
                await (await bot.app.intake("discord").receive(told))
        assert quotes(server.requests[-1]) == ["Figs"]
        assert "Quagga" not in str(server.requests)


async def test_an_export_has_it(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await (await reply(bot, "2", "Yes", quote(bot, "1", "Quagga")))
        agent = await bot.agent()
        async with bot.app.stores.database.snapshot() as connection:
            lines = [to_line(record) async for record in dump(connection, agent.id)]
        async with bot.app.stores.database.write() as transaction:
            made = await load(transaction, "console:dm:eve", parse(lines))
        queue = await bot.app.shelves.recall.queue(made.agent_id)
        had = agent.queue[0].message.quote
        assert had is not None
        assert (had.message_id, had.text) == ("1", "Quagga")
        elsewhere = replace(had, message_id="elsewhere:1")  # where no change of that message finds it
        assert [message.quote for message in queue] == [elsewhere, *(it.message.quote for it in agent.queue[1:])]


async def test_a_model_that_only_talks_is_told_in_a_line(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            await (await reply(bot, "2", "Is that so?", quote(bot, "1", "Figs are ripe.")))
        assert str(server.requests[-1]["messages"][-1]["content"]).endswith(
            "(In reply to Bob: Figs are ripe.)\nIs that so?"
        )


async def test_who_is_called_as_the_agent_is_not_taken_for_it(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            for number, name in enumerate(("you", " Y\u200bo\uff55:")):
                said = quote(bot, "1", "I promise.", Person("7", name))
                await (await reply(bot, f"r{number}", "Is that so?", said))
                assert "(7): I promise.)" in str(server.requests[-1]["messages"][-1]["content"])
            own = Quoted("2", None, "I promise.", bot.clock())
            await (await reply(bot, "4", "Is that so?", own))
        assert "(In reply to you: I promise.)" in str(server.requests[-1]["messages"][-1]["content"])


async def test_what_waits_and_was_deleted_while_nobody_listened_is_not_answered(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow()) as server, open_bot(tmp_path, **settings(server)) as bot:
        start = bot.clock()
        turns = []
        for id_, text in (("1", "Hello"), ("2", "Quagga"), ("3", "Figgs"), ("4", "Bye")):
            bot.clock.moment += timedelta(seconds=1)
            told = InboundMessage(id_, direct("ada"), text, bot.clock(), message_id=id_)
            turns.append(await bot.app.intake("console").receive(told))
        await slowly.asked.wait()
        edit = MessageChange(None, ("3",), "Figs", ())
        there = Stretch(direct("ada"), start, bot.clock(), frozenset("134"), (edit,))
        for _ in range(2):
            await bot.app.intake("console").compare(there)
        slowly.go_on.set()
        await asyncio.gather(*turns)
        assert "Quagga" not in str(server.requests)
        assert "Figgs" not in str(server.requests)
        assert "Figs" in str(server.requests[-1])
        assert "system_alert" not in str(server.requests)


def test_an_alert_names_the_replies_alone() -> None:
    assert alert_of_quoted([7], is_deletion=True).startswith("What message 7 replied to was deleted")
    assert alert_of_quoted([7, 8], is_deletion=False).startswith("What messages 7-8 replied to was edited")
