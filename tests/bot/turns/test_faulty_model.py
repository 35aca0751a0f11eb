"""A model server that fails in every way, one after the other and many at once: every message has its one answer."""

import asyncio
import logging
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.ports.messages import InboundMessage, Origin
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, RecordingPlatform, direct, open_bot
from bot.turns.outage_told import KEPT
from memory.portable.records import KeptMessage
from memory.ports import Kind
from tests.faulty_proxy import FAULTS, FaultyProxy

logger = logging.getLogger(__name__)

PEOPLE, MESSAGES_EACH = 25, 20
WAITS_FOR_THE_ANSWER = 0.7
"""How often somebody does, before they write again."""

NAMED = re.compile(r"\[\d+-\d+\]")


def hears(request: Request) -> Reply:
    """An answer that names each message since the last answer, and no other."""
    if not request.get("tools"):
        return answer("A summary.")
    named: list[str] = []
    for entry in reversed(request["messages"]):
        if entry["role"] == "assistant":
            break
        named = [*NAMED.findall(str(entry["content"])), *named] if entry["role"] == "user" else named
    return says(f"I heard {' '.join(named)}.")


@dataclass
class Witness(RecordingPlatform):
    """Notes of each notice how many outages were over before."""

    over: Callable[[], int] = lambda: 0
    told: list[tuple[str, int, str]] = field(default_factory=list)

    async def notify(self, origin: Origin, text: str) -> None:
        self.told.append((origin.person.id, self.over(), text))


@pytest.fixture(autouse=True)
def _sdk_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INITIAL_RETRY_DELAY", "MAX_RETRY_DELAY"):
        monkeypatch.setattr(f"openai._base_client.{name}", 0.001)


async def write(bot: Bot, number: int, chance: Random) -> None:
    """One person's messages, some of them right behind the last."""
    under_way = []
    for count in range(MESSAGES_EACH):
        text, person = f"[{number}-{count}] Good day", direct(str(number))
        told = await bot.app.receiver.receive(InboundMessage(text, person, text, bot.clock()))
        under_way.append(asyncio.ensure_future(told))
        if chance.random() < WAITS_FOR_THE_ANSWER:
            await under_way[-1]
    await asyncio.gather(*under_way)


async def let_time_pass(bot: Bot) -> None:
    while True:
        await asyncio.sleep(0.002)
        bot.clock.advance(seconds=5)


async def count_open(bot: Bot) -> int:
    async with bot.app.stores.database.read() as connection:
        counts = [
            (await connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE state <> '{end}'")).scalar_one()
            for table, end in (("inbox", "done"), ("turns", "done"), ("outbox", "sent"))
        ]
    return sum(counts)


async def test_whatever_befalls_the_model_each_message_is_answered_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.turns.outage")
    seed = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(2**32))
    logger.warning("the same again: FAULTS_SEED=%d", seed)
    async with ScriptedServer(hears) as server, FaultyProxy(urlsplit(server.url).port or 0, seed) as proxy:
        platform = Witness(over=lambda: sum("answers again" in record.msg for record in caplog.records))
        settings: dict[str, Any] = {"llm_model": "m", "openai_base_url": proxy.url, "llm_retry_hours": 10_000}
        async with open_bot(tmp_path, platform=platform, **settings) as bot:
            ticking = asyncio.ensure_future(let_time_pass(bot))
            people = [write(bot, number, Random(seed + number)) for number in range(PEOPLE)]
            async with asyncio.timeout(50):
                await asyncio.gather(*people)
                proxy.is_well = True  # what is left is answered once it is
                while await count_open(bot):
                    await asyncio.sleep(0.05)
            ticking.cancel()
            await asyncio.wait([ticking])

            check_the_proxy(proxy)
            check_the_answers(platform)
            check_the_notices(platform)
            for number in range(PEOPLE):
                await check_recall(bot, number)


def check_the_proxy(proxy: FaultyProxy) -> None:
    logger.info("outages=%d faults=%s", proxy.outages, dict(proxy.met))
    assert proxy.outages
    assert set(FAULTS) - set(proxy.met) <= {"no choices", "an empty body", "cut within the head"}  # the rarest


def check_the_answers(platform: RecordingPlatform) -> None:
    heard: dict[str, list[str]] = defaultdict(list)
    for address, text in platform.sent:
        heard[address.channel] += NAMED.findall(text)
    assert heard == {str(number): [f"[{number}-{count}]" for count in range(MESSAGES_EACH)] for number in range(PEOPLE)}
    assert platform.dropped == []


def check_the_notices(platform: Witness) -> None:
    assert {text for _, _, text in platform.told if not text.endswith(KEPT)} == set()
    assert len({(person, over) for person, over, _ in platform.told}) == len(platform.told)


async def check_recall(bot: Bot, number: int) -> None:
    kept = [record for record in await bot.kept(person=str(number)) if isinstance(record, KeptMessage)]
    written = [record.text for record in kept if record.kind is Kind.USER_MESSAGE]
    assert written == [f"[{number}-{count}] Good day" for count in range(MESSAGES_EACH)]
    said = [record.text for record in kept if record.kind is Kind.ASSISTANT and record.text]
    assert said == [text for address, text in bot.platform.sent if address.channel == str(number)]
