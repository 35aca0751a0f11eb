"""What comes in at once is kept in its order, no more of it waits than may, and nobody who is meant goes unheard."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from adapters.ports.messages import Aim, InboundMessage, MessageChange
from adapters.testing import ScriptedServer, says
from bot.scopes import scope_of
from bot.testing import Bot, among_many, direct, in_channel, open_bot
from memory.people.channels import Mode
from memory.ports import Kind
from memory.sqlite.tables import inbox
from memory.turns.inbox import Inbox


async def receive_all(bot: Bot, messages: Sequence[InboundMessage]) -> None:
    """All at once, each as an event of its own."""
    await asyncio.gather(*(bot.app.receiver.receive(message) for message in messages))


async def said_to(bot: Bot, **whom: str) -> list[str]:
    agent = await bot.agent(**whom)
    queue = await bot.app.shelves.recall.queue(agent.id)
    return [message.text or "" for message in queue if message.kind is Kind.USER_MESSAGE]


async def test_what_comes_at_once_for_one_agent_is_taken_in_its_order(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            messages = [
                in_channel(f"{number}", bot.clock(), f"p{number}", thread=f"t{number}", channel=channel)
                for number in range(25)
                for channel in ("general", "elsewhere", "other")
            ]
            await receive_all(bot, messages)
            await bot.app.lanes.idle()
            for channel in ("general", "elsewhere", "other"):
                assert await said_to(bot, channel=channel) == [f"{number}" for number in range(25)]


async def test_of_more_than_may_wait_all_are_answered_together_in_their_order_whoever_wrote(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_max_waiting_messages": 3}
        async with open_bot(tmp_path, **given) as bot:
            begun, hold = asyncio.Event(), asyncio.Event()

            async def busy() -> None:
                begun.set()
                await hold.wait()

            lane = bot.app.lanes.submit(scope_of(among_many("ada")), busy)
            await begun.wait()
            messages = [in_channel(f"{who}{n}", bot.clock(), who) for n in range(20) for who in ("ada", "bob")]
            await receive_all(bot, messages)
            hold.set()
            await lane
            await bot.app.lanes.idle()
            assert await said_to(bot, channel="general") == [message.text for message in messages]
            assert [text for _, text in bot.platform.sent] == ["Yes."]


async def test_of_more_than_may_wait_in_several_threads_each_thread_has_one_answer(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_max_waiting_messages": 3}
        async with open_bot(tmp_path, **given) as bot:
            hold = asyncio.Event()
            lane = bot.app.lanes.submit(scope_of(among_many("ada")), hold.wait)  # type: ignore[arg-type]
            await receive_all(bot, [in_channel(f"{n}", bot.clock(), thread=f"t{n % 2}") for n in range(40)])
            hold.set()
            await lane
            await bot.app.lanes.idle()
            assert await said_to(bot, channel="general") == [f"{n}" for n in (*range(0, 40, 2), *range(1, 40, 2))]
            assert [text for _, text in bot.platform.sent] == ["Yes.", "Yes."]


async def test_a_mention_that_was_heard_first_as_a_common_message_is_answered(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.choose_mode(Mode.LISTEN)
            common = replace(in_channel("Hello bot", bot.clock(), aim=Aim.AT_ALL), message_key="general:1")
            mention = replace(common, event_id="other", aim=Aim.AT_US)
            await bot.app.receiver.receive(common)
            await (await bot.app.receiver.receive(mention))
            assert [text for _, text in bot.platform.sent] == ["Yes."]
            assert await said_to(bot, channel="general") == ["Hello bot"]

            again = replace(common, event_id="third", message_key="general:2", text="And again")
            await bot.app.receiver.receive(again)
            await bot.app.lanes.idle()  # it is taken note of before we hear that it was a mention
            twin = replace(again, event_id="fourth", aim=Aim.AT_US)
            await (await bot.app.receiver.receive(twin))
            await (await bot.app.receiver.receive(twin))
            await (await bot.app.receiver.receive(replace(again, event_id="fifth")))

            await bot.choose_mode(Mode.OPEN)  # it considers this one, and may have nothing to say to it
            considered = replace(again, event_id="sixth", message_key="general:3")
            await (await bot.app.receiver.receive(considered))
            spoke = len(bot.platform.sent)
            await (await bot.app.receiver.receive(replace(considered, event_id="seventh", aim=Aim.AT_US)))
            assert len(bot.platform.sent) == spoke + 1
            del bot.platform.sent[2:]
            assert [text for _, text in bot.platform.sent] == ["Yes.", "Yes."]


async def test_a_message_whose_first_event_is_malformed_is_answered_by_its_second(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            broken = InboundMessage("e1", direct("ada"), " ", bot.clock(), message_key="ada:1")
            await (await bot.app.receiver.receive(broken))
            await (await bot.app.receiver.receive(replace(broken, event_id="e2", text="Hello")))
            assert [text for _, text in bot.platform.sent] == ["Yes."]
            assert await Inbox(bot.app.stores.database).parked_of(scope_of(direct("ada"))) == ()


async def test_each_event_without_an_id_is_put_aside(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        for id_ in ("", "", "x" * 300, "x" * 299 + "y", "x" * 300):
            await bot.app.receiver.receive(InboundMessage(id_, direct("ada"), "Hello", bot.clock()))
        async with bot.app.stores.database.read() as connection:
            states = list(await connection.scalars(select(inbox.c.state)))
    assert states == ["parked"] * 4  # the same twice is one


async def test_whoever_takes_back_a_message_among_too_many_takes_back_nothing_else(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_max_waiting_messages": 1}
        async with open_bot(tmp_path, **given) as bot:
            hold = asyncio.Event()
            bot.app.lanes.submit(scope_of(direct("ada")), hold.wait)  # type: ignore[arg-type]
            answers = [
                asyncio.ensure_future(
                    await bot.app.receiver.receive(InboundMessage(text, direct("ada"), text, bot.clock()))
                )
                for text in ("one", "two", "three")
            ]
            await asyncio.wait(answers, timeout=0)
            answers[1].cancel()
            await asyncio.wait([answers[1]])
            hold.set()
            await asyncio.wait(answers)
            assert [text for _, text in bot.platform.sent] == ["Yes."]
            assert await said_to(bot) == ["one", "three"]


async def test_what_was_changed_or_taken_back_among_too_many_is_just_that(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_max_waiting_messages": 1}
        async with open_bot(tmp_path, **given) as bot:
            hold = asyncio.Event()
            lane = bot.app.lanes.submit(scope_of(direct("ada")), hold.wait)  # type: ignore[arg-type]
            for text in ("one", "two", "three", "four"):
                sent = InboundMessage(text, direct("ada"), text, bot.clock(), message_id=f"id-{text}")
                await bot.app.receiver.receive(sent)
            await bot.app.changes.change("console", MessageChange(direct("ada"), ("id-two",), "2"))
            await bot.app.changes.change("console", MessageChange(direct("ada"), ("id-three",), None))
            hold.set()
            await lane
            await bot.app.lanes.idle()
            assert await said_to(bot) == ["one", "2", "four"]


async def test_what_has_no_words_and_is_not_meant_for_the_bot_is_not_kept(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.choose_mode(Mode.LISTEN)
        for aim in (Aim.AT_ALL, Aim.AT_US):
            await bot.write("", aim=aim)
        async with bot.app.stores.database.read() as connection:
            assert list(await connection.scalars(select(inbox.c.state))) == ["parked"]
