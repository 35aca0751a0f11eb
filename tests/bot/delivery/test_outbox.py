"""Replies go out in order and once, when nothing fails."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from adapters.ports.messages import Address
from memory.sqlite.writer import Writer
from tests.bot.delivery.outbox_process import ADA, BOB, Process


async def test_replies_go_out_in_order_and_their_text_is_forgotten(here: Process) -> None:
    await here.say("one", "two")
    await here.say("three")
    await here.outbox.settled(ADA)
    assert here.shown() == ["one", "two", "three"]
    for row in await here.rows():
        assert (row.state, row.text, row.sent_id) == ("sent", None, f"message-{row.key}")
        assert len(row.key) <= 25
        assert row.key.isalnum()


async def test_each_address_has_a_task_while_it_is_busy_and_none_after(here: Process) -> None:
    await here.say("one", at=ADA)
    await here.say("one", at=BOB)
    here.outbox.wake(BOB)
    assert len(here.tasks()) == 2
    await asyncio.gather(here.outbox.settled(ADA), here.outbox.settled(BOB))
    assert here.tasks() == []
    await here.outbox.settled(ADA)
    assert here.shown(BOB) == ["one"]


async def test_a_thread_gets_what_is_for_the_thread(here: Process) -> None:
    thread = Address("console", "ada", "t")
    await here.say("in the channel")
    await here.say("in the thread", at=thread)
    await here.idle()
    assert (here.shown(ADA), here.shown(thread)) == (["in the channel"], ["in the thread"])


async def test_what_is_added_while_the_last_reply_goes_out_is_not_forgotten(here: Process) -> None:
    for ticks in range(60):  # whatever the task is doing at that moment
        await here.say(f"first {ticks}")
        for _ in range(ticks):
            await asyncio.sleep(0)
        await here.say(f"second {ticks}")
        await here.outbox.settled(ADA)
        assert here.shown()[-2:] == [f"first {ticks}", f"second {ticks}"]


async def test_a_reply_is_marked_as_sent_together_with_the_next_as_being_sent(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.add("one", "two", "three")
    commits, commit = Counter[str](), Writer._commit

    async def counted(writer: Writer, group: Any) -> None:
        commits["commit"] += 1
        await commit(writer, group)

    monkeypatch.setattr(Writer, "_commit", counted)
    here.outbox.wake(ADA)
    await here.idle()
    assert commits["commit"] == 4
    assert await here.states() == ["sent"] * 3


async def test_what_is_for_a_platform_that_is_not_served_stays(here: Process) -> None:
    elsewhere = Address("slack", "c")
    await here.say("one", at=elsewhere)
    await here.outbox.settled(elsewhere)
    assert await here.states() == ["waiting"]


async def test_what_two_agents_say_at_one_address_in_the_same_moment_is_delivered(here: Process) -> None:
    async with here.database.write() as transaction:
        handed = [await here.outbox.add(transaction, here.agent_id, 1, ADA, [text]) for text in ("one", "two")]
    for replies in handed:
        here.outbox.wake(ADA, replies)
    await here.idle()
    assert here.shown() == ["one", "two"]
    assert await here.states() == ["sent", "sent"]
