"""A turn that ends the process whenever it runs is found and put aside, and no other is taken for it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.testing import Reply, Request, ScriptedServer, says
from bot.inbound.receive import CALM_S
from bot.slash.command import WENT_WRONG
from bot.testing import Bot, direct, open_bot, texts


class DeadlyModel:
    """Ada's messages end the process: each time, what it would leave is copied to the folder of the next life.

    In the first lives, it ends in the moment in which Bob's turn is under way, too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lives = 0
        self.waits_for_bob = True
        self.asked: list[str] = []
        self._bob_asks = asyncio.Event()
        self._is_over = asyncio.Event()

    @property
    def data(self) -> Path:
        return self.folder / str(self.lives)

    def begin(self) -> None:
        self._bob_asks.clear()
        self._is_over.clear()

    async def __call__(self, request: Request) -> Reply:
        person = "ada" if "Die" in texts(request["messages"], "user")[-1] else "bob"
        self.asked.append(person)
        if person == "ada":
            if self.waits_for_bob:
                await self._bob_asks.wait()
            copy = self.folder / str(self.lives + 1)
            copy.mkdir()
            with closing(sqlite3.connect(self.data / "bot.db")) as connection:
                connection.execute("VACUUM INTO ?", (str(copy / "bot.db"),))
            self._is_over.set()
            return says("Never heard.")
        self._bob_asks.set()
        if self.waits_for_bob:
            await self._is_over.wait()
        return says("Hello, Bob.")


async def live(model: DeadlyModel, server: ScriptedServer) -> list[str]:
    """A life until its end, or until all is done; returns what Bob hears."""
    model.begin()
    async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
        await pass_(bot, CALM_S)
        return [text for address, text in bot.platform.sent if address == direct("bob").address]


async def pass_(bot: Bot, seconds: float) -> None:
    for length in (0, seconds, 0, 0):  # to where it waits; past that; and for one of two after the other
        bot.clock.advance(seconds=length)
        for _ in range(10):
            await asyncio.sleep(0)
        await bot.app.lanes.idle()
        await bot.app.notices.settled("console")
    for person in ("ada", "bob"):
        await bot.app.outbox.settled(direct(person).address)


async def states(bot: Bot) -> list[Any]:
    async with bot.app.stores.database.read() as connection:
        return list((await connection.exec_driver_sql("SELECT state FROM turns ORDER BY id")).scalars())


async def test_who_was_at_work_whenever_the_process_ended_is_answered(tmp_path: Path) -> None:
    model = DeadlyModel(tmp_path)
    async with ScriptedServer(model) as server:
        async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
            await asyncio.gather(bot.say("Die!"), bot.say("Hi", person="bob"))
        for _ in range(2):
            model.lives += 1
            await live(model, server)
        assert sorted(model.asked) == ["ada"] * 3 + ["bob"] * 3

        model.waits_for_bob = False
        model.asked.clear()
        for _ in range(2):  # both are held now, and let go one by one
            model.lives += 1
            await live(model, server)
        assert model.asked.count("ada") == 1  # in the second of these lives it is put aside
        assert "bob" in model.asked


async def test_what_ends_the_process_again_and_again_is_put_aside_and_the_person_told(tmp_path: Path) -> None:
    model = DeadlyModel(tmp_path)
    model.waits_for_bob = False
    async with ScriptedServer(model) as server:
        async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("Die!")
        for _ in range(3):
            model.lives += 1
            await live(model, server)
        assert len(model.asked) == 4
        model.lives += 1
        async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
            await pass_(bot, CALM_S)
            assert await states(bot) == ["parked"]
            assert len(model.asked) == 4
            assert bot.platform.sent == []
            assert bot.platform.notices == [WENT_WRONG]
            assert "the program ended whenever it came to this" in await bot.command("status")


async def test_what_is_written_to_an_agent_that_is_held_is_answered_after_it(tmp_path: Path) -> None:
    model = DeadlyModel(tmp_path)
    model.waits_for_bob = False
    async with ScriptedServer(model) as server:
        async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("Die!")
        for _ in range(2):
            model.lives += 1
            await live(model, server)
        model.lives += 1
        async with open_bot(model.data, llm_model="m", openai_base_url=server.url) as bot:
            assert await bot.say("Hi") == []
            assert len(model.asked) == 3
            await pass_(bot, CALM_S)
            assert [text for _, text in bot.platform.sent] == ["Never heard.", "Hello, Bob."]
