"""What wakes an agent, and the envelope in which the model reads it (pure).

An envelope is JSON with a type and the local time, as in MemGPT; a person's text stands inside a JSON string, so it
can never pass for an envelope of its own.
"""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.ports import InboundMessage
from bot.text import clean, defuse_json
from memory.ports import Kind, Message, NewMessage


def user_message(message: InboundMessage) -> NewMessage:
    """A person wrote."""
    origin = message.origin
    return NewMessage(
        kind=Kind.USER_MESSAGE,
        created_at=message.sent_at,
        text=clean(message.text),
        author_id=clean(origin.person.id),
        author_name=clean(origin.person.name),
    )


def login(person: str, now: datetime) -> NewMessage:
    """A person opened the conversation and has not written yet."""
    return NewMessage(kind=Kind.LOGIN, created_at=now, text=f"{clean(person)} opened the conversation.")


def heartbeat(reason: str, now: datetime) -> NewMessage:
    """The agent wakes at a time of its own."""
    return NewMessage(kind=Kind.HEARTBEAT, created_at=now, text=reason)


def system_alert(text: str, now: datetime) -> NewMessage:
    """The program has something to tell the agent; people do not see it."""
    return NewMessage(kind=Kind.SYSTEM_ALERT, created_at=now, text=text)


def envelope(message: NewMessage, zone: ZoneInfo, *, text: str, names_speaker: bool) -> str:
    """The JSON that the model reads for an event; `text` is the message's text, perhaps cut to fit."""
    fields = {"type": message.kind.value, "time": local_time(message.created_at, zone)}
    if names_speaker and message.author_name:
        fields["from"] = f"{message.author_name} ({message.author_id})"
    fields["message"] = text
    return defuse_json(json.dumps(fields, ensure_ascii=False))


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """ISO 8601 to the second, with the offset of the zone."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def speaker_of(message: Message, *, person: str = "the person", agent: str = "you (the agent)") -> str:
    """Who a message is from; the words for a nameless person and for the agent are as the reader needs them."""
    return message.author_name or person if message.kind is Kind.USER_MESSAGE else agent
