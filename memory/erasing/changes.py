"""Messages that their authors edited or deleted: all that is kept follows, in one transaction for many of them.

What the agent was told stays told: the replies in which it quoted a message are its own.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, exists, select

from memory.archival.documents import Removed
from memory.archival.message_documents import came_in, remove_with, remove_without
from memory.archival.note_tags import take_tags_back
from memory.core.change_journal import forget_notes_from, made_by_reflections
from memory.erasing.traces import (
    Sources,
    betrayed_lines,
    doomed_lines,
    redacted,
    sources_of,
    without_hits,
    without_lines,
)
from memory.erasing.undoable_resets import follow_change, scopes_of_reset
from memory.ports import Kind, Message, NewMessage, NoteEdit, Passage
from memory.recall import compactions
from memory.recall.primers import remove_primers
from memory.recall.quotes import follow, quote_of, replied_to_in
from memory.sqlite.database import Transaction
from memory.sqlite.tables import agents, inbox, messages, outbox
from memory.stores import Stores
from memory.turns.inbox import WaitingEvent


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change.

    Attributes:
        waiting: events that no turn had taken yet, as they are now.
        agent_id: whose memory followed; None if it held nothing of it.
        messages: how many of its messages were changed.
        quoting: events that no turn had taken yet and that quote what was changed, as they are now.
        quotes: how many of its messages quote it.
        notes: the notes that went, and the primers that are to be made anew.
        documents: what went of documents that had come with the messages.
    """

    waiting: tuple[WaitingEvent, ...] = ()
    agent_id: int | None = None
    messages: int = 0
    notes: tuple[int, ...] = ()
    documents: tuple[Removed, ...] = ()
    quoting: tuple[WaitingEvent, ...] = ()
    quotes: int = 0


Tell = Callable[[Sequence[int], Sequence[int]], NewMessage]
"""What the agent is told of messages that were changed, and of those that quote them, by their ids."""

_EXPIRED_AT_ONCE = 200
"""Messages that go in one transaction, more or less; others write in between."""

Rewrite = Callable[[str], str]
"""What a message says now, by what it said."""


class MessageChanges:
    """Writes what people changed."""

    def __init__(
        self,
        stores: Stores,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._now = now

    async def scopes_of(self, platform: str, platform_ids: Collection[str]) -> tuple[str, ...]:
        """Where anything is kept of messages of these names, on a platform that names no two messages alike."""
        async with self._stores.database.read() as connection:
            in_recall = await connection.scalars(_recalled_in(platform, platform_ids))
            with_files = await connection.scalars(came_in(platform, platform_ids))
            were_reset = await connection.scalars(scopes_of_reset(platform, platform_ids))
            found = {*in_recall, *with_files, *were_reset}
            for quoting in replied_to_in(platform, platform_ids):
                found |= set(await connection.scalars(quoting))
        return tuple(sorted(found | await self._stores.inbox.scopes_of(platform, platform_ids)))

    async def is_paused(self, scope: str) -> bool:
        """Whether nothing is kept of what is said to an agent."""
        is_so = exists().where(agents.c.scope == scope, agents.c.paused_at.is_not(None))
        async with self._stores.database.read() as connection:
            return bool(await connection.scalar(select(is_so)))

    async def reworded(
        self, scope: str, platform_ids: Collection[str], rewrite: Rewrite, quoted: str
    ) -> frozenset[str]:
        """Of edited messages those of which something else is kept than they say now, which is `quoted` in replies."""
        agent = select(agents.c.id).where(agents.c.scope == scope).scalar_subquery()
        texts = select(messages.c.platform_id, messages.c.text).where(
            messages.c.agent_id == agent, messages.c.platform_id.in_(platform_ids), messages.c.kind == Kind.USER_MESSAGE
        )
        coming = select(inbox.c.message_id, inbox.c.text).where(
            inbox.c.scope == scope, inbox.c.message_id.in_(platform_ids), inbox.c.text.is_not(None)
        )
        quoting = [
            select(table.c.replying_to, table.c.quote).where(whose, table.c.replying_to.in_(platform_ids))
            for table, whose in ((messages, messages.c.agent_id == agent), (inbox, inbox.c.scope == scope))
        ]
        found = set()
        async with self._stores.database.read() as connection:
            for which in (texts, coming):
                kept = (await connection.execute(which)).all()
                found |= {id_ for id_, text in kept if rewrite(text or "") != (text or "")}
            for replies in quoting:
                quotes = [quote_of(row) for row in await connection.execute(replies)]
                found |= {quote.message_id for quote in quotes if quote is not None and quote.text != quoted}
        return frozenset(found)

    async def under_way(self, scope: str, platform_ids: Collection[str]) -> frozenset[str]:
        """Those of these messages whose turn is not over, or has not begun."""
        return await self._stores.inbox.under_way(scope, platform_ids)

    async def write(
        self,
        scope: str,
        platform_ids: Collection[str],
        text: str | None,
        tell: Tell | None,
        rewrite: Rewrite | None = None,
        *,
        quoted: str | None = None,
        files: Collection[str] | None = None,
    ) -> Changed:
        """Write that messages were edited, or deleted (`text` None); when this returns, it is kept for good.

        Args:
            scope: whose messages.
            platform_ids: what the platform calls them; those that are not known are ignored.
            text: what they say now.
            tell: makes the alert for the agent; None: it is not told.
            rewrite: what each says in recall storage, where that is not the text alone.
            quoted: what is quoted of them now in replies to them.
            files: of messages that were edited, the platform's names for the files that they have now; None if that is
                not known.
        """
        quoted = quoted if text is not None else None
        events = await self._stores.inbox.named(scope, platform_ids)
        async with (
            self._stores.agents.changing(scope),
            self._stores.recall.rewriting(),
            self._stores.database.write(alone=True) as transaction,
        ):
            await follow_change(transaction, scope, platform_ids, text)
            waiting = await self._stores.inbox.change(transaction, scope, events, text, files) if events else ()
            quoting = await self._stores.inbox.requote(transaction, scope, platform_ids, quoted)
            agent_id = await self._stores.agents.id_of(transaction, scope)
            named = await self._stores.recall.named(transaction, agent_id, platform_ids) if agent_id is not None else ()
            rewrite = rewrite if text is not None else None
            says = {message.id: rewrite(message.text or "") if rewrite else text for message, _ in named}
            named = tuple((message, evicted) for message, evicted in named if message.text != says[message.id])
            if agent_id is None:
                return Changed(waiting, quoting=quoting)
            notes: tuple[int, ...] = ()
            if text is None:
                replies = await self._stores.recall.quoting(transaction, agent_id, platform_ids)
                notes = await self._delete(transaction, agent_id, [message for message, _ in named], replies)
            quotes = await follow(transaction, messages, messages.c.agent_id == agent_id, platform_ids, quoted)
            gone = await self._remove_documents(transaction, agent_id, platform_ids, text, files)
            if not named:  # what they said may be forgotten already
                await self._forget_results(transaction, agent_id, (), (*notes, *_pieces(gone)))
                if quotes and tell is not None:
                    await self.tell(transaction, agent_id, tell((), quotes))
                followed = agent_id if gone or quotes else None
                return Changed(waiting, followed, 0, notes, gone, quoting, len(quotes))
            ids = [message.id for message, _ in named]
            for id_ in ids if text is not None else ():
                await self._stores.recall.rewrite(transaction, agent_id, [id_], says[id_] or "")
            if evicted := frozenset(message.id for message, evicted in named if evicted):
                summary, is_short = await compactions.hide(transaction, agent_id, evicted, now=self._now())
                await self._stores.agents.save_summary(transaction, agent_id, summary, derive_anew=is_short)
                notes = (*notes, *await remove_primers(transaction, agent_id, min(evicted)))
            await self._forget_results(transaction, agent_id, ids, (*notes, *_pieces(gone)))
            if tell is not None:
                await self.tell(transaction, agent_id, tell(ids, quotes))
        return Changed(waiting, agent_id, len(ids), notes, gone, quoting, len(quotes))

    async def events_of(self, scope: str, agent_id: int, message_ids: Collection[int]) -> tuple[int, ...]:
        """The events that some of an agent's messages came as: by their names, or if they have none by their words."""
        own = (messages.c.agent_id == agent_id, messages.c.id.in_(message_ids))
        async with self._stores.database.read() as connection:
            rows = (await connection.execute(select(messages.c.platform_id, messages.c.text).where(*own))).all()
            texts = [row.text for row in rows if row.platform_id is None and row.text]
            same = (inbox.c.scope == scope, inbox.c.message_id.is_(None), inbox.c.text.in_(texts))
            unnamed = tuple(await connection.scalars(select(inbox.c.id).where(*same)))
        names = [row.platform_id for row in rows if row.platform_id is not None]
        return (*unnamed, *(await self._stores.inbox.named(scope, names) if names else ()))

    async def remove(
        self, transaction: Transaction, scope: str, agent_id: int, gone: Sequence[Message], events: Sequence[int]
    ) -> Changed:
        """Remove messages of people in somebody's transaction, as if these had deleted them, but for the summary.

        To be called within `AgentStore.changing` and `RecallStorage.rewriting`.

        Args:
            transaction: of which this is a part.
            scope: whose messages.
            agent_id: the same.
            gone: the messages.
            events: as which they came; see `events_of`.
        """
        names = [message.platform_id for message in gone if message.platform_id is not None]
        waiting = await self._stores.inbox.change(transaction, scope, events, None) if events else ()
        quoting = await self._stores.inbox.requote(transaction, scope, names, None)
        replies = await self._stores.recall.quoting(transaction, agent_id, names)
        notes = await self._delete(transaction, agent_id, gone, replies)
        quotes = await follow(transaction, messages, messages.c.agent_id == agent_id, names, None)
        documents = await remove_with(transaction, agent_id, names)
        ids = [message.id for message in gone]
        await self._forget_results(transaction, agent_id, ids, (*notes, *_pieces(documents)))
        return Changed(waiting, agent_id, len(ids), notes, documents, quoting, len(quotes))

    async def tell(self, transaction: Transaction, agent_id: int, alert: NewMessage) -> None:
        """Let an agent know of a change, in the turn that is under way if there is one."""
        turn_id = await self._stores.journal.running(transaction, agent_id)
        await self._stores.recall.append(transaction, agent_id, turn_id, [alert])

    async def _remove_documents(
        self,
        transaction: Transaction,
        agent_id: int,
        platform_ids: Collection[str],
        text: str | None,
        files: Collection[str] | None,
    ) -> tuple[Removed, ...]:
        """Remove what came with messages that are gone, or as files that they have no more."""
        if text is None:
            return await remove_with(transaction, agent_id, platform_ids)
        if files is None:
            return ()
        return await remove_without(transaction, agent_id, platform_ids, files)

    async def _delete(
        self, transaction: Transaction, agent_id: int, gone: Sequence[Message], replies: Sequence[Message]
    ) -> tuple[int, ...]:
        """Remove messages and what came from them alone, also where replies quote them; returns the notes that went."""
        if not (gone or replies):
            return ()
        turns = await self._stores.recall.turns_in(
            transaction, agent_id, {message.turn_id for message in (*gone, *replies)}
        )
        ids = {message.id for message in gone}
        quotes = [message.quote.text for message in (*gone, *replies) if message.quote is not None]
        said_by_others = await self._stores.recall.said_by_others(transaction, agent_id, gone, quotes)
        sources = sources_of(turns, ids, said_by_others, {message.id for message in replies} - ids)
        edits, kept = await made_by_reflections(transaction, agent_id)
        notes = await self._delete_notes(transaction, agent_id, sources, kept)
        await self._delete_lines(transaction, agent_id, sources, edits)
        await self._delete_follow_ups(transaction, agent_id, sources)
        for id_, source in sources.items():
            if id_ in ids or id_ not in (message.id for message in turns):
                await self._stores.agents.name_source(transaction, agent_id, id_, source.heir)
                await self._stores.archival.name_source(transaction, agent_id, id_, source.heir)
                await self._stores.timers.name_source(transaction, agent_id, id_, source.heir)
        less = [(message, redacted(message, sources[message.turn_id])) for message in turns]
        await self._stores.recall.redact(transaction, agent_id, [new for old, new in less if new != old])
        await self._stores.recall.remove(transaction, agent_id, list(ids))
        unheard = outbox.c.turn_id.in_([id_ for id_, source in sources.items() if source.heir is None])
        is_unsent = outbox.c.state.in_(["waiting", "dead", "doubtful"])
        await transaction.execute(delete(outbox).where(outbox.c.agent_id == agent_id, unheard, is_unsent))
        return notes

    async def _delete_notes(
        self, transaction: Transaction, agent_id: int, sources: Sources, kept: Collection[str]
    ) -> tuple[int, ...]:
        """Remove notes that came from the messages, and what reflections `kept` that holds their words alone."""
        secret = set(sources.values())
        betraying = {content for content in kept if any(source.betrays(content) for source in secret)}

        def is_to_go(note: Passage | NoteEdit) -> bool:
            source = sources.get(note.source_message_id or 0)
            is_borne = source is None or source.bears(" ".join((note.content, *note.tags)))
            return not is_borne or note.content in betraying

        notes = await self._stores.archival.notes_from(transaction, agent_id, sources, betraying)
        gone = [note for note in notes if is_to_go(note)]
        await self._stores.archival.remove(transaction, agent_id, [note.id for note in gone])
        await take_tags_back(transaction, agent_id, sources)
        contents = betraying.union(note.content for note in gone)
        await forget_notes_from(transaction, agent_id, sources, is_to_go, contents)
        return tuple(note.id for note in gone)

    async def _delete_follow_ups(self, transaction: Transaction, agent_id: int, sources: Sources) -> None:
        made = await self._stores.timers.made_in(transaction, agent_id, sources)
        gone = [id_ for id_, source, note in made if not sources[source].bears(note)]
        if gone:
            await self._stores.timers.forget(transaction, agent_id, gone)

    async def _delete_lines(
        self, transaction: Transaction, agent_id: int, sources: Sources, of_reflections: Collection[int]
    ) -> None:
        """Take lines out of core memory and out of the journal of their block."""
        journal = await self._stores.agents.journal_of_sources(transaction, agent_id, sources, of_reflections)
        for label, (value, edits) in journal.items():
            named = {edit.source_message_id for _, edit in edits if edit.source_message_id is not None}
            others = await self._stores.recall.said(transaction, agent_id, named - sources.keys())
            texts = {message.id: message.text or "" for message in others}
            made = {edit for id_, edit in edits if id_ in of_reflections}
            doomed = doomed_lines(value, [edit for _, edit in edits], sources, texts)
            doomed |= betrayed_lines(value, [edit for _, edit in edits], made, sources)
            changed = [
                (id_, without_lines(edit.before, doomed), without_lines(edit.after, doomed)) for id_, edit in edits
            ]
            if doomed:
                await self._stores.agents.redact(transaction, agent_id, label, without_lines(value, doomed), changed)

    async def _forget_results(
        self, transaction: Transaction, agent_id: int, ids: Sequence[int], notes: Sequence[int]
    ) -> None:
        """Take what searches showed out of their results, and what was looked for out of their lists."""
        if not (ids or notes):
            return
        await self._stores.result_lists.forget_queries(transaction, agent_id, ids, notes)
        pages = await self._stores.recall.results_naming(transaction, agent_id, [*ids, *notes], min(ids, default=0))
        less = [(page, without_hits(page, ids, notes)) for page in pages]
        await self._stores.recall.redact(transaction, agent_id, [new for old, new in less if new != old])

    async def expire(self, scope: str, before: datetime) -> Changed:
        """Remove some of an agent's oldest turns, all of which is older than a moment, as if people had deleted theirs.

        What the agent said, thought and did in them goes as well. Nobody is told: it is no secret that time passes.

        Returns:
            What came of it; no `messages`, once there are none left to go.
        """
        async with (
            self._stores.agents.changing(scope),
            self._stores.recall.rewriting(),
            self._stores.database.write(alone=True) as transaction,
        ):
            if (agent_id := await self._stores.agents.id_of(transaction, scope)) is None:
                return Changed()
            under_way = await self._stores.journal.running(transaction, agent_id)
            found, evicted = await self._stores.recall.old_turns(transaction, agent_id, before, _EXPIRED_AT_ONCE)
            old = [message for message in found if message.turn_id != under_way]
            if not old:
                return Changed()
            heard = [message for message in old if message.kind is Kind.USER_MESSAGE]
            names = [message.platform_id for message in heard if message.platform_id is not None]
            quoting = await self._stores.inbox.requote(transaction, scope, names, None)
            replies = await self._stores.recall.quoting(transaction, agent_id, names)
            notes = await self._delete(transaction, agent_id, heard, replies)
            quotes = await follow(transaction, messages, messages.c.agent_id == agent_id, names, None)
            documents = await remove_with(transaction, agent_id, names)
            for event in (message for message in old if message.kind.is_event and message not in heard):
                await self._stores.agents.name_source(transaction, agent_id, event.id, None)
                await self._stores.archival.name_source(transaction, agent_id, event.id, None)
            ids = [message.id for message in old]
            await self._stores.recall.remove(transaction, agent_id, ids)
            if gone := evicted.intersection(ids):
                summary, is_short = await compactions.hide(transaction, agent_id, gone, now=self._now())
                await self._stores.agents.save_summary(transaction, agent_id, summary, derive_anew=is_short)
                notes = (*notes, *await remove_primers(transaction, agent_id, min(gone)))
            await self._forget_results(transaction, agent_id, ids, (*notes, *_pieces(documents)))
        return Changed((), agent_id, len(ids), notes, documents, quoting, len(quotes))


def _recalled_in(platform: str, platform_ids: Collection[str]) -> Select[tuple[str]]:
    """The scopes of the agents that have such a message in recall storage."""
    of_agent = (messages.c.agent_id == agents.c.id, messages.c.platform_id.in_(platform_ids))
    is_here = agents.c.scope.startswith(f"{platform}:", autoescape=True)
    return select(agents.c.scope).where(is_here, exists().where(*of_agent))


def _pieces(gone: Sequence[Removed]) -> tuple[int, ...]:
    return tuple(id_ for removed in gone for id_ in removed.passage_ids)
