"""What wakes an agent, and the envelope in which the model reads it (pure).

An envelope is JSON with a type and the local time, as in MemGPT; a person's text stands inside a JSON string, so it
can never pass for an envelope of its own.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from adapters.ports.messages import LATELY, Attachment, InboundMessage, Origin, Quoted
from bot.documents.attached import NOT_MEANT, as_said, attachments_of, name_of, unread, with_lines
from bot.origins import of_json, to_json
from bot.scopes import person_of, scope_of
from bot.text import clean, counted, defuse_json, one_line
from memory.ports import Kind, Message, NewMessage, Quote
from memory.turns.inbox import NewEvent, WaitingEvent
from memory.turns.timers import Timer

TOO_OLD = LATELY
"""What is told later than that is not answered any more."""

EMPTY = "it is empty"
LATE = "it came more than a day after it was written"

MAX_ID_CHARS = 200

MAX_QUOTE_CHARS = 200
"""Of a message that another replies to, so much is kept and shown beside the reply."""

HOW_TO_END = "send_message, or stay_silent if that is better. Text alone is not sent."
"""What stands with every event that a clock brings about."""

YOU = "you"
"""The agent, where what it said is quoted to it; people have an id behind their names."""

_NO_ID = str.maketrans("()", "[]")
"""Whatever somebody calls themselves, what stands in round brackets is the platform's id of them."""


def user_message(message: InboundMessage, *, is_addressed: bool = True, awaits_answer: bool = True) -> NewEvent:
    """A person wrote; see `memory.turns.inbox.NewEvent`."""
    origin = message.origin
    return NewEvent(
        platform=origin.address.platform,
        event_id=_kept_id(message.event_id),
        message_key=message.message_key,
        scope=scope_of(origin),
        kind=Kind.USER_MESSAGE,
        is_timed=False,
        origin=to_json(origin),
        author=person_of(origin),
        text=as_said(clean(message.text)),
        sent_at=message.sent_at,
        message_id=message.message_id,
        is_addressed=is_addressed,
        awaits_answer=awaits_answer,
        attachments=tuple(asdict(attachment) for attachment in message.attachments),
        quote=_quote(message.replying_to) if message.replying_to is not None else None,
    )


def _quote(said: Quoted) -> Quote:
    author = said.author
    return Quote(
        message_id=said.message_id,
        author_id=clean(author.id) if author is not None else None,
        author_name=clean(author.name) if author is not None else "",
        text=quoted(said.text, said.attachments),
        sent_at=said.sent_at,
    )


def quoted(text: str, files: Sequence[Attachment] | None = None) -> str:
    """As much of a message as stands beside a reply to it; of one without a word, what its files are called."""
    words = one_line(as_said(clean(text)), MAX_QUOTE_CHARS)
    return words or (one_line(f"[file: {', '.join(map(name_of, files))}]", MAX_QUOTE_CHARS) if files else "")


def _kept_id(event_id: str) -> str:
    """What an event is known by; those without an id that can be used are each one of their own, to be put aside."""
    if 0 < len(event_id) <= MAX_ID_CHARS:
        return event_id
    return f"none-{sha256(clean(event_id).encode()).hexdigest() if event_id else secrets.token_hex(16)}"


def fault_of(message: InboundMessage, now: datetime) -> str | None:
    """Why a message cannot start a turn; None if it can."""
    if not clean(message.text).strip() and not message.attachments:
        return EMPTY
    if not message.event_id or len(message.event_id) > MAX_ID_CHARS or not message.origin.person.id:
        return "it has no usable id"
    if now - message.sent_at > TOO_OLD:
        return LATE
    return None


def of_ours(origin: Origin, event: NewMessage) -> NewEvent:
    """An event that no platform tells: a login, a clock, a person's wish to have something done again."""
    return NewEvent(
        platform=origin.address.platform,
        event_id=f"{event.kind.value}-{secrets.token_hex(8)}",
        scope=scope_of(origin),
        kind=event.kind,
        is_timed=event.kind.is_timed,
        origin=to_json(origin),
        author=person_of(origin) if event.kind is Kind.USER_MESSAGE else "",
        text=event.text or "",
        sent_at=event.created_at,
    )


def of_clock(timer: Timer, kind: Kind, text: str, now: datetime) -> NewEvent:
    """A timer fires."""
    return NewEvent(
        platform=timer.platform,
        event_id=timer.event_id,
        scope=timer.scope,
        kind=kind,
        is_timed=True,
        origin=timer.origin,
        author="",
        text=text,
        sent_at=now,
    )


def message_of(event: WaitingEvent) -> NewMessage:
    """The event as recall storage keeps it."""
    origin = of_json(event.origin)
    person = origin.person if event.kind is Kind.USER_MESSAGE else None
    return NewMessage(
        kind=event.kind,
        created_at=event.sent_at,
        text=event.text,
        author_id=clean(person.id) if person else None,
        author_name=clean(person.name) if person else None,
        platform_id=event.message_id,
        thread=origin.address.thread,
        is_addressed=event.is_addressed,
        quote=event.quote,
    )


def heard(event: WaitingEvent) -> NewMessage:
    """The same of an event that is only taken note of: files that came with it are named, and not read."""
    message = message_of(event)
    names = [name_of(attachment) for attachment in attachments_of(event.attachments)]
    return replace(message, text=with_lines(message.text or "", [unread(name, NOT_MEANT) for name in names]))


def shown(message: InboundMessage) -> NewEvent:
    """A message as somebody shows it to the agent, which may not have heard it: it wants no answer."""
    alone = replace(message, replying_to=None)  # what it replies to is shown by nobody
    return user_message(alone, is_addressed=message.origin.is_direct, awaits_answer=False)


def login(person: str, now: datetime) -> NewMessage:
    """A person opened the conversation and has not written yet."""
    return NewMessage(kind=Kind.LOGIN, created_at=now, text=f"{clean(person) or 'The person'} opened the conversation.")


def back(person: str, last_seen: datetime, now: datetime) -> NewMessage:
    """A person writes again whom the agent has not seen for long."""
    days = (now - last_seen).days
    text = f"{clean(person) or 'The person'} is back; last seen {counted(days, 'day')} ago."
    return NewMessage(kind=Kind.LOGIN, created_at=now, text=text)


def heartbeat(reason: str, now: datetime) -> NewMessage:
    """The agent wakes at a time of its own."""
    return NewMessage(kind=Kind.HEARTBEAT, created_at=now, text=reason)


def reflection(reason: str, now: datetime) -> NewMessage:
    """The agent tidies its memory, while nobody talks with it."""
    return NewMessage(kind=Kind.REFLECTION, created_at=now, text=reason)


def system_alert(text: str, now: datetime) -> NewMessage:
    """The program has something to tell the agent; people do not see it."""
    return NewMessage(kind=Kind.SYSTEM_ALERT, created_at=now, text=text)


def envelope(
    message: NewMessage, zone: ZoneInfo, *, text: str, names_speaker: bool, quote_chars: int = MAX_QUOTE_CHARS
) -> str:
    """The JSON that the model reads for an event.

    Args:
        message: the event.
        zone: for its time.
        text: the message's text, perhaps cut to fit.
        names_speaker: whether it says who wrote.
        quote_chars: the most that is shown of what it replies to.
    """
    fields: dict[str, Any] = {"type": message.kind.value, "time": local_time(message.created_at, zone)}
    if names_speaker and message.author_id:
        fields["from"] = named(message.author_name, message.author_id)
    if not message.is_addressed:
        fields["meant_for_you"] = False
    if message.thread is not None:
        fields["thread"] = message.thread
    if message.quote is not None:
        # Always in words: what the queue and a search show of messages has no such id, and the agent's own have none.
        fields["replying_to"] = {
            "from": _author_of(message.quote),
            "message_id": message.quote.message_id,
            "text": one_line(message.quote.text, quote_chars),
        }
    fields["message"] = text
    if message.kind in (Kind.HEARTBEAT, Kind.FOLLOW_UP):
        fields["how_to_end"] = HOW_TO_END
    return defuse_json(json.dumps(fields, ensure_ascii=False))


def named(name: str | None, id_: str) -> str:
    """Somebody by their name and id; nothing in the name passes for an id."""
    return f"{(name or '').translate(_NO_ID).strip()} ({id_})".strip()


def _author_of(quote: Quote) -> str:
    return YOU if quote.author_id is None else named(quote.author_name, quote.author_id)


def reply_of(message: NewMessage) -> str | None:
    """What a message replies to, in a line for models that read no envelopes: names stand there without an id."""
    quote = message.quote
    if quote is None or not quote.text:
        return None
    name = quote.author_name
    if quote.author_id is None:
        name = YOU
    elif "".join(filter(str.isalnum, normalize("NFKC", name))).casefold() == YOU:  # who is called like that is not us
        name = named(name, quote.author_id)
    return f"(In reply to {name}: {quote.text})"


def notes_on_people(notes: Mapping[str, str]) -> str:
    """The JSON that the model reads of the people who are speaking: the texts of their blocks, by label."""
    return defuse_json(json.dumps({"type": "notes_on_people", "notes": dict(notes)}, ensure_ascii=False))


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """ISO 8601 to the second, with the offset of the zone."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def age_of(moment: datetime, now: datetime) -> str:
    """How long ago something was, in words: `3 months ago`."""
    import humanize  # only for those who search

    return str(humanize.naturaltime(max(now - moment, timedelta())))


def speaker_of(message: Message, *, person: str = "the person", agent: str = "you (the agent)") -> str:
    """Who a message is from; the words for a nameless person and for the agent are as the reader needs them."""
    return message.author_name or person if message.kind is Kind.USER_MESSAGE else agent
