"""While the model is down: one notice to each, then one answer, and an end to the waiting."""

import asyncio
from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, fails, says
from bot.testing import open_bot, texts
from tests.bot.turns.durable import ADA, DOWN, OUT, in_channel, later, message, said, settings, states


async def test_while_the_model_is_down_one_notice_comes_and_then_one_answer(tmp_path: Path) -> None:
    down = True

    def reply(request: Request) -> Reply:
        return OUT if down else says(f"Answer to {texts(request['messages'], 'user')[-1][-5:-2]}.")

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        for text in ("one", "two", "six"):
            assert await bot.say(text) == []
        assert len(bot.platform.notices) == 1
        assert "I have kept your message" in bot.platform.notices[0]
        assert "waits for the language model" in await bot.command("status")
        down = False
        await later(bot, minutes=10)
        assert said(bot) == ["Answer to one.", "Answer to six."]
        assert len(bot.platform.notices) == 1
        assert await states(bot, "turns") == ["done", "done"]


async def test_an_outage_outlives_a_restart_without_a_second_notice(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("Hi")
            assert len(bot.platform.notices) == 1
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.say("Are you there?")
            assert bot.platform.notices == []
    async with ScriptedServer(lambda _: says("Yes.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Yes.", "Yes."]


async def test_everybody_is_told_once_an_outage_and_again_in_the_next(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for person in ("ada", "bob", "ada"):
                await bot.say("Hi", person=person)
            assert len(bot.platform.notices) == 2
            replies += [says("Back."), says("Back."), says("Back.")]
            await later(bot, minutes=10)
            assert len(said(bot)) == 3
            await bot.say("Again")
            assert len(bot.platform.notices) == 3


async def test_who_was_told_of_an_outage_is_not_told_again_elsewhere_after_a_restart(tmp_path: Path) -> None:
    replies: list[Reply] = []
    async with ScriptedServer(lambda _: replies.pop(0) if replies else OUT) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            clock = bot.clock
            await (await bot.app.receiver.receive(message(bot, "Hi", "1", in_channel("bob"))))
            await (await bot.app.receiver.receive(message(bot, "Hi", "2", in_channel("ada"))))  # behind bob's
            assert len(bot.platform.notices) == 2
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.say("Are you there?")
            await bot.say("Are you there?", person="bob")
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert bot.platform.notices == []
            await bot.say("Hi", person="cy")
            assert len(bot.platform.notices) == 1
            replies += [says("Back.")] * 5
            await later(bot, minutes=10)
            assert len(said(bot)) == 5
            await bot.say("Again")
            assert len(bot.platform.notices) == 2


async def test_of_several_people_who_are_answered_together_each_is_told_of_an_outage(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server, bot_max_waiting_messages=1)) as bot:
            hold = asyncio.Event()
            lane = bot.app.lanes.submit("console:channel:general", hold.wait)  # type: ignore[arg-type]
            for number, person in enumerate(("ada", "bob", "ada", "carl")):
                await bot.app.receiver.receive(message(bot, "Hi", f"e{number}", in_channel(person)))
            hold.set()
            await lane
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            assert len(bot.platform.notices) == 3
            await later(bot, minutes=10)
            assert len(bot.platform.notices) == 3


async def test_after_the_hours_that_it_may_wait_a_message_is_put_aside(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: OUT) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=2)) as bot:
            await bot.say("Hi")
            for _ in range(2):
                await later(bot, minutes=70)
            assert await states(bot, "turns") == ["parked"]
            assert await states(bot, "inbox") == ["parked"]
            assert "gave no answer" in await bot.command("status")
            assert len(bot.platform.notices) == 1
            await later(bot, days=1)
            assert await states(bot, "turns") == ["parked"]


async def test_without_hours_to_wait_the_person_is_told_to_try_again(tmp_path: Path) -> None:
    async with ScriptedServer([*DOWN, says("Yes.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_retry_hours=0)) as bot:
            assert await bot.say("Hi") == []
            assert bot.platform.notices == ["My language model is out of order right now. Please try again in a while."]
            assert await bot.say("Hi again") == ["Yes."]


async def test_what_the_server_cannot_take_is_put_aside_at_once(tmp_path: Path) -> None:
    async with ScriptedServer([fails(422, "nonsense"), says("Yes.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.say("Hi") == []
            assert await states(bot, "turns") == ["parked"]
            assert await bot.say("Hi again") == ["Yes."]
