"""The registry of all that is kept: each table and each file, what stands in it, and how a person is erased from it.

A test fails where a table or a file is not in it. `docs/privacy.md` tells people the same in their words.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, literal, not_, or_, select

from memory.core.core_memory import person_label
from memory.erasing.whose import Whose
from memory.people import accounts
from memory.sqlite.tables import (
    agents,
    attachments,
    audit,
    block_edits,
    blocks,
    channels,
    compactions,
    documents,
    earlier_modes,
    inbox,
    memory_changes,
    message_index,
    messages,
    note_edits,
    notices,
    outbox,
    passages,
    people,
    platform_notes,
    reset_messages,
    resets,
    result_lists,
    sources,
    spent,
    threads,
    timers,
    turns,
    usage,
)

SOMEBODY = "somebody"
"""Who changed a thing, once they are erased."""

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Doomed:
    """What is to go.

    Attributes:
        until: what is newer stays.
        agent_ids: these agents, with all that is theirs.
        scopes: those of these agents.
        source_ids: sources of documents that only they have.
        whose: a person, wherever they are named.
    """

    until: datetime
    agent_ids: tuple[int, ...] = ()
    scopes: tuple[str, ...] = ()
    source_ids: tuple[int, ...] = ()
    whose: Whose | None = None


Rows = Callable[[Doomed], Condition | None]
"""Which rows of a table are meant; None if there can be none."""


@dataclass(frozen=True, slots=True)
class Blank:
    """Rows that stay and no longer name anybody: which, and what stands in their columns instead."""

    rows: Rows
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A table: `rows` are those that go, `blanks` those that stay without a name."""

    rows: tuple[Rows, ...] = ()
    blanks: tuple[Blank, ...] = ()

    def left(self, doomed: Doomed) -> Condition | None:
        """The rows that are still there, or still name them."""
        every = (*self.rows, *(blank.rows for blank in self.blanks))
        conditions = [condition for rows in every if (condition := rows(doomed)) is not None]
        return or_(*conditions) if conditions else None


# ── which rows ───────────────────────────────────────────────────────────────────────────────────────


def _by_agent(table: Table) -> Rows:
    return lambda doomed: table.c.agent_id.in_(doomed.agent_ids) if doomed.agent_ids else None


def _by_scope(table: Table) -> Rows:
    return lambda doomed: table.c.scope.in_(doomed.scopes) if doomed.scopes else None


def _by_source(column: ColumnElement[int]) -> Rows:
    return lambda doomed: column.in_(doomed.source_ids) if doomed.source_ids else None


def _of_person(column: ColumnElement[Any], where: Callable[[Whose], Condition] | None = None) -> Rows:
    """Rows that name the person as `people` does."""

    def rows(doomed: Doomed) -> Condition | None:
        if doomed.whose is None:
            return None
        is_theirs = column == doomed.whose.person
        return and_(is_theirs, where(doomed.whose)) if where is not None else is_theirs

    return rows


def _in_channels(table: Table, of: Callable[[Whose], Condition]) -> Rows:
    """Rows of the channels' agents that name the person by the platform's id."""

    def rows(doomed: Doomed) -> Condition | None:
        if doomed.whose is None:
            return None
        return and_(table.c.agent_id.in_(in_channels(doomed.whose)), of(doomed.whose))

    return rows


def in_channels(whose: Whose) -> Select[tuple[int]]:
    """The agents of all channels in which a person can be."""
    return select(agents.c.id).where(agents.c.scope.startswith(whose.channels, autoescape=True))


def came_from(table: Table) -> Rows:
    """Rows whose origin is the person."""

    def rows(doomed: Doomed) -> Condition | None:
        whose = doomed.whose
        if whose is None:
            return None
        origin = table.c.origin
        theirs: list[Condition] = [
            origin["person"]["id"].as_string() == whose.author_id,
            origin["address"]["platform"].as_string() == whose.platform,
        ]
        if whose.space is not None:
            theirs.append(origin["space"].as_string() == whose.space)
        return and_(*theirs)

    return rows


def _written(doomed: Doomed) -> Condition | None:
    if doomed.whose is None:
        return None
    theirs = (messages.c.author_id == doomed.whose.author_id, messages.c.created_at <= doomed.until)
    return and_(messages.c.agent_id.in_(in_channels(doomed.whose)), *theirs)


def _reset(doomed: Doomed) -> Condition | None:
    """Names of messages of theirs: what they write later may be reset as well, and goes again by its checkpoint."""
    return _in_channels(reset_messages, lambda whose: reset_messages.c.author_id == whose.author_id)(doomed)


def _quoting(doomed: Doomed) -> Condition | None:
    if doomed.whose is None:
        return None
    quoted = messages.c.quote["author_id"].as_string() == doomed.whose.author_id
    return and_(messages.c.agent_id.in_(in_channels(doomed.whose)), messages.c.replying_to.is_not(None), quoted)


def _quoting_coming(doomed: Doomed) -> Condition | None:
    if doomed.whose is None:
        return None
    quoted = inbox.c.quote["author_id"].as_string() == doomed.whose.author_id
    return and_(inbox.c.scope.startswith(doomed.whose.channels, autoescape=True), quoted)


def _coming(doomed: Doomed) -> Condition | None:
    conditions: list[Condition] = [inbox.c.scope.in_(doomed.scopes)] if doomed.scopes else []
    if doomed.whose is not None:
        conditions.append(inbox.c.author == doomed.whose.person)
        if (by_clock := came_from(inbox)(doomed)) is not None:  # what a clock set off for them has no author
            conditions.append(by_clock)
    return and_(or_(*conditions), inbox.c.sent_at <= doomed.until) if conditions else None


def _labelled(table: Table) -> Rows:
    return _in_channels(table, lambda whose: table.c.label == person_label(whose.author_id))


def _tagged(doomed: Doomed) -> Condition | None:
    """Notes that were blocks on the person."""
    if doomed.whose is None:
        return None
    tag = func.json_each(passages.c.tags).table_valued("value")
    has = select(literal(1)).select_from(tag).where(tag.c.value == person_label(doomed.whose.author_id)).exists()
    return and_(passages.c.agent_id.in_(in_channels(doomed.whose)), has)


_OF_PEOPLE = (people.c.timezone, people.c.told_timezone, people.c.greeted_at, people.c.pairing_code)


def _known(doomed: Doomed) -> Condition | None:
    """A person; but that an owner has shut them out stays, for it is not theirs to lift."""
    if doomed.whose is None:
        return None
    return and_(people.c.id == doomed.whose.person, not_(func.coalesce(people.c.admission, "") == "denied"))


def _shut_out(doomed: Doomed) -> Condition | None:
    if doomed.whose is None:
        return None
    kept = or_(*(column.is_not(None) for column in _OF_PEOPLE))
    return and_(people.c.id == doomed.whose.person, kept)


def _accounts(doomed: Doomed) -> Condition | None:
    person = doomed.whose.person if doomed.whose is not None else None
    names = [account for scope in doomed.scopes for account in accounts.of_owner(scope, person)]
    if person is not None:
        names += [accounts.of_person(person), accounts.of_person_timed(person)]
    return spent.c.account.in_(names) if names else None


def _told(doomed: Doomed) -> Condition | None:
    if doomed.whose is None:
        return None
    name = hashlib.sha256(doomed.whose.person.encode()).hexdigest()[:32]
    return and_(platform_notes.c.platform == doomed.whose.platform, platform_notes.c.name.endswith(name))


def _pieces(doomed: Doomed) -> Condition | None:
    if not doomed.source_ids:
        return None
    of_sources = select(documents.c.id).where(documents.c.source_id.in_(doomed.source_ids))
    return passages.c.document_id.in_(of_sources)


def _paid(doomed: Doomed) -> Condition | None:
    return usage.c.agent_id.in_(doomed.agent_ids) if doomed.agent_ids else None


# ── the registry ─────────────────────────────────────────────────────────────────────────────────────

_KEPT = Stored()
"""Names no person."""

TABLES: Mapping[str, Stored] = {
    "agents": Stored((lambda doomed: agents.c.id.in_(doomed.agent_ids) if doomed.agent_ids else None,)),
    "attachments": Stored((_by_agent(attachments), _by_source(attachments.c.source_id))),
    "audit": Stored((_by_scope(audit),), (Blank(_of_person(audit.c.who), {"who": SOMEBODY}),)),
    "block_edits": Stored(
        (_by_agent(block_edits), _labelled(block_edits)),
        (Blank(_of_person(block_edits.c.author), {"author": SOMEBODY}),),
    ),
    "blocks": Stored((_by_agent(blocks), _labelled(blocks))),
    "channels": Stored((_by_scope(channels),), (Blank(_of_person(channels.c.changed_by), {"changed_by": SOMEBODY}),)),
    "compactions": Stored((_by_agent(compactions),)),
    "documents": Stored((_by_source(documents.c.source_id),)),
    "earlier_modes": Stored((_by_scope(earlier_modes),)),
    "erasures": _KEPT,  # the request itself, which goes last
    "floors": _KEPT,  # hashes under a secret key
    "inbox": Stored((_coming,), (Blank(_quoting_coming, {"quote": None, "replying_to": None}),)),
    "memory_changes": Stored((_by_agent(memory_changes),)),
    "message_index": Stored((_by_agent(message_index),)),  # of the others, rows go with their messages
    "messages": Stored((_by_agent(messages), _written), (Blank(_quoting, {"quote": None, "replying_to": None}),)),
    "model_tiers": _KEPT,
    "note_edits": Stored((_by_agent(note_edits),), (Blank(_of_person(note_edits.c.author), {"author": SOMEBODY}),)),
    "notices": Stored((_by_scope(notices), came_from(notices))),
    "outbox": Stored((_by_agent(outbox),)),  # of a channel, with the turns (`memory.erasing.redaction`)
    "passages": Stored((_by_agent(passages), _pieces, _tagged)),
    "people": Stored((_known,), (Blank(_shut_out, {column.name: None for column in _OF_PEOPLE}),)),
    "platform_notes": Stored((_told,)),
    "reset_messages": Stored((_by_agent(reset_messages), _reset)),
    "resets": Stored((_by_agent(resets),)),  # their checkpoints are files, which go or are written anew
    "result_lists": Stored((_by_agent(result_lists),)),
    "sources": Stored((_by_source(sources.c.id),)),
    "spent": Stored((_accounts,)),
    "threads": Stored((_by_scope(threads),)),
    "timers": Stored((_by_agent(timers), _of_person(timers.c.person), came_from(timers))),
    "turns": Stored((_by_agent(turns), came_from(turns))),
    "usage": Stored(
        (), (Blank(_paid, {"agent_id": None, "person": None}), Blank(_of_person(usage.c.person), {"person": None}))
    ),
}
"""Every table of the schema."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file or folder of the data directory; `erased` says how a person goes from it."""

    holds: str
    erased: str


NOTHING_OF_PEOPLE = "it holds nothing of people"

FILES: Mapping[str, KeptFile] = {
    "bot.db": KeptFile("the database", "table by table; what is removed is overwritten (secure_delete)"),
    "bot.db-wal": KeptFile("what was last written to the database", "folded in, and cut to nothing"),
    "bot.db-shm": KeptFile("where things stand in that", NOTHING_OF_PEOPLE),
    "bot.db.lock": KeptFile("a lock", NOTHING_OF_PEOPLE),
    "lock": KeptFile("a lock", NOTHING_OF_PEOPLE),
    "chroma": KeptFile("vectors of notes and documents, without a text", "written anew with those that are left"),
    "vectors.db": KeptFile("the same, where it is compared one by one", "those of one's own are overwritten"),
    "vectors.db-journal": KeptFile("what was there before a change", "cut to nothing after each"),
    "chroma.new": KeptFile("the same, while it is written anew", "takes the place of the old one, or is removed"),
    "chroma.damaged": KeptFile("an index that could not be read", "removed"),
    "checkpoints": KeptFile("agents as they were, a folder each", "one's own go; those of channels are written anew"),
    "backups": KeptFile(
        "copies of the database from before migrations", "those older than 30 days go; others are named"
    ),
    "exports": KeptFile("exports that were asked for", "one's own go; what is handed over goes by itself"),
    "incoming": KeptFile("files of messages, while they are read", "each goes once it is read, all of them at a start"),
    "console_history": KeptFile("what was typed in the terminal, to whomever", "removed, of people of the console"),
    "erasing": KeptFile("a checkpoint, while it is written anew", "removed at once"),
    "models": KeptFile("models that were downloaded", NOTHING_OF_PEOPLE),
    "pages": KeptFile("pages of the web that were loaded as documents", "go with documents that nobody else has"),
    "floors": KeptFile("hashes of those who were erased, each with a moment", NOTHING_OF_PEOPLE),
    "floors.key": KeptFile("the key of these hashes", NOTHING_OF_PEOPLE),
    "personas": KeptFile("the operator's own words", "not touched: they are the operator's"),
    "humans": KeptFile("the operator's own words", "not touched: they are the operator's"),
    "prompts": KeptFile("the operator's own words", "not touched: they are the operator's"),
    "presets": KeptFile("the operator's own words", "not touched: they are the operator's"),
}
"""Every file and folder that stands in the data directory."""
