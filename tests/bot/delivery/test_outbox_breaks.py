"""An adapter or the database breaks, or what was to be said is erased: the others go on."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event

from adapters.ports.errors import PlatformUnavailable
from bot.delivery.outbox import MAX_BROKEN_TRIES
from bot.testing import Fault
from memory.sqlite.tables import agents, outbox
from tests.bot.delivery.outbox_process import ADA, REFUSED_TO_CONNECT, Gate, Process, for_ever, process


async def test_an_adapter_that_breaks_is_told_of_once_and_does_not_stop_the_others(
    here: Process, caplog: pytest.LogCaptureFixture
) -> None:
    here.platform.on_send.extend([Fault(KeyError("text of a message"))] * MAX_BROKEN_TRIES)
    await here.say("one", "two")
    await here.idle()
    assert await here.states() == ["doubtful", "sent"]
    assert here.shown() == ["two"]
    assert caplog.text.count("Traceback") == 1
    assert (await here.rows())[0].fault == "KeyError"  # what it says may be anything


@pytest.mark.parametrize("is_posted", [True, False])
async def test_an_adapter_that_breaks_a_few_times_costs_nothing(here: Process, is_posted: bool) -> None:
    here.platform.on_send.append(Fault(ValueError("broken"), is_posted))
    here.platform.on_find.extend([Fault(ValueError("broken"))] * 3)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []


async def test_what_was_sent_while_the_disk_was_full_is_not_sent_again(
    here: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [OSError("disk full")] * 3

    def cannot_commit(connection: Any) -> None:
        if here.platform.sent and faults:
            raise faults.pop()

    counted: list[str] = []
    monkeypatch.setattr(here.outbox._metrics, "delivered", counted.append)
    event.listen(here.database._writers.sync_engine, "commit", cannot_commit)
    await here.say("one", "two")
    await here.idle()
    assert faults == []
    assert counted == ["sent", "sent"]
    assert here.shown() == ["one", "two"]
    assert here.platform.dropped == []
    assert caplog.text.count("cannot be read or written") == 3


async def test_what_an_erased_agent_would_have_said_is_not_said(here: Process) -> None:
    async def erased(seconds: float) -> None:
        async with here.database.write() as transaction:
            await transaction.execute(delete(agents))

    here.outbox._wait = erased
    here.platform.on_send.append(REFUSED_TO_CONNECT)
    await here.say("one", "two")
    await here.idle()
    assert here.shown() == []


async def test_what_is_erased_while_the_reply_before_it_goes_out_is_not_said(folder: Path) -> None:
    gate = Gate()
    async with process(folder, gate) as here:
        await here.say("one", "two")
        await gate.reached.wait()
        async with here.database.write() as transaction:
            await transaction.execute(delete(agents))
        gate.opened.set()
        await here.idle()
        assert here.shown() == ["one"]


async def test_a_wake_just_before_a_pause_is_heeded(folder: Path) -> None:
    gate = Gate()
    gate.on_send.append(REFUSED_TO_CONNECT)
    async with process(folder, gate, wait=for_ever) as here:
        await here.say("one")
        await gate.reached.wait()
        async with here.database.write() as transaction:
            await transaction.execute(delete(outbox))
        await here.say("two")
        gate.opened.set()
        await here.outbox.settled(ADA)
        assert here.shown() == ["two"]


async def test_a_wake_ends_a_pause_that_nothing_waits_for_any_more(stuck: Process) -> None:
    stuck.platform.on_send.append(Fault(PlatformUnavailable("too fast", 3600, may_be_posted=False)))
    await stuck.say("one")
    await stuck.outbox.settled(ADA)
    async with stuck.database.write() as transaction:
        await transaction.execute(delete(outbox))
    await stuck.say("two")
    await stuck.outbox.settled(ADA)
    assert stuck.shown() == ["two"]
    assert stuck.tasks() == []
