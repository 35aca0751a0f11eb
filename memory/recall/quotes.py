"""What a person's message replies to: a few words of another, which are changed with that one and go with it.

They stand in columns of their own beside the reply, where no search and no summary reads them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, exists, select, update

from memory.ports import Quote
from memory.sqlite.database import Transaction
from memory.sqlite.tables import agents, inbox, messages


def columns_of(quote: Quote | None) -> dict[str, Any]:
    """The columns of a row that hold a quote."""
    if quote is None:
        return {"replying_to": None, "quote": None}
    written = {"author_id": quote.author_id, "author_name": quote.author_name, "text": quote.text}
    return {"replying_to": quote.message_id, "quote": written | {"sent_at": quote.sent_at.isoformat()}}


def quote_of(row: Any) -> Quote | None:
    """The quote that a row holds."""
    if row.replying_to is None or row.quote is None:
        return None
    written = row.quote
    sent_at = datetime.fromisoformat(written["sent_at"])
    return Quote(row.replying_to, written["author_id"], written["author_name"], written["text"], sent_at)


def replied_to_in(platform: str, platform_ids: Collection[str]) -> tuple[Select[tuple[str]], Select[tuple[str]]]:
    """Where one of these messages is quoted: the scopes of agents, and those of events."""
    of_agent = (messages.c.agent_id == agents.c.id, messages.c.replying_to.in_(platform_ids))
    is_here = agents.c.scope.startswith(f"{platform}:", autoescape=True)
    came = (inbox.c.platform == platform, inbox.c.replying_to.in_(platform_ids))
    return select(agents.c.scope).where(is_here, exists().where(*of_agent)), select(inbox.c.scope).where(*came)


async def follow(
    transaction: Transaction, table: Table, whose: ColumnElement[bool], platform_ids: Collection[str], text: str | None
) -> tuple[int, ...]:
    """Write in a table what messages say that are quoted there, or that they are gone (`text` None).

    Returns:
        The ids of the rows that were changed.
    """
    found = select(table.c.id, table.c.quote).where(whose, table.c.replying_to.in_(platform_ids))
    changed = []
    for row in (await transaction.execute(found)).all():
        if text is not None and row.quote is not None and row.quote["text"] == text:
            continue
        now = columns_of(None) if text is None else {"quote": {**(row.quote or {}), "text": text}}
        await transaction.execute(update(table).where(table.c.id == row.id).values(now))
        changed.append(row.id)
    return tuple(changed)
