"""Nobody knows whether a reply was posted: it is looked for before it is sent again."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

import bot.delivery.outbox
from adapters.ports.errors import CannotTell, DeliveryRefused
from adapters.ports.messages import Address
from bot.testing import Fault
from memory.turns.outbox import AT_ONCE
from tests.bot.delivery.outbox_process import (
    ADA,
    ADA_IN_THREAD,
    REFUSED_TO_CONNECT,
    UNHEARD,
    UNHEARD_BUT_POSTED,
    Process,
    Telling,
    Time,
    process,
)


@pytest.mark.parametrize("fault", [UNHEARD, UNHEARD_BUT_POSTED])
async def test_a_reply_whose_answer_nobody_heard_is_looked_for_before_it_is_sent_again(
    here: Process, fault: Fault
) -> None:
    here.platform.on_send.append(fault)
    here.platform.on_find.append(UNHEARD)  # and once that fails as well
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []
    assert [(row.state, row.sent_id) for row in await here.rows()] == [
        ("sent", f"message-{row.key}") for row in await here.rows()
    ]


async def test_what_is_looked_for_may_have_been_posted_by_another_clock(folder: Path, time: Time) -> None:
    platform = Telling(is_connected=True)
    async with process(folder, platform, time) as here:
        await here.say("before", at=ADA_IN_THREAD)
        await here.idle()
        (before,) = await here.rows()
        time.moment += timedelta(minutes=15)  # by a clock that is ten minutes behind it is five minutes old
        platform.on_send.append(UNHEARD)
        await here.say("one")
        await here.idle()
        (sought,) = platform.sought
    assert sought.since < time() - timedelta(minutes=9)
    assert before.sent_id in sought.known


async def test_a_reply_is_sent_again_with_the_key_it_had(here: Process) -> None:
    here.platform.on_send.append(UNHEARD)
    await here.add("one")
    key = (await here.rows())[0].key
    here.outbox.wake(ADA)
    await here.idle()
    assert list(here.platform.shown[ADA]) == [key]


@pytest.mark.parametrize("cannot", [CannotTell("history is closed"), DeliveryRefused("missing access")])
@pytest.mark.parametrize("fault", [UNHEARD, UNHEARD_BUT_POSTED])
async def test_what_cannot_be_looked_for_is_not_sent_again_and_told(
    here: Process, caplog: pytest.LogCaptureFixture, fault: Fault, cannot: Exception
) -> None:
    here.platform.on_send.append(fault)
    here.platform.on_find.append(Fault(cannot))
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == (["one", "two"] if fault.is_posted else ["two"])
    assert await here.states() == ["doubtful", "sent"]
    assert [lost.is_doubtful for lost in await here.store.lost_of(here.agent_id)] == [True]
    assert "nobody knows" in caplog.text


async def test_what_was_surely_not_taken_is_sent_again_though_it_cannot_be_looked_for(here: Process) -> None:
    here.platform.on_send.extend([REFUSED_TO_CONNECT] * 3)
    here.platform.on_find.extend([Fault(CannotTell("history is closed"))] * 9)
    await here.say("one")
    await here.idle()
    assert here.shown() == ["one"]


async def test_a_platform_that_says_nothing_is_left_and_the_reply_looked_for(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, silent = here.platform.send, [True]

    async def silent_once(address: Address, text: str, key: str, **more: object) -> str | None:
        sent_id = await send(address, text, key)
        if silent:
            silent.pop()
            monkeypatch.undo()
            await asyncio.Event().wait()
        return sent_id

    here.platform.send = silent_once  # type: ignore[method-assign]
    monkeypatch.setattr(bot.delivery.outbox, "ANSWERS_WITHIN_S", 0.0)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []


async def test_of_many_addresses_that_an_outage_held_up_few_stand_before_a_turn_at_the_database(here: Process) -> None:
    send, queues = here.platform.send, list[int]()

    async def counting(address: Address, text: str, key: str, **more: object) -> str | None:
        queues.append(here.database.in_line)
        return await send(address, text, key)

    here.platform.send = counting  # type: ignore[method-assign]
    for number in range(100):
        await here.add("one", at=Address("console", f"c{number}"))
    await here.outbox.resume(lambda address: True)
    await here.idle()
    assert len(here.platform.sent) == 100
    assert max(queues) <= AT_ONCE
