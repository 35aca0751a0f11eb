"""Erasing a person everywhere, or an agent: all of the registry (`memory.erasing.stores`), beside whoever writes.

What is to be erased is written down first, and struck out last: killed at any moment, it goes on at the next start
until it is done. Each step may be done twice. Rows go in parts, each a short transaction, so that nobody waits for
long. The words of removed texts are merged out of their indexes, the vectors' files are written anew, the write-ahead
log is cut; then all of it is searched again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.erasing.erased_files import ErasedFiles
from memory.erasing.erased_rows import ErasedRows
from memory.erasing.floors import ANYBODY, EVERYWHERE, Floors
from memory.erasing.redaction import Redacted
from memory.erasing.stores import Doomed, in_channels
from memory.erasing.telling import Telling
from memory.erasing.whose import Whose, who_wrote
from memory.ports import Kind, TokenCounter
from memory.sqlite.database import finish
from memory.sqlite.tables import agents, erasures, inbox, messages, people
from memory.stores import Stores

logger = logging.getLogger(__name__)

MOST_WORDS = 40
"""So many words that only they had used are looked for afterwards."""

WORDS, CHANNELS, FILES = "the indexes of words", "the channels' agents", "the files beside the database"
"""What is searched beside the tables."""

LOG = "the write-ahead log, which somebody still reads"

_LONG_WORD = 6

Hold = Callable[[str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Do something about the agent of a scope while nobody else is at work on it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be erased: a person everywhere (`person`), or one agent (`scope`).

    Attributes:
        until: what is newer stays.
        asked_at: an agent that was made later is another one.
        origin: JSON that says whom to tell when it is done, and where; None if nobody waits.
    """

    id: int
    person: str | None
    scope: str | None
    until: datetime
    asked_at: datetime
    origin: Mapping[str, Any] | None = None

    @property
    def whose(self) -> Whose | None:
        """The person."""
        return Whose(self.person) if self.person is not None else None


@dataclass(slots=True)
class Erased:
    """What went, and what a search found afterwards.

    Attributes:
        rows: removed, by table; rows of channels that tell of the person among them.
        blanked: rows that no longer name them, by table.
        channels: the channels in which they had spoken.
        documents: what went of documents.
        vectors: how many were left out when the index was written anew.
        files: removed.
        checkpoints: written anew.
        backups: copies that still hold them, and when these go.
        searched: in how many tables, indexes and files was looked.
        words: how many words that only they had used were looked for.
        found: what was found, by place; nothing, if all went well.
    """

    rows: Counter[str] = field(default_factory=Counter)
    blanked: Counter[str] = field(default_factory=Counter)
    channels: int = 0
    lines: int = 0
    rewritten: int = 0
    documents: tuple[str, ...] = ()
    vectors: int = 0
    files: tuple[Path, ...] = ()
    checkpoints: int = 0
    backups: tuple[Path, ...] = ()
    searched: tuple[str, ...] = ()
    words: int = 0
    found: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found afterwards."""
        return not any(self.found.values())


@dataclass(frozen=True, slots=True)
class Preview:
    """What there is of a person."""

    messages: int
    notes: int
    channels: int
    messages_there: int


async def _at_once(_scope: str, job: Callable[[], Awaitable[None]]) -> None:
    await job()


@asynccontextmanager
async def _nobody_writes() -> AsyncIterator[None]:
    yield


class Erasure:
    """Erases. Without `hold` and `resting` it is for a bot that is not running.

    Args:
        stores: what it erases from.
        floors: what is raised, so that nothing comes back.
        counter: tells common words from rare ones.
        data_dir: where files are.
        now: the clock.
        hold: see `Hold`.
        resting: while inside, nobody writes a checkpoint.
    """

    def __init__(
        self,
        stores: Stores,
        floors: Floors,
        counter: TokenCounter,
        data_dir: Path,
        now: Callable[[], datetime],
        *,
        hold: Hold = _at_once,
        resting: Callable[[], AbstractAsyncContextManager[None]] = _nobody_writes,
    ) -> None:
        self._stores = stores
        self._floors = floors
        self._files = ErasedFiles(data_dir, now)
        self._now = now
        self._hold = hold
        self._resting = resting
        self._telling = Telling(stores.database, counter)
        self._rows = ErasedRows(stores.database, stores.agents, stores.recall, now, self._telling)
        self._one_at_a_time = asyncio.Lock()

    async def preview(self, whose: Whose) -> Preview:
        """What there is of a person, in numbers."""
        async with self._stores.database.read() as connection:
            own = await connection.scalar(select(agents.c.id).where(agents.c.scope == whose.own_scope))
            written = (messages.c.author_id == whose.author_id, messages.c.agent_id.in_(in_channels(whose)))
            there = select(func.count(), func.count(messages.c.agent_id.distinct())).where(*written)
            messages_there, channels = (await connection.execute(there)).one()
        said = await self._stores.recall.count(own) if own is not None else 0
        notes = await self._stores.archival.count(own) if own is not None else 0
        return Preview(said, notes, channels, messages_there)

    async def ask_for_person(
        self, whose: Whose, given_at: datetime, origin: Mapping[str, Any] | None = None
    ) -> Request:
        """Write down that a person is to be erased; from now on nothing comes in of what they wrote until then."""
        newest = await self._newest_of(whose)
        until = max([given_at, *newest.values()])
        raised = {(whose.person, place): moment for place, moment in newest.items()}
        raised |= {(whose.person, EVERYWHERE): until, (ANYBODY, whose.own_scope): until}
        return await self._ask(raised, person=whose.person, scope=None, until=until, origin=origin)

    async def ask_for_agent(self, scope: str) -> Request:
        """Write down that an agent is to be erased, with what came in for it until now."""
        now = self._now()
        newest = select(func.max(inbox.c.sent_at)).where(inbox.c.scope == scope)
        async with self._stores.database.read() as connection:
            until = max(now, await connection.scalar(newest) or now)
        return await self._ask({(ANYBODY, scope): until}, person=None, scope=scope, until=until, origin=None)

    async def ask_again(self) -> int:
        """If the database is older than the floors, write down all that is to be erased from it; returns how much."""
        if not (self._floors.are_any and self._floors.are_news):
            return 0
        wanted = await self._below_floors()
        async with self._stores.database.write(alone=True) as transaction:
            for (person, scope), until in wanted.items():
                row = {"person": person, "scope": scope, "until": until, "asked_at": until}
                await transaction.execute(insert(erasures).values(row))
            await self._floors.heed(transaction)
        if wanted:
            logger.warning("the database is older than erasures; erased again: %d", len(wanted))
        return len(wanted)

    async def pending(self) -> tuple[Request, ...]:
        """What was asked for and is not done."""
        async with self._stores.database.read() as connection:
            rows = await connection.execute(select(erasures).order_by(erasures.c.id))
            return tuple(Request(row.id, row.person, row.scope, row.until, row.asked_at, row.origin) for row in rows)

    async def run(self, request: Request) -> Erased:
        """Erase, and search again; what is asked for is struck out once nothing is left."""
        async with self._one_at_a_time:
            return await self._run(request)

    # ── the steps ────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, request: Request) -> Erased:
        done, whose = Erased(), request.whose
        scope = request.scope if whose is None else whose.own_scope
        assert scope is not None
        touched = await self._touched(whose, request.until) if whose is not None else {}
        words = await self._words_of(scope, touched, whose) if whose is not None else frozenset()
        if whose is not None:
            done.channels = len(touched)
            _add(done, await self._rows.redact_channels(touched, whose, request.until, own_scope=scope))
        await self._hold(scope, lambda: self._remove_agent(scope, request, done))
        await self._remove_named(scope, request, done)
        async with self._resting():
            done.files += await asyncio.to_thread(self._files.remove_of, scope)
            done.files += await asyncio.to_thread(self._files.remove_exports, touched.values())
            if whose is not None:
                done.checkpoints = await self._files.rewrite_checkpoints(whose, request.until, self._telling)
        done.vectors = await self._stores.archival.keep_only_known()
        done.files += await asyncio.to_thread(self._files.remove_damaged_index)
        await self._stores.recall.forget_words()
        await self._stores.archival.forget_words()
        done.backups = await asyncio.to_thread(self._files.backups)
        is_cut = await self._stores.database.truncate_log()
        await self._search(request, scope, touched, words, done)
        if not is_cut:
            done.found[LOG] = 1
        if done.is_clean:
            await finish(self._strike_out(request))
            await self._stores.database.truncate_log()
        return done

    async def _touched(self, whose: Whose, until: datetime) -> dict[int, str]:
        """The channels that hold anything of a person; what a reset took away stands in a checkpoint alone."""
        named = await asyncio.to_thread(self._files.scopes_naming, whose)
        async with self._stores.database.read() as connection:
            rows = await connection.execute(select(agents.c.id, agents.c.scope).where(agents.c.scope.in_(named)))
            by_checkpoints = {row.id: row.scope for row in rows}
        return await self._rows.touched(whose, until) | by_checkpoints

    async def _remove_agent(self, scope: str, request: Request, done: Erased) -> None:
        removed = await self._rows.remove_agent(scope, request.whose, request.until, made_until=request.asked_at)
        if removed is not None:
            done.rows.update(removed.rows)
            done.blanked.update(removed.blanked)
            done.documents = removed.documents
            done.files += await asyncio.to_thread(self._files.remove_pages, removed.paths)

    async def _remove_named(self, scope: str, request: Request, done: Erased) -> None:
        """What came in for the agent, and what names the person, wherever it stands."""
        removed = await self._rows.remove(Doomed(request.until, scopes=(scope,), whose=request.whose))
        done.rows.update(removed.rows)
        done.blanked.update(removed.blanked)

    async def _strike_out(self, request: Request) -> None:
        async with self._stores.database.write(alone=True) as transaction:
            await transaction.execute(delete(erasures).where(erasures.c.id == request.id))

    async def _search(
        self, request: Request, scope: str, touched: Mapping[int, str], words: frozenset[str], done: Erased
    ) -> None:
        """Look for what should be gone; what came in meanwhile from before goes, too."""
        doomed = Doomed(request.until, scopes=(scope,), whose=request.whose)
        left = await self._rows.left(doomed, made_until=request.asked_at)
        if any(left.values()):
            await self._remove_named(scope, request, done)
            left = await self._rows.left(doomed, made_until=request.asked_at)
        found = Counter(left)
        if request.whose is not None:
            done.words = len(words)
            found[WORDS] = len(await self._telling.held(words))
            found[CHANNELS] = sum([await self._rows.redaction.holding(agent_id, words) for agent_id in touched])
            found[FILES] = await asyncio.to_thread(self._files.holding, words)
        done.searched, done.found = tuple(found), +found

    # ── what there is ────────────────────────────────────────────────────────────────────────────────

    async def _ask(
        self,
        raised: Mapping[tuple[str, str], datetime],
        *,
        person: str | None,
        scope: str | None,
        until: datetime,
        origin: Mapping[str, Any] | None,
    ) -> Request:
        own_scope = scope if person is None else Whose(person).own_scope
        async with self._stores.database.read() as connection:
            made_at = await connection.scalar(select(agents.c.created_at).where(agents.c.scope == own_scope))
        now = max(self._now(), made_at or self._now())  # should the clock have been set back
        written = dict(origin) if origin is not None else None
        row = {"person": person, "scope": scope, "until": until, "asked_at": now, "origin": written}
        new = await self._floors.lift(raised)

        async def commit() -> int:
            async with self._stores.database.write(alone=True) as transaction:
                await self._floors.heed(transaction, new)
                made = await transaction.execute(insert(erasures).values(row).returning(erasures.c.id))
                return int(made.scalar_one())

        return Request(await finish(commit()), person, scope, until, now, origin)

    async def _newest_of(self, whose: Whose) -> dict[str, datetime]:
        """By place, when they wrote there last."""
        said = (
            select(agents.c.scope, func.max(messages.c.created_at))
            .join(messages, messages.c.agent_id == agents.c.id)
            .where(messages.c.kind == Kind.USER_MESSAGE, messages.c.author_id == whose.author_id)
            .where(or_(agents.c.scope == whose.own_scope, agents.c.id.in_(in_channels(whose))))
            .group_by(agents.c.scope)
        )
        came = (
            select(inbox.c.scope, func.max(inbox.c.sent_at))
            .where(inbox.c.author == whose.person)
            .group_by(inbox.c.scope)
        )
        newest: dict[str, datetime] = {}
        async with self._stores.database.read() as connection:
            for which in (said, came):
                for scope, moment in await connection.execute(which):
                    newest[scope] = max(moment, newest.get(scope, moment))
        return newest

    async def _words_of(self, scope: str, touched: Mapping[int, str], whose: Whose) -> frozenset[str]:
        """Words that nobody else has used: of these, none may be found afterwards."""
        terms = await self._rows.telling_words(touched, whose, own_scope=scope)
        terms = {term for term in terms if len(term) >= _LONG_WORD}
        for agent_id in touched:
            terms -= await self._rows.redaction.heard_of_others(agent_id, whose, terms)
        return frozenset(sorted(terms, key=lambda term: (-len(term), term))[:MOST_WORDS])

    async def _below_floors(self) -> dict[tuple[str | None, str | None], datetime]:
        """Of a database that was put back: the people and agents of whom it holds what was erased."""
        wanted: dict[tuple[str | None, str | None], datetime] = {}
        async with self._stores.database.read() as connection:
            made = (await connection.execute(select(agents.c.scope, agents.c.created_at))).all()
            wrote = select(agents.c.scope, messages.c.author_id).join(messages).where(messages.c.author_id.is_not(None))
            found = {who_wrote(scope, author) for scope, author in await connection.execute(wrote.distinct())}
            found.update(await connection.scalars(select(people.c.id)))
            found.update(await connection.scalars(select(inbox.c.author).where(inbox.c.author != "").distinct()))
        for scope, created_at in made:
            platform, kind, within = scope.split(":", 2)
            if kind == "dm":
                found.add(f"{platform}:{within}")
            floor = self._floors.of(ANYBODY, scope)
            if floor is not None and created_at <= floor:
                wanted[None, scope] = floor
        for person in found:
            if (floor := self._floors.of(person, EVERYWHERE)) is not None:
                wanted.pop((None, Whose(person).own_scope), None)
                wanted[person, None] = floor
        return wanted


async def has_spoken(connection: AsyncConnection, whose: Whose) -> bool:
    """Whether a person has written in a channel."""
    written = (messages.c.author_id == whose.author_id, messages.c.agent_id.in_(in_channels(whose)))
    return await connection.scalar(select(messages.c.id).where(*written).limit(1)) is not None


def _add(done: Erased, took: Redacted) -> None:
    done.rows.update({"messages": took.messages, "passages": took.notes, "documents": took.documents})
    done.lines += took.lines
    done.rewritten += took.rewritten
