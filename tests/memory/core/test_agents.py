"""Agents as they are kept: found by their scope, with core memory, its journal and the summary."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from memory.core.agents import AgentRecord, AgentStore
from memory.ports import BlockEdit
from memory.sqlite.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, BOB = "console:dm:ada", "console:dm:bob"


@pytest.fixture
def store(database: Database) -> AgentStore:
    return AgentStore(database)


def edit(label: str, before: str, after: str, **more: object) -> BlockEdit:
    told: dict[str, object] = {"author": "agent", "reason": "test", "source_message_id": None, "created_at": NOW}
    return BlockEdit(label, before, after, **(told | more))  # type: ignore[arg-type]


async def test_nobody_has_spoken_there_yet(store: AgentStore) -> None:
    assert await store.find(ADA) is None


async def test_a_new_agent_is_found_by_its_scope_with_its_blocks_in_order(
    store: AgentStore, database: Database
) -> None:
    blocks = (("persona", "I am"), ("human", ""), ("a", "comes last, not first"))
    async with database.write() as transaction:
        made = await store.create(transaction, ADA, blocks, NOW)
    assert made == AgentRecord(made.id, ADA, NOW, "memgpt_chat", "", False, blocks)
    assert await store.find(ADA) == made
    assert await store.find(BOB) is None
    assert await store.find(ADA.upper()) is None


async def test_a_scope_has_one_agent(store: AgentStore, database: Database, ada: int) -> None:
    async def make_another() -> None:
        async with database.write() as transaction:
            await store.create(transaction, ADA, [("human", "another")], NOW)

    with pytest.raises(IntegrityError):
        await make_another()
    found = await store.find(ADA)
    assert found is not None
    assert found.id == ada
    assert found.blocks == (("persona", "I am"), ("human", ""))


async def test_an_agent_that_was_not_committed_is_not_there(store: AgentStore, database: Database) -> None:
    async def fail() -> None:
        async with database.write() as transaction:
            await store.create(transaction, ADA, [("human", "")], NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await store.find(ADA) is None


async def test_edits_change_the_blocks_of_their_agent_alone(
    store: AgentStore, database: Database, ada: int, bob: int
) -> None:
    edits = [
        edit("human", "", "Ada"),
        edit("human", "Ada", "Ada, 36"),
        edit("persona", "I am", "I am kind 👩‍👧 \U0001f9c1"),
    ]
    async with database.write() as transaction:
        await store.save_edits(transaction, ada, edits)
    changed, other = await store.find(ADA), await store.find(BOB)
    assert changed is not None
    assert other is not None
    assert changed.blocks == (("persona", "I am kind 👩‍👧 \U0001f9c1"), ("human", "Ada, 36"))
    assert other.blocks == (("persona", "I am"), ("human", ""))


async def test_the_journal_holds_every_edit_newest_first(
    store: AgentStore, database: Database, ada: int, bob: int
) -> None:
    edits = [
        edit("human", "", "Ada", author="agent", reason="core_memory_append", source_message_id=7),
        edit("human", "Ada", "Eve", author="ada", reason="command", created_at=NOW + timedelta(microseconds=1)),
    ]
    async with database.write() as transaction:
        await store.save_edits(transaction, ada, edits)
    assert await store.journal(ada) == (edits[1], edits[0])
    assert await store.journal(ada, limit=1) == (edits[1],)
    assert await store.journal(bob) == ()


async def test_no_edits_write_nothing(store: AgentStore, database: Database, ada: int) -> None:
    async with database.write() as transaction:
        await store.save_edits(transaction, ada, [])
    assert await store.journal(ada) == ()


async def test_summary_and_warning_are_kept(store: AgentStore, database: Database, ada: int, bob: int) -> None:
    async with database.write() as transaction:
        await store.save_pressure(transaction, ada, summary="We spoke of figs.", warned=True)
    found, other = await store.find(ADA), await store.find(BOB)
    assert found is not None
    assert other is not None
    assert (found.summary, found.warned) == ("We spoke of figs.", True)
    assert (other.summary, other.warned) == ("", False)
