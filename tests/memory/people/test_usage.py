"""Calls of the model, kept and summed up."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from memory.people.usage import ModelCall, UsageStore, UsageSum
from memory.sqlite.database import Database
from memory.sqlite.tables import agents

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(agent_id: int, **changed: object) -> ModelCall:
    plain = ModelCall(
        agent_id=agent_id,
        person="console:ada",
        model="gpt-4.1-mini",
        is_timed=False,
        prompt_tokens=1000,
        cached_tokens=400,
        completion_tokens=50,
        cost=0.01,
    )
    return replace(plain, **changed)


async def test_calls_are_summed_up_from_a_moment_on_and_in_all(database: Database, ada: int, bob: int) -> None:
    store = UsageStore(database)
    assert await store.sum(ada) == UsageSum(0, 0, 0, 0, 0, 0.0)
    await store.keep([call(ada), call(bob)], NOW - timedelta(seconds=1))
    async with database.write() as transaction:
        await store.save(transaction, [call(ada, cost=None), call(ada, person=None, cached_tokens=0)], NOW)
        await store.save(transaction, [], NOW)
    assert await store.sum(ada, NOW) == UsageSum(2, 2000, 400, 100, 1, 0.01)
    assert await store.sum(ada) == UsageSum(3, 3000, 800, 150, 2, pytest.approx(0.02))


async def test_what_a_transaction_takes_back_was_never_called(database: Database, ada: int) -> None:
    store = UsageStore(database)
    with suppress(RuntimeError):
        async with database.write() as transaction:
            await store.save(transaction, [call(ada)], NOW)
            raise RuntimeError
    assert (await store.sum(ada)).calls == 0


async def test_calls_that_could_not_be_kept_are_kept_with_the_next_ones(
    database: Database, ada: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**options: object) -> None:
        raise OSError("database or disk is full")

    store = UsageStore(database)
    with monkeypatch.context() as patched:
        patched.setattr(database, "write", full)
        for moment in (NOW, NOW + timedelta(hours=1)):
            with pytest.raises(OSError, match="full"):
                await store.keep([call(ada), call(bob)], moment)
        assert store.owes
    async with database.write() as transaction:
        await transaction.execute(delete(agents).where(agents.c.id == bob))
    await store.keep([], NOW + timedelta(hours=2))
    assert not store.owes
    assert (await store.sum(ada)).calls == 2
    assert (await store.sum(ada, NOW + timedelta(minutes=1))).calls == 1
    await store.keep([call(ada)], NOW)
    assert (await store.sum(ada)).calls == 3
