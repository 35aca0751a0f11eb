"""What one person said goes from a channel; what others said there, and the same id elsewhere, stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from adapters.models.token_counter import BpeTokenCounter
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.erasing.erased_rows import ErasedRows
from memory.erasing.stores import SOMEBODY, Doomed
from memory.erasing.telling import Telling
from memory.erasing.whose import Whose
from memory.ports import BlockEdit, Kind, NewMessage, NewPassage
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database
from memory.sqlite.tables import block_edits, blocks, messages, note_edits, passages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Whose("slack:T1/U1")


class Memory:
    def __init__(self, database: Database) -> None:
        self.database, self.store, self.recall = database, AgentStore(database), RecallStorage(database)
        telling = Telling(database, BpeTokenCounter())
        self.rows = ErasedRows(database, self.store, self.recall, lambda: NOW, telling)

    async def agent(self, scope: str) -> int:
        async with self.database.write() as transaction:
            made = await self.store.create(transaction, scope, [("persona", "I am"), ("channel", "")], NOW)
        return made.id

    async def turn(self, agent_id: int, *said: tuple[str, str], reply: str = "I see.", at: datetime = NOW) -> list[int]:
        """A turn about messages, each given with its writer; returns the ids of all."""
        new = [
            NewMessage(kind=Kind.USER_MESSAGE, created_at=at, text=text, author_id=author, author_name=author.lower())
            for author, text in said
        ]
        async with self.database.write() as transaction:
            events = await self.recall.append(transaction, agent_id, None, new)
            answered = NewMessage(kind=Kind.ASSISTANT, created_at=at, text=reply)
            (answer,) = await self.recall.append(transaction, agent_id, events[0].turn_id, [answered])
        return [*(event.id for event in events), answer.id]

    async def edit(self, agent_id: int, label: str, before: str, after: str, source: int | None, author: str) -> None:
        edit = BlockEdit(label, before, after, author, "why", source, NOW)
        async with self.database.write() as transaction:
            await self.store.save_edits(transaction, agent_id, [edit])

    async def erase(self, until: datetime = NOW) -> None:
        await self.recall.catch_up()
        touched = await self.rows.touched(ADA, until)
        await self.rows.redact_channels(touched, ADA, until, own_scope=ADA.own_scope)
        await self.rows.remove(Doomed(until, whose=ADA))

    async def texts(self, agent_id: int) -> list[str | None]:
        async with self.database.read() as connection:
            wanted = select(messages.c.text).where(messages.c.agent_id == agent_id).order_by(messages.c.id)
            return list(await connection.scalars(wanted))


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    database = await Database.open(tmp_path / "bot.db", tmp_path / "backups", NOW)
    yield Memory(database)
    await database.close()


async def test_the_same_id_in_another_team_or_on_another_platform_is_somebody_else(memory: Memory) -> None:
    scopes = ("slack:channel:T1/C1", "slack:channel:T2/C1", "discord:channel:1/2", "slack:dm:T1/U2")
    agents = [await memory.agent(scope) for scope in scopes]
    for agent_id in agents:
        await memory.turn(agent_id, ("U1", "Hello there"))
    await memory.erase()
    assert [len(await memory.texts(agent_id)) for agent_id in agents] == [0, 2, 2, 2]


async def test_what_is_newer_stays(memory: Memory) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    await memory.turn(agent_id, ("U1", "Old"))
    await memory.turn(agent_id, ("U1", "New"), at=NOW + timedelta(seconds=1))
    await memory.erase()
    assert await memory.texts(agent_id) == ["New", "I see."]


async def test_of_other_turns_goes_what_holds_a_telling_word(memory: Memory) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    await memory.turn(agent_id, ("U1", "My locker is ZX81Q, and I like tomorrow"))
    await memory.turn(agent_id, ("U2", "What did she say?"), reply="Her locker is zx81q.")
    await memory.turn(agent_id, ("U2", "And when?"), reply="She likes tomorrow.")
    await memory.turn(agent_id, ("U2", "Mine is QQ77"), reply="Yours is QQ77.")
    await memory.erase()
    assert await memory.texts(agent_id) == [
        "What did she say?",
        "(removed with the message that it came from)",
        "And when?",
        "She likes tomorrow.",  # a common word is nobody's
        "Mine is QQ77",
        "Yours is QQ77.",
    ]


async def test_a_word_that_others_have_said_as_well_tells_nothing(memory: Memory) -> None:
    agent_id, other = await memory.agent("slack:channel:T1/C1"), await memory.agent("slack:dm:T1/U9")
    await memory.turn(agent_id, ("U1", "The servers are K8S1 and K8S2"))
    await memory.turn(agent_id, ("U2", "Is K8S1 up?"), reply="K8S1 is up.")
    await memory.turn(other, ("U9", "K8S2 is mine"))
    await memory.turn(agent_id, ("U2", "And the other?"), reply="K8S2 is down.")
    await memory.erase()
    assert await memory.texts(agent_id) == ["Is K8S1 up?", "K8S1 is up.", "And the other?", "K8S2 is down."]


async def test_lines_that_they_brought_go_and_those_of_others_stay(memory: Memory) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    first, *_ = await memory.turn(agent_id, ("U1", "We meet on Mondays"))
    second, *_ = await memory.turn(agent_id, ("U2", "We eat at noon"))
    await memory.edit(agent_id, "channel", "", "Meets on Mondays", first, "agent")
    await memory.edit(agent_id, "channel", "Meets on Mondays", "Meets on Mondays\nEats at noon", second, "agent")
    both = "Meets on Mondays\nEats at noon"
    await memory.edit(agent_id, "channel", both, f"{both}\nBring cake", None, ADA.person)
    await memory.edit(agent_id, "person:U1", "", "Likes Mondays", first, "agent")
    await memory.edit(agent_id, "person:U2", "", "Likes noon", second, "agent")
    await memory.edit(agent_id, "persona", "I am", "I am kind", None, ADA.person)
    await memory.erase()
    async with memory.database.read() as connection:
        left = select(blocks.c.label, blocks.c.value).where(blocks.c.agent_id == agent_id).order_by(blocks.c.label)
        assert [tuple(row) for row in await connection.execute(left)] == [
            ("channel", "Eats at noon"),
            ("person:U2", "Likes noon"),
            ("persona", "I am kind"),
        ]
        journal = select(block_edits.c.label, block_edits.c.before, block_edits.c.after, block_edits.c.author)
        assert [tuple(row) for row in await connection.execute(journal.order_by(block_edits.c.id))] == [
            ("channel", "", "Eats at noon", "agent"),
            ("person:U2", "", "Likes noon", "agent"),
            ("persona", "I am", "I am kind", SOMEBODY),
        ]


async def test_notes_that_came_of_their_messages_go(memory: Memory) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    first, *_, reply = await memory.turn(agent_id, ("U1", "We meet on Mondays"))
    second, *_ = await memory.turn(agent_id, ("U2", "We eat at noon"))
    notes = [("Mondays", first), ("Mondays, said again", reply), ("noon", second), ("of U1", None)]
    async with memory.database.write() as transaction:
        for content, source in notes:
            tags = ("person:U1",) if content == "of U1" else ()
            new = NewPassage(content=content, tags=tags, source_message_id=source, created_at=NOW)
            await ArchivalStorage.insert(_Bare(), transaction, agent_id, [new])  # type: ignore[arg-type]
    await memory.erase()
    async with memory.database.read() as connection:
        assert list(await connection.scalars(select(passages.c.content))) == ["noon"]


async def test_what_comes_while_all_is_looked_through_is_found_too(memory: Memory, monkeypatch: Any) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    first, *_ = await memory.turn(agent_id, ("U1", "My locker is ZX81Q, and hers QQ77"))
    changing = memory.store.changing

    @asynccontextmanager
    async def after_a_turn(scope: str) -> AsyncIterator[None]:
        """The agent, which could answer until now, has done so."""
        await memory.turn(agent_id, ("U1", "And mine again"), at=NOW - timedelta(seconds=1))
        await memory.turn(agent_id, ("U2", "What is it?"), reply="It is ZX81Q.")
        await memory.turn(agent_id, ("U2", "QQ77 is mine"), reply="QQ77 is yours.")
        await memory.edit(agent_id, "channel", "", "Locker ZX81Q", None, "agent")
        async with memory.database.write() as transaction:
            for content, source in (("ZX81Q, noted", None), ("Lockers", first)):
                new = NewPassage(content=content, tags=(), source_message_id=source, created_at=NOW)
                await ArchivalStorage.insert(_Bare(), transaction, agent_id, [new])  # type: ignore[arg-type]
                row = {"agent_id": agent_id, "change_id": 1, "action": "added", "content": content, "tags": []}
                row |= {"author": "agent", "reason": "why", "source_message_id": source, "created_at": NOW}
                await transaction.execute(insert(note_edits).values(**row))
        async with changing(scope):
            yield

    monkeypatch.setattr(memory.store, "changing", after_a_turn)
    await memory.erase()
    gone = "(removed with the message that it came from)"
    assert await memory.texts(agent_id) == ["What is it?", gone, "QQ77 is mine", "QQ77 is yours."]
    async with memory.database.read() as connection:
        for column in (passages.c.content, note_edits.c.content):
            assert list(await connection.scalars(select(column))) == []
        assert list(await connection.scalars(select(blocks.c.value).where(blocks.c.label == "channel"))) == [""]


class _Bare:
    """An archive without any index."""

    _insert_one = ArchivalStorage._insert_one


async def test_the_journal_of_notes_says_no_more_what_they_had_said(memory: Memory) -> None:
    agent_id = await memory.agent("slack:channel:T1/C1")
    first, *_ = await memory.turn(agent_id, ("U1", "We meet on Mondays"))
    second, *_ = await memory.turn(agent_id, ("U2", "We eat at noon"))
    rows = [("Mondays", first, "agent"), ("noon", second, "agent"), ("by hand", None, ADA.person)]
    async with memory.database.write() as transaction:
        for content, source, author in rows:
            row = {"agent_id": agent_id, "change_id": 1, "action": "added", "content": content, "tags": []}
            row |= {"author": author, "reason": "why", "source_message_id": source, "created_at": NOW}
            await transaction.execute(insert(note_edits).values(**row))
    await memory.erase()
    async with memory.database.read() as connection:
        assert list(await connection.scalars(select(note_edits.c.content))) == ["noon"]
