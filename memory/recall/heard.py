"""What was heard in a place: the messages of people there, by the platform's names, and what is kept of their words.

The inbox alone knows in which place of its scope a message stands (and that it was not imported from elsewhere), and
forgets that after a week; what is older is not named here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select

from memory.archival.message_documents import brought_to
from memory.ports import Kind
from memory.recall.quotes import quote_of
from memory.sqlite.database import Database
from memory.sqlite.tables import agents, inbox, messages, reset_messages


@dataclass(frozen=True, slots=True)
class Wording:
    """What is kept of a message: its text, and what is quoted of it in replies; None where that is not kept."""

    text: str | None = None
    quote: str | None = None


class Heard:
    """Looks through inbox and recall storage together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(
        self, scope: str, channel: str, thread: str | None, since: datetime, until: datetime
    ) -> frozenset[str]:
        """The messages of a place that were written between two moments, and of which anything is kept.

        Those that are quoted in it, too, those of which a document alone is left, and those that an undoing of a reset
        would bring back.

        The first message of a thread may stand in its channel, not in the thread, so it is not looked for there.
        """
        here = _is_in(channel, thread)
        of_agent = (messages.c.agent_id == agents.c.id, agents.c.scope == scope)
        is_kept = (inbox.c.message_id == messages.c.platform_id, inbox.c.scope == scope, *here)
        kept = (
            select(messages.c.platform_id)
            .where(*of_agent, *is_kept)
            .where(messages.c.created_at > since, messages.c.created_at < until)
        )
        came = (inbox.c.scope == scope, inbox.c.message_id.is_not(None), *here)
        between = (inbox.c.sent_at > since, inbox.c.sent_at < until)
        undone = [
            select(inbox.c.message_id).where(*came, inbox.c.state == state, *between) for state in ("waiting", "parked")
        ]
        were_reset = select(inbox.c.message_id).where(*came, *between, inbox.c.message_id.in_(_may_come_back(scope)))
        brought = select(inbox.c.message_id).where(*came, *between, inbox.c.message_id.in_(brought_to(scope)))
        quoting = [
            select(messages.c.replying_to, messages.c.quote).where(
                *of_agent, *is_kept, messages.c.replying_to.is_not(None), messages.c.created_at > since
            ),
            select(inbox.c.replying_to, inbox.c.quote).where(
                *came, inbox.c.replying_to.is_not(None), inbox.c.sent_at > since
            ),
        ]
        async with self._database.read() as connection:
            found = {id_ for which in (kept, *undone, were_reset, brought) for id_ in await connection.scalars(which)}
            rows = [row for replies in quoting for row in await connection.execute(replies)]
        quotes = [quote for row in rows if (quote := quote_of(row)) is not None]
        return frozenset(found | {quote.message_id for quote in quotes if since < quote.sent_at < until})

    async def wordings(self, scope: str, platform_ids: Collection[str]) -> dict[str, list[Wording]]:
        """What is kept of messages, wherever it stands, by their names."""
        agent = select(agents.c.id).where(agents.c.scope == scope).scalar_subquery()
        texts = select(messages.c.platform_id, messages.c.text).where(
            messages.c.agent_id == agent, messages.c.platform_id.in_(platform_ids), messages.c.kind == Kind.USER_MESSAGE
        )
        waiting = select(inbox.c.message_id, inbox.c.text).where(
            inbox.c.message_id.in_(platform_ids), inbox.c.scope == scope, inbox.c.text.is_not(None)
        )
        quoting = [
            select(table.c.replying_to, table.c.quote).where(whose, table.c.replying_to.in_(platform_ids))
            for table, whose in ((messages, messages.c.agent_id == agent), (inbox, inbox.c.scope == scope))
        ]
        found: dict[str, list[Wording]] = {}
        async with self._database.read() as connection:
            for which in (texts, waiting):
                for id_, text in await connection.execute(which):
                    found.setdefault(id_, []).append(Wording(text=text))
            for replies in quoting:
                for row in await connection.execute(replies):
                    if (quote := quote_of(row)) is not None:
                        found.setdefault(quote.message_id, []).append(Wording(quote=quote.text))
        return found


def _may_come_back(scope: str) -> Select[tuple[str]]:
    of_agent = (reset_messages.c.agent_id == agents.c.id, agents.c.scope == scope)
    return select(reset_messages.c.platform_id).join(agents, and_(*of_agent)).where(~reset_messages.c.deleted)


def _is_in(channel: str, thread: str | None) -> tuple[ColumnElement[bool], ...]:
    in_channel = inbox.c.origin["address"]["channel"].as_string() == channel
    in_thread = inbox.c.origin["address"]["thread"].as_string()
    if thread is None:
        return in_channel, or_(in_thread.is_(None), in_thread == inbox.c.message_id)
    return in_channel, and_(in_thread == thread, inbox.c.message_id != thread)
