"""Nothing lost, nothing said twice: events, turns and replies outlive the process."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.ports.messages import Address
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import RecordingPlatform, open_bot, texts
from memory.ports import Kind
from tests.bot.turns.durable import ADA, message, said, settings, states


def killed_here(data: Path, copy: Path) -> None:
    """The database as a process that is killed now would leave it."""
    copy.mkdir()
    with closing(sqlite3.connect(data / "bot.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(copy / "bot.db"),))


async def test_a_message_that_was_received_and_no_more_is_answered_after_a_restart(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("Hello.")) as server:
        async with open_bot(tmp_path / "a", **settings(server)) as bot:
            await bot.app.receiver.receive(message(bot, "Hi", "e1"))
            killed_here(tmp_path / "a", tmp_path / "b")
            await bot.app.receiver.close(0)
        async with open_bot(tmp_path / "b", **settings(server)) as bot:
            assert await states(bot, "inbox") == ["waiting"]
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Hello."]


async def test_killed_at_each_model_call_a_turn_goes_on_from_its_last_step(tmp_path: Path) -> None:
    """Three steps: a note, a search, an answer. Whatever was done is not done again."""
    note = answer(None, ("archival_memory_insert", {"content": "Likes figs.", "request_heartbeat": True}))
    edit = answer(None, ("core_memory_append", {"label": "human", "content": "Figs!", "request_heartbeat": True}))
    script = [note, edit, says("Noted.")]

    for at in range(len(script)):
        data, copy = tmp_path / f"data{at}", tmp_path / f"copy{at}"

        def reply(request: Request, at: int = at, data: Path = data, copy: Path = copy) -> Reply:
            step = len(texts(request["messages"], "tool"))
            if step == at and not copy.exists():
                killed_here(data, copy)
            return script[step]

        async with ScriptedServer(reply) as server:
            platform = RecordingPlatform()
            async with open_bot(data, **settings(server)) as bot:
                await bot.say("I like figs")
                before = len(server.requests)
            assert before == 3
            async with open_bot(copy, platform=platform, **settings(server)) as bot:
                await bot.app.lanes.idle()
                await bot.app.notices.settled("console")
                await bot.app.outbox.settled(ADA.address)
                assert said(bot) == ["Noted."]
                assert len(server.requests) - before == 3 - at  # the call under way is made again, no other
                agent = await bot.agent()
                assert agent.core.block("human").value.count("Figs!") == 1
                assert await bot.app.shelves.archival.count(agent.id) == 1
                kinds = [kept.kind for kept in await bot.app.shelves.recall.queue(agent.id)]
                assert kinds.count(Kind.USER_MESSAGE) == 1
                assert await states(bot, "turns") == ["done"]


@pytest.mark.parametrize("was_posted", [True, False])
async def test_a_reply_that_was_being_sent_is_looked_for_before_it_is_sent_again(
    tmp_path: Path, was_posted: bool
) -> None:
    class Killed(RecordingPlatform):
        async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
            if was_posted:
                await super().send(address, text, key)
            killed_here(tmp_path / "data", tmp_path / "copy")
            raise asyncio.CancelledError

    async with ScriptedServer([says("Hello.")]) as server:
        platform = Killed()
        async with open_bot(tmp_path / "data", platform=platform, **settings(server)) as bot:
            await bot.say("Hi")
        after = RecordingPlatform(sent=platform.sent, shown=platform.shown)
        async with open_bot(tmp_path / "copy", platform=after, **settings(server)) as bot:
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Hello."]
            assert after.dropped == []
            assert len(server.requests) == 1


async def test_at_the_end_a_turn_stops_after_its_step_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()
    search = answer(None, ("conversation_search", {"query": "x", "request_heartbeat": True}))

    async def reply(request: Request) -> Reply:
        asked.set()
        await gate.wait()
        return says("Done.") if texts(request["messages"], "tool") else search

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            handed_in = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", "e1")))
            await asked.wait()
            closing_ = asyncio.ensure_future(bot.app.receiver.close(20))
            await asyncio.sleep(0)
            gate.set()
            await closing_
            await handed_in
            assert said(bot) == []
            assert await states(bot, "turns") == ["running"]
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.notices.settled("console")
            await bot.app.outbox.settled(ADA.address)
            assert said(bot) == ["Done."]
    assert len(server.requests) == 2


async def test_a_step_that_does_not_end_within_the_grace_is_cut_off_and_taken_up_again(tmp_path: Path) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hangs(request: Request) -> Reply:
        asked.set()
        await never.wait()
        return says("Too late.")

    async with ScriptedServer(hangs) as server, open_bot(tmp_path, **settings(server)) as bot:
        handed_in = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", "e1")))
        await asked.wait()
        await bot.app.receiver.close(0)
        await asyncio.wait([handed_in])
        assert await states(bot, "turns") == ["running"]
        never.set()
    async with ScriptedServer([says("Here I am.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Here I am."]


async def test_of_several_turns_that_were_left_in_one_scope_each_goes_on(tmp_path: Path) -> None:
    asked, never = asyncio.Semaphore(0), asyncio.Event()

    async def hangs(request: Request) -> Reply:
        asked.release()
        await never.wait()
        return says("Too late.")

    async with ScriptedServer(hangs) as server:
        for number in range(3):  # as if each process had forgotten of the turn before
            async with open_bot(tmp_path, **settings(server)) as bot:
                begun = asyncio.ensure_future(await bot.app.receiver.receive(message(bot, "Hi", f"e{number}")))
                await asked.acquire()
                await bot.app.receiver.close(0)
                await asyncio.wait([begun])
            with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
                database.execute("UPDATE turns SET state = 'stopped'")
        with closing(sqlite3.connect(tmp_path / "bot.db")) as database, database:
            database.execute("UPDATE turns SET state = 'running'")
        never.set()
    async with ScriptedServer(lambda _: says("Here I am.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
        await bot.app.outbox.settled(ADA.address)
        assert said(bot) == ["Here I am."] * 3
        assert await states(bot, "turns") == ["done"] * 3
