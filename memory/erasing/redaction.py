"""What one person said, taken out of a channel's memory, where others go on talking.

Their messages go with the turns that were about them alone, and with what came of these: notes, lines of core memory,
replies not yet delivered. Of all else goes what holds a word that they alone had said: it would still tell of them.
What others wrote stays; a summary that covered any of it is made anew.

All of it may be done twice, and killed at any moment: what is left is found again by the person's id. Long channels are
done in parts, so that nobody who writes meanwhile waits for more than one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, true, update

from memory.archival.message_documents import remove_with
from memory.archival.note_tags import take_tags_back
from memory.core.agents import AgentStore
from memory.core.core_memory import person_label
from memory.core.provenance import histories
from memory.erasing.stores import Doomed, came_from
from memory.erasing.traces import REDACTED, SAID_BY, page_without, without_lines
from memory.erasing.whose import Whose
from memory.ports import BlockEdit, Kind
from memory.recall import compactions
from memory.recall.primers import remove_primers
from memory.recall.rows import TURN
from memory.recall.storage import RecallStorage
from memory.search.words import text_terms
from memory.sqlite.database import Database, Transaction
from memory.sqlite.tables import (
    agents,
    attachments,
    block_edits,
    blocks,
    documents,
    messages,
    note_edits,
    outbox,
    passages,
    result_lists,
    turns,
)

PART = 400
"""So many rows are changed together: some 40 ms."""

_READ = 2_000
PERSONA = "persona"


@dataclass(slots=True)
class Redacted:
    """How much was taken out."""

    messages: int = 0
    notes: int = 0
    lines: int = 0
    rewritten: int = 0
    """Rows that stay, without something that stood in them."""
    documents: int = 0

    def add(self, other: "Redacted") -> None:
        """Count what was taken out elsewhere, too."""
        self.messages += other.messages
        self.notes += other.notes
        self.lines += other.lines
        self.rewritten += other.rewritten
        self.documents += other.documents


@dataclass(frozen=True, slots=True)
class _Said:
    """What is to go of a channel's messages: by their ids, those of the person and of the turns that go with them."""

    own: frozenset[int]
    gone: frozenset[int]
    turns: frozenset[int]
    """Those of which nothing is left."""
    mixed: frozenset[int]
    """Those in which others wrote as well."""
    platform_ids: frozenset[str]
    evicted: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Secret:
    """The words that the person alone had said."""

    terms: frozenset[str]

    def is_in(self, said: str | None) -> bool:
        return bool(said and self.terms) and not self.terms.isdisjoint(text_terms(said or ""))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a person in a channel.

    Attributes:
        said: messages.
        secret: words.
        notes: that go, by their ids.
        note_edits: of the journal of notes, likewise.
        less: messages of the agent's that are to say less, likewise.
        newest: the highest ids of messages, passages and entries of that journal that were there before all was read.
    """

    said: _Said
    secret: _Secret
    notes: tuple[int, ...]
    note_edits: tuple[int, ...]
    less: tuple[int, ...]
    newest: tuple[int, ...]


_NOBODY: frozenset[Any] = frozenset()
_NOTHING = _Found(_Said(*[_NOBODY] * 6), _Secret(_NOBODY), (), (), (), (0, 0, 0))


class ChannelRedaction:
    """Takes a person out of the agents of channels."""

    def __init__(
        self, database: Database, store: AgentStore, recall: RecallStorage, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._store = store
        self._recall = recall
        self._now = now

    async def remove(
        self, agent_id: int, scope: str, whose: Whose, until: datetime, telling: Collection[str]
    ) -> Redacted:
        """Take a person out of an agent; what they write meanwhile stays.

        Args:
            agent_id: a channel's.
            scope: its scope.
            whose: the person.
            until: what they wrote later stays.
            telling: words that tell of them (see `memory.erasing.telling`).
        """
        done = Redacted()
        # All is looked through before, while the agent answers: in the meantime nobody does, and only what is new since
        # is looked at.
        before = await self._look(agent_id, whose, until, telling, _NOTHING)
        async with self._store.changing(scope):
            found = await self._look(agent_id, whose, until, telling, before)
            await self._hide_summaries(agent_id, found.said, found.secret)
            notes = await self._remove_notes(agent_id, found, done)
            await self._remove_lines(agent_id, whose, found.said, found.secret, done)
            await self._redact_others(agent_id, found, notes, done)
            await self._remove_messages(agent_id, whose, found.said, done)
        return done

    async def _look(
        self, agent_id: int, whose: Whose, until: datetime, telling: Collection[str], before: "_Found"
    ) -> "_Found":
        """What there is of a person; what was found `before` is not looked for once more."""
        async with self._database.read() as connection:
            newest = [
                await connection.scalar(select(func.max(table.c.id)).where(table.c.agent_id == agent_id)) or 0
                for table in (messages, passages, note_edits)
            ]
        said = await self._said(agent_id, whose, until)
        terms = before.secret.terms if before is not _NOTHING else frozenset(telling)
        heard = await self.heard_of_others(agent_id, whose, terms, after=before.newest[0])
        secret = _Secret(frozenset({*terms} - heard | {*text_terms(whose.author_id)}))
        label = person_label(whose.author_id)

        def is_of_note(row: Row[Any]) -> bool:
            is_theirs = row.source_message_id in said.gone or label in row.tags
            return is_theirs or secret.is_in(" ".join((row.content, *row.tags)))

        def is_of_edit(row: Row[Any]) -> bool:
            return row.author == whose.person or is_of_note(row)

        doomed: list[tuple[int, ...]] = []
        for table, is_to_go, after, known in (
            (passages, is_of_note, before.newest[1], before.notes),
            (note_edits, is_of_edit, before.newest[2], before.note_edits),
        ):
            columns = select(table.c.id, table.c.content, table.c.tags, table.c.source_message_id)
            columns = columns.add_columns(table.c.author) if table is note_edits else columns
            ids = list(known)
            async for rows in self._in_parts(columns, table.c.id, table.c.agent_id == agent_id, after=after):
                ids += await asyncio.to_thread(_chosen, rows, is_to_go)
            doomed.append(tuple(ids))
        found = _Found(said, secret, doomed[0], doomed[1], (), tuple(newest))
        less = list(before.less)
        shown = frozenset((*doomed[0], *await self._pieces_of(agent_id, said.platform_ids)))
        async for some in self._saying_less(agent_id, found, shown, messages.c.id > before.newest[0]):
            less += [id_ for id_, _ in some]
        return replace(found, less=tuple(less))

    async def _pieces_of(self, agent_id: int, platform_ids: Collection[str]) -> tuple[int, ...]:
        """The pieces of documents that came with some messages, whether or not others brought them as well."""
        own = select(attachments.c.source_id).where(attachments.c.agent_id == agent_id)
        came = select(documents.c.id, documents.c.came_with).where(
            documents.c.source_id.in_(own), documents.c.came_with.is_not(None)
        )
        async with self._database.read() as connection:
            ids = [row.id for row in await connection.execute(came) if not set(row.came_with).isdisjoint(platform_ids)]
            return tuple(await connection.scalars(select(passages.c.id).where(passages.c.document_id.in_(ids))))

    async def holding(self, agent_id: int, terms: Collection[str]) -> int:
        """How many rows of an agent hold one of these words, in whatever column of text: the search afterwards."""
        secret, found = _Secret(frozenset(terms)), 0
        texts = select(messages.c.id, messages.c.text, messages.c.thoughts, messages.c.tool_uses)
        async for rows in self._in_parts(texts, messages.c.id, messages.c.agent_id == agent_id):
            found += len(await asyncio.to_thread(_chosen, rows, lambda row: secret.is_in(" ".join(map(str, row[1:])))))
        others = [
            select(blocks.c.value).where(blocks.c.agent_id == agent_id),
            select(block_edits.c.before + "\n" + block_edits.c.after).where(block_edits.c.agent_id == agent_id),
            select(passages.c.content).where(passages.c.agent_id == agent_id),
            select(note_edits.c.content).where(note_edits.c.agent_id == agent_id),
            select(agents.c.summary).where(agents.c.id == agent_id),
            select(result_lists.c.query).where(result_lists.c.agent_id == agent_id),
        ]
        async with self._database.read() as connection:
            for other in others:
                found += sum(secret.is_in(value) for value in await connection.scalars(other))
        return found

    async def said_by(self, whose: Whose, agent_ids: Collection[int]) -> set[str]:
        """All words that a person has said to some agents, and what they call themselves."""
        said = set[str]()
        texts = select(messages.c.id, messages.c.text, messages.c.author_name)
        theirs = (messages.c.agent_id.in_(agent_ids), messages.c.author_id == whose.author_id)
        async for rows in self._in_parts(texts, messages.c.id, *theirs):
            said |= await asyncio.to_thread(_terms, rows)
        return said

    async def heard_of_others(self, agent_id: int, whose: Whose, terms: Collection[str], *, after: int = 0) -> set[str]:
        """Which of these words stand in what others than a person wrote to an agent, or are called.

        `after`: in messages of higher ids than that.
        """
        heard = set[str]()
        texts = select(messages.c.id, messages.c.text, messages.c.author_name)
        of_people = (messages.c.agent_id == agent_id, messages.c.kind == Kind.USER_MESSAGE)
        async for rows in self._in_parts(
            texts, messages.c.id, *of_people, messages.c.author_id != whose.author_id, after=after
        ):
            heard |= (await asyncio.to_thread(_terms, rows)).intersection(terms)
        return heard

    # ── what there is ────────────────────────────────────────────────────────────────────────────────

    async def _said(self, agent_id: int, whose: Whose, until: datetime) -> _Said:
        of_agent = messages.c.agent_id == agent_id
        theirs = select(messages.c.id, TURN.label("turn"), messages.c.platform_id).where(
            of_agent, messages.c.author_id == whose.author_id, messages.c.created_at <= until
        )
        by_them = came_from(turns)(Doomed(until, whose=whose))
        assert by_them is not None
        set_off = select(turns.c.id).where(turns.c.agent_id == agent_id, turns.c.begun_at <= until, by_them)
        own, platform_ids, of_turns = set[int](), set[str](), set[int]()
        async for rows in self._in_parts(theirs, messages.c.id):
            for row in rows:
                own.add(row.id)
                of_turns.add(row.turn)
                if row.platform_id is not None:
                    platform_ids.add(row.platform_id)
        async with self._database.read() as connection:
            of_turns.update(await connection.scalars(set_off))
        of_them = await self._of_turns(agent_id, of_turns)
        mixed = {row.turn for row in of_them if row.kind == Kind.USER_MESSAGE and row.id not in own}
        whole = of_turns - mixed
        gone = own | {row.id for row in of_them if row.turn in whole}
        evicted = {row.id for row in of_them if row.evicted and row.id in gone}
        return _Said(
            frozenset(own),
            frozenset(gone),
            frozenset(whole),
            frozenset(mixed),
            frozenset(platform_ids),
            frozenset(evicted),
        )

    async def _of_turns(self, agent_id: int, turn_ids: Collection[int]) -> list[Row[Any]]:
        """The messages of some turns, without what they say."""
        columns = select(messages.c.id, TURN.label("turn"), messages.c.kind, messages.c.evicted)
        rows: list[Row[Any]] = []
        wanted = sorted(turn_ids)
        async with self._database.read() as connection:
            for some in _parts(wanted, _READ):
                # A turn's first message has its id, and the others name it; both are found by an index, or nearly.
                near = (messages.c.agent_id == agent_id, messages.c.id >= some[0])
                found = columns.where(*near, or_(messages.c.id.in_(some), messages.c.turn_id.in_(some)))
                rows.extend(await connection.execute(found))
        return rows

    async def _in_parts(
        self, wanted: Any, key: ColumnElement[int], *which: ColumnElement[bool], after: int = 0
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """Rows of higher ids than one, in their order, so many at once; each part as it is when it is read."""
        while True:
            async with self._database.read() as connection:
                some = wanted.where(*which, key > after).order_by(key).limit(_READ)
                rows = (await connection.execute(some)).all()
            if rows:
                yield rows
            if len(rows) < _READ:
                return
            after = rows[-1][0]

    # ── what goes ────────────────────────────────────────────────────────────────────────────────────

    async def _hide_summaries(self, agent_id: int, said: _Said, secret: _Secret) -> None:
        """First of all: once the messages are gone, nobody knows any more which summaries covered them."""
        async with self._database.read() as connection:
            summary = await connection.scalar(select(agents.c.summary).where(agents.c.id == agent_id)) or ""
            evicted = set(said.evicted)
            if secret.is_in(summary):  # it holds what no record tells of
                of_agent = (messages.c.agent_id == agent_id, messages.c.evicted == true())
                evicted |= set(await connection.scalars(select(messages.c.id).where(*of_agent)))
        async with self._database.write(alone=True) as transaction:
            if evicted:
                await remove_primers(transaction, agent_id, min(evicted))
                anew, is_short = await compactions.hide(transaction, agent_id, frozenset(evicted), now=self._now())
                anew = "" if secret.is_in(anew) else anew
                await self._store.save_summary(transaction, agent_id, anew, derive_anew=is_short)
            elif secret.is_in(summary):
                await self._store.save_summary(transaction, agent_id, "", derive_anew=False)
            await transaction.execute(delete(result_lists).where(result_lists.c.agent_id == agent_id))

    async def _remove_notes(self, agent_id: int, found: "_Found", done: Redacted) -> frozenset[int]:
        for table, doomed in ((note_edits, found.note_edits), (passages, found.notes)):
            for some in _parts(doomed, PART):
                async with self._database.write(alone=True) as transaction:
                    gone = delete(table).where(table.c.agent_id == agent_id, table.c.id.in_(some))
                    removed = (await transaction.execute(gone)).rowcount
                done.notes += removed if table is passages else 0
        async with self._database.write(alone=True) as transaction:
            await take_tags_back(transaction, agent_id, found.said.gone)
            gone_along = await remove_with(transaction, agent_id, found.said.platform_ids)
        done.documents += len(gone_along)
        return frozenset((*found.notes, *(id_ for document in gone_along for id_ in document.passage_ids)))

    async def _remove_lines(self, agent_id: int, whose: Whose, said: _Said, secret: _Secret, done: Redacted) -> None:
        """Blocks on the person go whole; of the others, lines that they brought, or that tell of them."""
        label = person_label(whose.author_id)
        async with self._database.read() as connection:
            journals = await self._store.journals(connection, agent_id)
        changed = {
            name: await asyncio.to_thread(_less, name, *journal, whose, said, secret)
            for name, journal in journals.items()
            if name != label
        }
        async with self._database.write(alone=True) as transaction:
            for name, less in changed.items():
                if less.lines:
                    await self._store.redact(transaction, agent_id, name, less.value, less.edits)
                    emptied = (block_edits.c.agent_id == agent_id, block_edits.c.id.in_(less.emptied))
                    await transaction.execute(delete(block_edits).where(*emptied))
                    done.lines += less.lines
            for table in (blocks, block_edits):
                on_them = (table.c.agent_id == agent_id, table.c.label == label)
                done.lines += (await transaction.execute(delete(table).where(*on_them))).rowcount

    async def _redact_others(self, agent_id: int, found: "_Found", notes: frozenset[int], done: Redacted) -> None:
        """Of what stays, what the agent said, thought, called and found; what others wrote is theirs."""
        for ids in _parts(found.less, PART):
            async for some in self._saying_less(agent_id, found, notes, messages.c.id.in_(ids)):
                async with self._recall.rewriting(), self._database.write(alone=True) as transaction:
                    for id_, values in some:
                        which = (messages.c.agent_id == agent_id, messages.c.id == id_)
                        await transaction.execute(update(messages).where(*which).values(values))
                        if "text" in values:
                            await self._recall.rewrite(transaction, agent_id, [id_], values["text"])
                done.rewritten += len(some)

    async def _saying_less(
        self, agent_id: int, found: "_Found", notes: frozenset[int], which: ColumnElement[bool]
    ) -> AsyncIterator[list[tuple[int, dict[str, Any]]]]:
        """Of some messages that others than people wrote, those that are to say less, with the columns that change."""
        of_agent = (messages.c.agent_id == agent_id, messages.c.kind != Kind.USER_MESSAGE, which)
        columns = select(messages.c.id, messages.c.kind, messages.c.text, messages.c.thoughts, messages.c.tool_uses)
        async for rows in self._in_parts(columns, messages.c.id, *of_agent):
            yield await asyncio.to_thread(_changed, rows, found.said.gone, notes, found.secret)

    async def _remove_messages(self, agent_id: int, whose: Whose, said: _Said, done: Redacted) -> None:
        async with self._database.write(alone=True) as transaction:
            await self._disown_turns(transaction, agent_id, whose, said.mixed)
        for some in _parts(sorted(said.turns), PART):
            async with self._database.write(alone=True) as transaction:
                await transaction.execute(delete(turns).where(turns.c.agent_id == agent_id, turns.c.id.in_(some)))
                await transaction.execute(
                    delete(outbox).where(outbox.c.agent_id == agent_id, outbox.c.turn_id.in_(some))
                )
        for some in _parts(sorted(said.gone), PART):
            async with self._recall.rewriting(), self._database.write(alone=True) as transaction:
                for table in (block_edits, note_edits, passages):
                    named = (table.c.agent_id == agent_id, table.c.source_message_id.in_(some))
                    await transaction.execute(update(table).where(*named).values(source_message_id=None))
                await self._recall.remove(transaction, agent_id, some)
            done.messages += len(some)

    async def _disown_turns(
        self, transaction: Transaction, agent_id: int, whose: Whose, mixed: Collection[int]
    ) -> None:
        """Turns that were about messages of others as well go on in the name of one of those."""
        by_them = came_from(turns)(Doomed(self._now(), whose=whose))
        assert by_them is not None
        for turn in (await transaction.execute(select(turns).where(turns.c.agent_id == agent_id, by_them))).all():
            if turn.id not in mixed:
                continue
            other = (
                await transaction.execute(
                    select(messages.c.author_id, messages.c.author_name)
                    .where(messages.c.agent_id == agent_id, turn.id == TURN, messages.c.kind == Kind.USER_MESSAGE)
                    .where(messages.c.author_id.is_not(None), messages.c.author_id != whose.author_id)
                    .order_by(messages.c.id.desc())
                    .limit(1)
                )
            ).first()
            if other is not None:
                origin = turn.origin | {"person": {"id": other.author_id, "name": other.author_name or ""}}
                which = (turns.c.agent_id == agent_id, turns.c.id == turn.id)
                await transaction.execute(update(turns).where(*which).values(origin=origin))


def _parts(all_: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (all_[begin : begin + size] for begin in range(0, len(all_), size))


def _chosen(rows: Sequence[Row[Any]], is_to_go: Callable[[Row[Any]], bool]) -> list[int]:
    return [row[0] for row in rows if is_to_go(row)]


def _terms(rows: Sequence[Row[Any]]) -> set[str]:
    """The terms of rows of texts, each behind its id."""
    texts: list[str | None] = [said for row in rows for said in tuple(row)[1:]]
    return {term for said in texts if said for term in text_terms(said)}


def _has_source(edit: BlockEdit) -> bool:
    return edit.source_message_id is not None


@dataclass(frozen=True, slots=True)
class _Less:
    """A block and its journal without some lines."""

    value: str
    edits: Sequence[tuple[int, str, str]]
    emptied: Sequence[int]
    """Edits of which nothing is left."""
    lines: int


def _less(
    label: str, value: str, edits: Sequence[tuple[int, BlockEdit]], whose: Whose, said: _Said, secret: _Secret
) -> _Less:
    def is_theirs(edit: BlockEdit) -> bool:
        return edit.source_message_id in said.gone or edit.author == whose.person

    found, there = histories(value, [edit for _, edit in edits]), frozenset(value.split("\n"))
    doomed = {line for line in found if secret.is_in(line)}
    if label != PERSONA:  # what somebody made of the agent is the channel's
        written = {line: of.edits for line, of in found.items() if of.edits and not of.was_there}
        doomed |= {line for line, made in written.items() if all(map(is_theirs, made))}
        # What stands there no more, and of which nobody knows any more who had said it (a reset takes that away).
        doomed |= {line for line, made in written.items() if line not in there and not any(map(_has_source, made))}
    left = [(id_, without_lines(edit.before, doomed), without_lines(edit.after, doomed)) for id_, edit in edits]
    emptied = [
        id_
        for (id_, before, after), (_, edit) in zip(left, edits, strict=True)
        if before == after and edit.before != edit.after
    ]
    return _Less(without_lines(value, doomed), left, emptied, len(doomed))


def _changed(
    rows: Sequence[Row[Any]], gone: Collection[int], notes: Collection[int], secret: _Secret
) -> list[tuple[int, dict[str, Any]]]:
    """Of messages that stay, those that are to say less, with the columns that change."""
    changed = []
    for row in rows:
        if row.id in gone:
            continue
        values: dict[str, Any] = {}
        said = page_without(row.text, gone, notes) if row.kind == Kind.TOOL_RESULT else row.text
        if secret.is_in(said):
            said = json.dumps({"status": REDACTED}) if row.kind == Kind.TOOL_RESULT else REDACTED
        if said != row.text:
            values["text"] = said
        if secret.is_in(row.thoughts):
            values["thoughts"] = REDACTED
        if row.tool_uses and any(secret.is_in(use["arguments"]) for use in row.tool_uses):
            values["tool_uses"] = [
                use | {"arguments": _NO_ARGUMENTS.get(use["name"], "{}")} if secret.is_in(use["arguments"]) else use
                for use in row.tool_uses
            ]
        if values:
            changed.append((row.id, values))
    return changed


_NO_ARGUMENTS = {SAID_BY: json.dumps({"message": REDACTED})}
