"""What a person wants forgotten: lines of core memory, notes and messages, and whatever else still tells of them.

All of it goes in one transaction. The journal of core memory, which otherwise is only added to, loses the lines as
well; so do the agent's thoughts, its calls of tools and their results, and every summary that told of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.erasing.changes import Changed, MessageChanges
from memory.erasing.matching import Matching
from memory.erasing.traces import SAID_BY, without_calls, without_lines
from memory.ports import Kind, Message, NewMessage, PassageKind, ToolUse
from memory.recall import compactions
from memory.recall.primers import remove_primers
from memory.sqlite.database import Transaction
from memory.sqlite.tables import agents as agent_table
from memory.sqlite.tables import block_edits, messages, note_edits, passages
from memory.sqlite.tables import compactions as compaction_table
from memory.stores import Stores

FORGOTTEN = "(forgotten, as was asked for)"
"""Stands where something was said or thought that was to be forgotten."""

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to be forgotten.

    Attributes:
        words: what it is about: whatever else holds all of them goes with it.
        labels: of the blocks whose lines may go.
        lines: of these blocks, each with its label.
        notes: by their ids.
        follow_ups: by their ids.
        heard: messages of people, by their ids.
        said: messages of the agent, by their ids.
        spared: lines that stay, though they hold the words.
        everywhere: whether all that the agent thought and did may be looked through; otherwise only the turns that
            what goes came from.
    """

    words: Matching
    labels: frozenset[str]
    lines: tuple[tuple[str, str], ...] = ()
    notes: tuple[int, ...] = ()
    follow_ups: tuple[int, ...] = ()
    heard: tuple[int, ...] = ()
    said: tuple[int, ...] = ()
    spared: tuple[tuple[str, str], ...] = ()
    everywhere: bool = False


Tell = Callable[[], NewMessage]
"""Makes the alert by which the agent hears that something is gone; without one it does not hear of it."""


class ForgettingStore:
    """Forgets for all agents; every call names one."""

    def __init__(
        self,
        stores: Stores,
        changes: MessageChanges,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._changes = changes
        self._now = now

    async def forget(self, scope: str, agent_id: int, doomed: Doomed, tell: Tell | None) -> Changed:
        """Forget; what is gone by then is passed over. When this returns, it is kept for good.

        What was loaded of the agent is out of date afterwards; the vectors and the words in the indexes' files are to
        follow (see `bot.inbound.changes.Changes.follow`).
        """
        telling = await self._telling(agent_id, doomed)
        events = await self._changes.events_of(scope, agent_id, doomed.heard)
        async with (
            self._stores.agents.changing(scope),
            self._stores.recall.rewriting(),
            self._stores.database.write(alone=True) as transaction,
        ):
            evicted = await _evicted(transaction, agent_id, [*doomed.heard, *doomed.said])
            gone = await self._stores.recall.said(transaction, agent_id, doomed.heard)
            changed = await self._changes.remove(transaction, scope, agent_id, gone, events)
            notes = await self._remove_notes(transaction, agent_id, doomed.notes)
            await self._remove_lines(transaction, agent_id, doomed)
            await self._stores.timers.forget(transaction, agent_id, doomed.follow_ups)
            await self._redact(transaction, agent_id, doomed, telling)
            await self._stores.result_lists.forget_queries(
                transaction, agent_id, [*doomed.heard, *doomed.said], [*notes, *changed.notes]
            )
            await self._stores.result_lists.forget_queries_about(transaction, agent_id, doomed.words.is_in)
            await self._forget_journal_of_notes(transaction, agent_id, doomed.words)
            if evicted or await _is_summed_up(transaction, agent_id, doomed):
                notes = (*notes, *await self._hide_summaries(transaction, agent_id, evicted))
            if tell is not None:
                await self._changes.tell(transaction, agent_id, tell())
        return replace(changed, agent_id=agent_id, notes=(*changed.notes, *notes))

    async def _remove_notes(self, transaction: Transaction, agent_id: int, ids: Sequence[int]) -> tuple[int, ...]:
        own = select(passages.c.id).where(passages.c.agent_id == agent_id, passages.c.id.in_(ids))
        there = tuple(await transaction.scalars(own))
        await self._stores.archival.remove(transaction, agent_id, there)
        return there

    async def _forget_journal_of_notes(self, transaction: Transaction, agent_id: int, words: Matching) -> None:
        """Take out of the journal what notes said that hold the words and are there no more."""
        own = select(note_edits.c.content).where(note_edits.c.agent_id == agent_id).distinct()
        holding = {content for content in await transaction.scalars(own) if words.is_in(content)}
        there = {note.content for note in await self._stores.archival.notes_from(transaction, agent_id, (), holding)}
        gone = holding - there
        await transaction.execute(
            delete(note_edits).where(note_edits.c.agent_id == agent_id, note_edits.c.content.in_(gone))
        )

    async def _remove_lines(self, transaction: Transaction, agent_id: int, doomed: Doomed) -> None:
        """Take lines out of the blocks, and out of the journal whatever line ever held the words."""
        for label in sorted(doomed.labels):
            value, edits = await self._stores.agents.journal_of(transaction, agent_id, label)
            texts = [value, *(text for _, edit in edits for text in (edit.before, edit.after))]
            lines = {line for text in texts for line in text.split("\n") if line.strip()}
            spared = {line for of, line in doomed.spared if of == label}
            chosen = {line for of, line in doomed.lines if of == label}
            going = {line for line in lines - spared if line in chosen or doomed.words.is_in(line)}
            if going:
                less = [
                    (id_, without_lines(edit.before, going), without_lines(edit.after, going)) for id_, edit in edits
                ]
                await self._stores.agents.redact(transaction, agent_id, label, without_lines(value, going), less)

    # ── what else tells of it ────────────────────────────────────────────────────────────────────────

    async def _telling(self, agent_id: int, doomed: Doomed) -> list[int]:
        """The messages of the agent's own in which it thought of it, wrote it down or found it."""
        async with self._stores.database.read() as connection:
            turns = None if doomed.everywhere else await _turns_behind(connection, agent_id, doomed)
            return [id_ async for id_ in _holding(connection, agent_id, doomed.words, turns)]

    async def _redact(self, transaction: Transaction, agent_id: int, doomed: Doomed, telling: Sequence[int]) -> None:
        for some in _in_parts(sorted({*telling, *doomed.said})):
            for message in await self._stores.recall.said(transaction, agent_id, some):
                less = without(message, doomed.words)
                if message.id in doomed.said and message.kind is Kind.ASSISTANT:
                    less = _unsaid(less)
                    await self._stores.recall.rewrite(transaction, agent_id, [message.id], FORGOTTEN)
                if less != message:
                    await self._stores.recall.redact(transaction, agent_id, [less])

    async def _hide_summaries(
        self, transaction: Transaction, agent_id: int, evicted: frozenset[int]
    ) -> tuple[int, ...]:
        """Have them made anew; returns the primers that went with them."""
        if not evicted:
            oldest = select(messages.c.id).where(messages.c.agent_id == agent_id, messages.c.evicted)
            evicted = frozenset(await transaction.scalars(oldest.order_by(messages.c.id).limit(1)))
        if not evicted:  # nothing is left that it could tell of
            await self._stores.agents.save_summary(transaction, agent_id, "", derive_anew=False)
            return await remove_primers(transaction, agent_id)
        summary, is_short = await compactions.hide(transaction, agent_id, evicted, now=self._now())
        await self._stores.agents.save_summary(transaction, agent_id, summary, derive_anew=is_short)
        return await remove_primers(transaction, agent_id, min(evicted))


def without(message: Message, words: Matching) -> Message:
    """What an agent thought, called and found, without what holds these words; what it said to people stays (pure)."""
    if message.kind is Kind.TOOL_RESULT:
        less = next(iter(without_calls([message], (), lambda hit: words.is_in(_read(hit)))), message)
        is_telling = words.is_in(_readable(less.text or ""))
        return replace(less, text=json.dumps({"status": FORGOTTEN})) if is_telling else less
    if message.kind is not Kind.ASSISTANT:
        return message
    uses = tuple(
        ToolUse(use.id, use.name, "{}") if use.name != SAID_BY and words.is_in(_readable(use.arguments)) else use
        for use in message.tool_uses
    )
    return replace(message, thoughts=FORGOTTEN if words.is_in(message.thoughts) else message.thoughts, tool_uses=uses)


def _unsaid(message: Message) -> Message:
    instead = json.dumps({"message": FORGOTTEN})
    uses = tuple(ToolUse(use.id, use.name, instead) if use.name == SAID_BY else use for use in message.tool_uses)
    return replace(message, text=FORGOTTEN, tool_uses=uses)


def _readable(written: str) -> str:
    """The words in a text that is JSON, which may hide letters behind escapes; of any other the text."""
    try:
        return _read(json.loads(written))
    except (ValueError, RecursionError):
        return written


def _read(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(map(_read, value.values()))
    if isinstance(value, list):
        return "\n".join(map(_read, value))
    return str(value)


# ── looking for it ───────────────────────────────────────────────────────────────────────────────────


async def _holding(
    connection: AsyncConnection, agent_id: int, words: Matching, turns: Collection[int] | None
) -> AsyncIterator[int]:
    own = (messages.c.agent_id == agent_id, messages.c.kind.in_([Kind.ASSISTANT, Kind.TOOL_RESULT]))
    columns = (messages.c.id, messages.c.kind, messages.c.text, messages.c.thoughts, messages.c.tool_uses)
    looked_through = select(*columns).where(*own)
    if turns is not None:
        looked_through = looked_through.where(or_(messages.c.turn_id.in_(turns), messages.c.id.in_(turns)))
    number = 0
    async for row in await connection.stream(looked_through):
        number += 1
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # others get on with theirs
        result = row.text if row.kind == Kind.TOOL_RESULT else None
        calls = [use["arguments"] for use in row.tool_uses or ()]
        if words.is_in(row.thoughts) or any(words.is_in(_readable(text)) for text in (result, *calls) if text):
            yield row.id


async def _turns_behind(connection: AsyncConnection, agent_id: int, doomed: Doomed) -> set[int]:
    """The turns in which lines and notes were written that go, and those about messages that go."""
    of_notes = select(passages.c.source_message_id).where(
        passages.c.agent_id == agent_id, passages.c.id.in_(doomed.notes)
    )
    of_lines = select(block_edits.c.source_message_id, block_edits.c.before, block_edits.c.after).where(
        block_edits.c.agent_id == agent_id, block_edits.c.label.in_(doomed.labels)
    )
    sources = {id_ for id_ in await connection.scalars(of_notes) if id_ is not None} | set(doomed.heard)
    chosen = {line for _, line in doomed.lines}
    for source, before, after in await connection.execute(of_lines):
        if source is not None and not chosen.isdisjoint({*before.split("\n")} ^ {*after.split("\n")}):
            sources.add(source)
    begun = select(messages.c.id, messages.c.turn_id).where(messages.c.agent_id == agent_id, messages.c.id.in_(sources))
    return {turn_id or id_ for id_, turn_id in await connection.execute(begun)}


async def _evicted(transaction: Transaction, agent_id: int, ids: Sequence[int]) -> frozenset[int]:
    found = select(messages.c.id).where(messages.c.agent_id == agent_id, messages.c.id.in_(ids), messages.c.evicted)
    return frozenset(await transaction.scalars(found))


async def _is_summed_up(transaction: Transaction, agent_id: int, doomed: Doomed) -> bool:
    """Whether a summary or a primer tells of it, though no message that it covers does."""
    if not doomed.everywhere:
        return False
    now = await transaction.scalar(select(agent_table.c.summary).where(agent_table.c.id == agent_id))
    before = select(compaction_table.c.summary_before).where(compaction_table.c.agent_id == agent_id)
    primers = select(passages.c.content).where(passages.c.agent_id == agent_id, passages.c.kind == PassageKind.PRIMER)
    told = (now, *await transaction.scalars(before), *await transaction.scalars(primers))
    return any(map(doomed.words.is_in, told))


def _in_parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
