"""Messages as rows: how one is written, read, and found by whose it is and by its turn."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, func, insert

from memory.ports import Kind, Message, NewMessage, ToolUse
from memory.recall.quotes import columns_of, quote_of
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import messages

INSERT = Prepared(
    insert(messages),
    "id agent_id turn_id kind created_at text thoughts tool_uses tool_use_id author_id author_name "
    "platform_id thread is_addressed replying_to quote indexed".split(),
)

TURN = func.coalesce(messages.c.turn_id, messages.c.id)
"""A turn is named by its first event, whose own row does without."""

SAID = (messages.c.kind.in_([Kind.USER_MESSAGE, Kind.ASSISTANT]), messages.c.text.is_not(None))
"""What a search may find: what people said, and what the agent said to them."""


def of_agent(agent_id: int) -> ColumnElement[bool]:
    """An agent's messages."""
    return messages.c.agent_id == agent_id


def numbered(message: NewMessage, id_: int, turn_id: int) -> Message:
    """A new message with its id and its turn's."""
    return Message(
        id=id_,
        turn_id=turn_id,
        kind=message.kind,
        created_at=message.created_at,
        text=message.text,
        thoughts=message.thoughts,
        tool_uses=message.tool_uses,
        tool_use_id=message.tool_use_id,
        author_id=message.author_id,
        author_name=message.author_name,
        platform_id=message.platform_id,
        thread=message.thread,
        is_addressed=message.is_addressed,
        quote=message.quote,
    )


def to_row(agent_id: int, message: Message) -> dict[str, Any]:
    """The columns of a message, but for how it stands with the queue and the index."""
    return {
        "id": message.id,
        "agent_id": agent_id,
        "turn_id": None if message.turn_id == message.id else message.turn_id,
        "kind": message.kind.value,
        "created_at": message.created_at,
        "text": message.text,
        "thoughts": message.thoughts,
        "tool_uses": [asdict(use) for use in message.tool_uses] or None,
        "tool_use_id": message.tool_use_id,
        "author_id": message.author_id,
        "author_name": message.author_name,
        "platform_id": message.platform_id,
        "thread": message.thread,
        "is_addressed": message.is_addressed,
    } | columns_of(message.quote)


def from_row(row: Any) -> Message:
    """The message that a row holds."""
    return Message(
        id=row.id,
        turn_id=row.turn_id or row.id,
        kind=Kind(row.kind),
        created_at=row.created_at,
        text=row.text,
        thoughts=row.thoughts,
        tool_uses=tuple(ToolUse(**use) for use in row.tool_uses or ()),
        tool_use_id=row.tool_use_id,
        author_id=row.author_id,
        author_name=row.author_name,
        platform_id=row.platform_id,
        thread=row.thread,
        is_addressed=row.is_addressed,
        quote=quote_of(row),
    )
