"""Erasing in the midst of things: turns under way, replies on their way, talk of many, restarts."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from adapters.ports.commands import CommandCall
from adapters.ports.errors import PlatformUnavailable
from adapters.ports.messages import InboundMessage
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.origins import to_json
from bot.testing import Bot, Clock, Fault, RecordingPlatform, direct, open_bot
from memory.erasing.floors import ANYBODY, EVERYWHERE, Floors
from memory.erasing.whose import Whose
from memory.ports import StorageUnavailable
from memory.sqlite.database import Database
from memory.sqlite.tables import erasures, inbox, outbox, timers, turns, usage
from tests.bot.commands.test_erase_me import HERS, holding, keeps

WAIT = 60


async def rows(bot: Bot, *tables: object) -> list[int]:
    async with bot.app.stores.database.read() as connection:
        return [await connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]  # type: ignore[arg-type]


async def test_what_waits_for_the_model_is_never_answered(tmp_path: Path) -> None:
    is_down = True

    def model(_: object) -> Reply:
        return fails(503) if is_down else says("I see.")

    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_timeout_s=1) as bot:
            assert await bot.say(f"My word is {HERS}") == []
            assert await bot.write(f"Here it is {HERS}") == []
            assert "Found: nothing" in await bot.command("erase-me erase me")
            assert await rows(bot, inbox, turns, outbox) == [0, 0, 0]
            is_down = False
            assert await bot.say("Hello", person="bob") == ["I see."]
            await bot.app.lanes.idle()
            assert [text for _, text in bot.platform.sent] == ["I see."]
            assert holding(tmp_path, HERS) == []


async def test_a_reply_that_could_not_be_delivered_yet_is_not(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    platform.on_send.extend([Fault(PlatformUnavailable("down"))] * 3)
    async with ScriptedServer(lambda _: says(f"You said {HERS}")) as server:
        async with open_bot(tmp_path, platform=platform, llm_model="m", openai_base_url=server.url) as bot:
            await bot.app.receiver.receive(_message(bot))
            await bot.app.lanes.idle()
            assert "Found: nothing" in await bot.command("erase-me erase me")
            assert await rows(bot, outbox) == [0]
            assert holding(tmp_path, HERS) == []


def _message(bot: Bot) -> InboundMessage:
    return InboundMessage("one", direct("ada"), f"My word is {HERS}", bot.clock())


async def test_it_waits_for_the_turn_under_way_and_others_do_not_wait_for_it(tmp_path: Path) -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:

            async def hold() -> None:
                asked.set()
                await goes_on.wait()

            held = bot.app.lanes.submit("console:dm:ada", hold)
            await asked.wait()
            await bot.app.receiver.receive(_message(bot))  # it waits behind that
            erasing = asyncio.create_task(bot.command("erase-me erase me"))
            while not (await rows(bot, erasures))[0]:
                pass
            assert await bot.say("Hello", person="bob") == ["I see."]
            assert not erasing.done()
            goes_on.set()
            await held
            assert "Found: nothing" in await asyncio.wait_for(erasing, WAIT)
            assert [text for _, text in bot.platform.sent] == ["I see."]
            assert holding(tmp_path, HERS) == []


async def test_whoever_waits_no_longer_is_told_by_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"My word is {HERS}")
            erasure = bot.app.rights.erasing._erasure
            ask = erasure.ask_for_person

            async def ask_and_be_cut_off(*asked: Any) -> Any:
                request = await ask(*asked)
                waiting.cancel()
                return request

            monkeypatch.setattr(erasure, "ask_for_person", ask_and_be_cut_off)
            call = CommandCall(direct("ada"), "erase-me erase me")
            waiting = asyncio.create_task(bot.app.commands.run(call))
            with pytest.raises(asyncio.CancelledError):
                await waiting
            while running := set(bot.app.rights.erasing._running):
                await asyncio.wait(running)
            await bot.app.notices.settled("console")
            assert "Done: you are erased." in bot.platform.notices[0]
            assert holding(tmp_path, HERS) == []


async def test_an_erasure_that_an_earlier_process_left_is_told_when_it_is_done(tmp_path: Path) -> None:
    later = Clock()
    later.moment += timedelta(days=1)
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"My word is {HERS}")
            erasure = bot.app.rights.erasing._erasure
            await erasure.ask_for_person(Whose("console:ada"), bot.clock(), to_json(direct("ada")))
        assert holding(tmp_path, HERS) != []
        async with open_bot(tmp_path, clock=later, llm_model="m", openai_base_url=server.url) as bot:
            assert holding(tmp_path, HERS) == []
            await bot.app.notices.settled("console")
            assert "Done: you are erased." in bot.platform.notices[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_the_talk_of_many_nothing_of_one_is_left_and_all_of_the_others(tmp_path: Path, seed: int) -> None:
    """Each message has a word of its own; whoever is erased, and whenever."""
    chance, said = Random(seed), dict[str, set[str]]()
    people, places = ("ada", "bob", "carol"), (None, "general", "random")
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, bot_max_waiting_messages=2) as bot:
            for _ in range(25):
                person, place = chance.choice(people), chance.choice(places)
                word = f"w{chance.getrandbits(40):010x}"
                said.setdefault(person, set()).add(word)
                if chance.random() < 0.15:
                    await bot.command(f"remember {word}", person=person, channel=place)
                elif place is None:
                    await bot.say(f"It is {word}", person=person)
                else:
                    await bot.write(f"It is {word}", person=person, channel=place)
                if chance.random() < 0.1:
                    agent = await bot.agent(person=person, channel=place)
                    await bot.app.rights.checkpoints.save(agent, f"save {chance.random()}")
            gone = chance.choice(sorted(said))
            assert "Found: nothing" in await bot.command("erase-me erase me", person=gone)
            assert {word for word in said[gone] if holding(tmp_path, word)} == set()
            await bot.app.stores.database.truncate_log()
            theirs = set[str]().union(*(words for person, words in said.items() if person != gone))
            assert {word for word in theirs if not holding(tmp_path, word)} == set()


async def test_calls_of_the_model_stay_as_numbers_that_name_nobody(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("Hello")
            await bot.write("Hello")
            await bot.command("erase-me erase me")
            async with bot.app.stores.database.read() as connection:
                kept = (await connection.execute(select(usage.c.agent_id, usage.c.person))).all()
            channel = (await bot.agent(channel="general")).id
            assert kept == [(None, None), (channel, None)]


# ── floors ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", Clock()())
    yield database
    await database.close()


async def test_a_floor_hides_what_is_older_of_that_person_or_place_and_nothing_else(
    database: Database, tmp_path: Path
) -> None:
    now, floors = Clock()(), Floors(database, tmp_path)
    await floors.open()
    assert not floors.hides("discord:1", "discord:dm:1", now)
    earlier, later = now - timedelta(days=1), now + timedelta(hours=1)
    new = await floors.lift({("discord:1", EVERYWHERE): now, ("discord:1", "c"): later, (ANYBODY, "gone"): earlier})
    async with database.write() as transaction:
        await floors.heed(transaction, new)
    for known in (floors, Floors(database, tmp_path)):
        await known.open()
        assert known.hides("discord:1", "anywhere", now)
        assert not known.hides("discord:1", "anywhere", later)
        assert known.hides("discord:1", "c", later)
        assert known.hides("discord:2", "gone", earlier)
        assert not known.hides("discord:2", "gone", now)
        assert not known.hides("discord:2", "c", earlier)
        assert not known.are_news
    written = (tmp_path / "floors").read_text(encoding="ascii")
    assert "discord" not in written
    assert (tmp_path / "floors.key").stat().st_mode & 0o777 == 0o600


async def test_a_floor_is_never_lowered(database: Database, tmp_path: Path) -> None:
    now, floors = Clock()(), Floors(database, tmp_path)
    await floors.open()
    await floors.lift({("discord:1", EVERYWHERE): now})
    await floors.lift({("discord:1", EVERYWHERE): now - timedelta(days=1)})
    assert floors.of("discord:1", "c") == now


async def test_floors_of_another_key_are_refused_in_a_line(database: Database, tmp_path: Path) -> None:
    (tmp_path / "floors.key").write_bytes(b"short")
    with pytest.raises(StorageUnavailable, match="not the key"):
        await Floors(database, tmp_path).open()
    (tmp_path / "floors.key").unlink()
    (tmp_path / "floors").write_text("no floor at all, this", encoding="ascii")
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        await Floors(database, tmp_path).open()


async def test_what_is_to_remind_them_goes_and_what_is_to_remind_others_stays(tmp_path: Path) -> None:
    def model(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] != "user":
            return says("Noted.", heartbeat=False)
        said = json.loads(last["content"])["message"]
        when = {"when": "2026-04-01T09:00", "note": said, "request_heartbeat": True}
        return answer("I come back to it", ("schedule_follow_up", when))

    async with ScriptedServer(model) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say(f"Remind me of {HERS}")
            await bot.write(f"Remind me of {HERS}")
            await bot.write("Remind me of cake", person="bob")
            assert "Found: nothing" in await bot.command("erase-me erase me")
            async with bot.app.stores.database.read() as connection:
                follow_ups = select(timers.c.note).where(timers.c.kind == "follow_up")
                assert list(await connection.scalars(follow_ups)) == ["Remind me of cake"]
            assert holding(tmp_path, HERS) == []
