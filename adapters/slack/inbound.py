"""An event of Slack as a message, or a change of one, in no platform's format (pure).

https://docs.slack.dev/reference/events/message
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.chat.said import CALLED, FORWARDED
from adapters.ports.messages import Address, Aim, Attachment, InboundMessage, MessageChange, Origin, Person
from adapters.slack.me import Me
from adapters.slack.mrkdwn import mentions_a_group, people_in, plain, without_call
from adapters.slack.told import Json, is_id, is_timestamp, listed_in, part_in, text_in

PLATFORM = "slack"
SLACKBOT = "USLACKBOT"

_WRITTEN = (None, "file_share", "thread_broadcast", "me_message", "bot_message")
"""All other subtypes of messages are written by Slack itself."""

_GONE = ("tombstone", "hidden_by_limit")
"""Modes of files that cannot be had any more."""


def is_written_by_a_person(message: Json, me: Me, *, answers_bots: bool) -> bool:
    """Whether somebody wrote it who may be answered: neither we, nor Slack, nor another bot unless those are wanted."""
    author = text_in(message, "user")
    if message.get("subtype") not in _WRITTEN or author in (me.user, SLACKBOT) or message.get("hidden"):
        return False
    is_by_bot = bool(message.get("bot_id")) or message.get("subtype") == "bot_message"
    return is_id(author_of(message)) and (not is_by_bot or (answers_bots and message.get("bot_id") != me.bot))


def is_readable(message: Json, channel: str) -> bool:
    """Whether it has what every message has."""
    return is_timestamp(message.get("ts")) and is_id(channel)


def author_of(message: Json) -> str:
    """The id of whoever wrote it; an old kind of bot has no other than its own."""
    return text_in(message, "user") or text_in(message, "bot_id")


def people_of(message: Json) -> tuple[str, ...]:
    """The ids of those whose names are needed to read it."""
    texts = (text_in(message, "text"), *(text_in(it, "text") for it in _forwarded_in(message)))
    mentioned = (id_ for text in texts for id_ in people_in(text))
    return tuple(dict.fromkeys((*filter(is_id, (text_in(message, "user"),)), *mentioned)))


def inbound_of(message: Json, channel: str, event_id: str, me: Me, names: Mapping[str, str]) -> InboundMessage:
    """The message; `names` are those of people by their ids.

    A mention is told twice, as one and as a message of the channel, in any order: both are of one `message_key`.
    """
    timestamp = str(message["ts"])
    return InboundMessage(
        event_id=event_id,
        origin=origin_of(message, channel, me, names),
        text=said_in(message, me, names),
        sent_at=moment_of(timestamp),
        message_key=f"{me.team}/{channel}/{timestamp}",
        message_id=timestamp,
        aim=aim_of(message, channel, me),
        attachments=files_of(message),
    )


def origin_of(message: Json, channel: str, me: Me, names: Mapping[str, str]) -> Origin:
    """Where a message stands and who wrote it. A group's direct messages are a place of their own, like a channel."""
    author = author_of(message)
    name = names.get(author) or text_in(message, "username") or author
    return place_of(channel, thread_of(message), Person(author, name), me)


def place_of(channel: str, thread: str | None, person: Person, me: Me) -> Origin:
    """A place in the workspace, and somebody in it."""
    return Origin(Address(PLATFORM, channel, thread), person, is_direct=is_direct(channel), space=me.team)


def is_direct(channel: str) -> bool:
    """Whether it is a conversation of two."""
    return channel.startswith("D")


def thread_of(message: Json) -> str | None:
    """The thread that it stands in, or begins.

    To an app of the kind that Slack calls agents each direct message begins one, which its answer belongs to: Slack
    tells so by the thread, or by what the person looked at.
    https://docs.slack.dev/ai/migrating-to-agent-messaging/
    """
    thread = message.get("thread_ts")
    if is_timestamp(thread):
        # Of a message that others replied to a history says the same; it stands in its channel.
        is_begun_here = thread == message.get("ts") and message.get("reply_count")
        return None if is_begun_here else str(thread)
    return str(message["ts"]) if "app_context" in message else None


def aim_of(message: Json, channel: str, me: Me) -> Aim:
    """Whom it is for: those whom it mentions, else whoever began the thread, if that is the bot. Everyone is nobody."""
    text = text_in(message, "text")
    mentioned = people_in(text)
    if is_direct(channel) or me.user in mentioned:
        return Aim.AT_US
    if mentioned or mentions_a_group(text):
        return Aim.AT_OTHERS
    return Aim.AT_US if message.get("parent_user_id") == me.user else Aim.AT_ALL


def said_in(message: Json, me: Me, names: Mapping[str, str]) -> str:
    """What the agent reads of a message."""
    text = text_of(message, me, names)
    return CALLED if not text and text_in(message, "text").strip() and not files_of(message) else text


def text_of(message: Json, me: Me, names: Mapping[str, str]) -> str:
    """What a reader sees, without the mention that only calls the bot; and what is passed on with it."""
    text = plain(without_call(text_in(message, "text"), me.user), names).strip()
    forwarded = [plain(text_in(it, "text"), names).strip() for it in _forwarded_in(message)]
    return "\n".join(part for part in (text, *(FORWARDED.format(text=it) for it in forwarded if it)) if part)


def files_of(message: Json) -> tuple[Attachment, ...]:
    """Its own, and those of what it passes on; not those that are gone."""
    files = [*listed_in(message, "files"), *(file for it in _forwarded_in(message) for file in listed_in(it, "files"))]
    return tuple(
        Attachment(
            id=text_in(file, "id"),
            name=text_in(file, "name") or text_in(file, "title") or text_in(file, "id"),
            content_type=text_in(file, "mimetype"),
            size=size if isinstance(size := file.get("size"), int) else 0,
            url=text_in(file, "url_private_download") or text_in(file, "url_private"),
        )
        for file in files
        if is_id(text_in(file, "id")) and file.get("mode") not in _GONE
    )


def moment_of(timestamp: str) -> datetime:
    """When a message was written, by its name."""
    return datetime.fromtimestamp(float(timestamp), UTC)


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────


def edited_in(event: Json, me: Me) -> Json | None:
    """The message that an event says was edited by whoever wrote it; None if it says nothing of the kind.

    Slack changes messages itself: it adds previews of links, and counts replies. Then the text and files are as before.
    """
    message, before = part_in(event, "message"), part_in(event, "previous_message")
    if not is_timestamp(message.get("ts")) or author_of(message) in ("", me.user, SLACKBOT):
        return None
    if message.get("subtype") == "tombstone":  # it was deleted, and others had replied to it
        return None
    if before and (text_in(before, "text"), _file_ids(before)) == (text_in(message, "text"), _file_ids(message)):
        return None
    return message if before or message.get("edited") else None


def deleted_in(event: Json) -> str | None:
    """The name of the message that an event says is gone; None if it says nothing of the kind."""
    gone: object = None
    if event.get("subtype") == "message_deleted":
        gone = event.get("deleted_ts")
    elif part_in(event, "message").get("subtype") == "tombstone":
        gone = part_in(event, "message").get("ts")
    return str(gone) if is_timestamp(gone) else None


def before_of(event: Json) -> Json:
    """What a message said that was changed; empty where Slack does not tell."""
    return part_in(event, "previous_message")


def change_of(message: Json, channel: str, me: Me, names: Mapping[str, str], person: Person) -> MessageChange:
    """What an edited message says now; `person` is whose direct conversation it stands in, if it does."""
    place = place_of(channel, thread_of(message), person, me)
    author = Person(author_of(message), names.get(author_of(message)) or author_of(message))
    return MessageChange(place, (str(message["ts"]),), said_in(message, me, names), files_of(message), author)


def _forwarded_in(message: Json) -> list[Json]:
    """Messages that somebody shared; the preview that Slack shows of one to which a link leads is none."""
    return [it for it in listed_in(message, "attachments") if it.get("is_share")]


def _file_ids(message: Json) -> tuple[str, ...]:
    return tuple(file.id for file in files_of(message))
