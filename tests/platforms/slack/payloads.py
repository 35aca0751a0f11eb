"""How Slack tells of things: in events, in answers, in what people send off.

https://docs.slack.dev/reference/events/message, https://docs.slack.dev/apis/events-api/#callback-field
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from tests.platforms.slack.errors import Json
from tests.platforms.slack.things import Channel, File, Kind, Message, User, View, Workspace

if TYPE_CHECKING:
    from tests.platforms.slack.state import State

VERIFICATION = "a-verification-token"
"""The old way to prove that a request is Slack's; it is still in each payload."""


# ── things ───────────────────────────────────────────────────────────────────────────────────────────


def user(state: State, it: User) -> Json:
    """https://docs.slack.dev/reference/objects/user-object"""
    profile: Json = {"real_name": it.name, "display_name": it.name, "team": it.workspace.id}
    if it.bot_id:
        profile |= {"bot_id": it.bot_id, "api_app_id": ""}
    common: Json = {"id": it.id, "team_id": it.workspace.id, "name": it.name.lower(), "deleted": it.is_deactivated}
    common |= {"real_name": it.name, "profile": profile, "is_bot": it.is_bot, "is_app_user": False}
    if it.is_deactivated:
        return common | it.more
    common |= {"tz": it.timezone, "tz_label": "", "tz_offset": 0, "is_email_confirmed": True, "updated": 1}
    common |= {"is_admin": it.is_admin or it.is_owner, "is_owner": it.is_owner, "is_primary_owner": False}
    common |= {"is_stranger": True} if it.workspace is not state.workspace else {}
    is_guest = it.is_guest or it.is_single_channel_guest
    return common | {"is_restricted": is_guest, "is_ultra_restricted": it.is_single_channel_guest} | it.more


def team(it: Workspace) -> Json:
    return {"id": it.id, "name": it.name, "domain": it.domain, "email_domain": "", "icon": {"image_default": True}}


def channel(state: State, it: Channel) -> Json:
    """https://docs.slack.dev/reference/objects/conversation-object"""
    common: Json = {"id": it.id, "created": int(it.created_at.timestamp()), "is_archived": it.is_archived}
    common |= {"is_im": it.kind is Kind.IM, "is_mpim": it.kind is Kind.MPIM, "context_team_id": state.workspace.id}
    common |= {"is_org_shared": False, "updated": int(it.created_at.timestamp() * 1000)}
    if it.kind is Kind.IM:
        assert it.person is not None, "a direct conversation is somebody's"
        return common | {"user": it.person.id, "is_user_deleted": it.person.is_deactivated, "priority": 0}
    common |= {"name": it.name, "name_normalized": it.name, "is_channel": it.kind is Kind.PUBLIC}
    common |= {"is_group": it.kind is Kind.PRIVATE, "is_private": it.kind is not Kind.PUBLIC, "is_general": False}
    common |= {"is_shared": it.is_shared, "is_ext_shared": it.is_shared, "is_member": state.bot in it.members}
    return common | {"topic": {"value": ""}, "purpose": {"value": ""}, "num_members": len(it.members)}


def file(it: File, *, is_told: bool = False) -> Json:
    """https://docs.slack.dev/reference/objects/file-object; `is_told` for what stands in an event."""
    if is_told and it.is_stub:
        return {"id": it.id, "mode": "file_access", "file_access": "check_file_info", "created": 0, "timestamp": 0}
    if it.is_deleted:
        return {"id": it.id, "mode": "tombstone"}
    size = len(it.content) if it.told_size is None else it.told_size
    at, kind = int(it.added_at.timestamp()), it.name.rpartition(".")[2]
    named: Json = {"id": it.id, "created": at, "timestamp": at, "name": it.name, "title": it.name, "size": size}
    named |= {"mimetype": it.mimetype, "filetype": kind, "pretty_type": kind.upper(), "user": it.owner.id}
    named |= {"mode": "hosted", "is_external": False, "is_public": False, "file_access": "visible"}
    return named | {"url_private": it.url, "url_private_download": f"{it.url}?download=1"} | it.more


def message(state: State, it: Message, *, with_metadata: bool = False) -> Json:
    """A message as it stands in a channel."""
    who = state.bot if it.subtype == "tombstone" else it.author
    told: Json = {"type": "message", "user": who.id, "ts": it.ts, "text": it.text, "team": who.workspace.id}
    if it.subtype == "tombstone":
        told |= {"user": "USLACKBOT", "hidden": True}
    elif it.author.is_bot:
        told |= {"bot_id": it.author.bot_id, "app_id": app_of(state, it.author), "bot_profile": bot(state, it.author)}
    else:
        told["client_msg_id"] = str(uuid5(NAMESPACE_URL, f"{it.channel.id}/{it.ts}"))
    if it.subtype:
        told["subtype"] = it.subtype
    if it.subtype == "bot_message":  # an integration of old has no user
        told |= {"user": None, "username": it.author.name}
    if who.workspace is not state.workspace:
        told |= {"user_team": who.workspace.id, "source_team": who.workspace.id}
    blocks = it.blocks or ([rich_text(it)] if it.text and not it.author.is_bot and not it.is_deleted else [])
    told |= {"blocks": blocks} if blocks else {}
    if it.attachments or it.unfurled:
        told["attachments"] = [*it.attachments, *it.unfurled]
    if it.files:
        told |= {"files": [file(each, is_told=True) for each in it.files], "upload": False, "display_as_bot": False}
    told |= _thread(state, it)
    if it.edited_ts is not None and not it.is_deleted:
        told["edited"] = {"user": it.author.id, "ts": it.edited_ts}
    if it.reactions:
        told["reactions"] = reactions(it)
    if it.metadata is not None:  # without being asked, Slack tells its type alone
        told["metadata"] = it.metadata if with_metadata else {"event_type": it.metadata["event_type"]}
    return told | it.more


def _thread(state: State, it: Message) -> Json:
    if it.thread_ts is None:
        return {}
    first = it.channel.messages.get(it.thread_ts)
    if it.is_reply:
        root = {"root": message(state, first)} if it.is_broadcast and first is not None else {}
        return {"thread_ts": it.thread_ts, "parent_user_id": first.author.id if first else None} | root
    answers = [each for each in it.channel.messages.values() if each.is_reply and each.thread_ts == it.ts]
    if not answers:
        return {}
    who = list(dict.fromkeys(each.author.id for each in answers))
    count = {"reply_count": len(answers), "reply_users_count": len(who), "latest_reply": answers[-1].ts}
    return {"thread_ts": it.ts, **count, "reply_users": who, "is_locked": False, "subscribed": False}


def reactions(it: Message) -> list[Json]:
    return [
        {"name": name, "users": [who.id for who in people], "count": len(people)}
        for name, people in it.reactions.items()
    ]


def bot(state: State, it: User) -> Json:
    named = {"id": it.bot_id, "name": it.name, "deleted": it.is_deactivated, "updated": 1}
    return named | {"app_id": app_of(state, it), "user_id": it.id, "team_id": it.workspace.id, "icons": {}}


def app_of(state: State, it: User) -> str:
    """Whose bot it is."""
    return state.app_id if it is state.bot else "A0ANOTHER"


def rich_text(it: Message) -> Json:
    """What people write is told a second time, in a form of its own."""
    elements: list[Json] = []
    for part in re.split(r"(<@\w+>)", it.text):
        named = re.fullmatch(r"<@(\w+)>", part)
        if named:
            elements.append({"type": "user", "user_id": named[1]})
        elif part:
            elements.append({"type": "text", "text": unescaped(part)})
    return {"type": "rich_text", "block_id": "b1", "elements": [{"type": "rich_text_section", "elements": elements}]}


def view(state: State, it: View, values: Json | None = None) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload"""
    known: Json = {"id": it.id, "team_id": state.workspace.id, "type": it.body["type"], "blocks": it.body["blocks"]}
    known |= {name: it.body.get(name, "") for name in ("private_metadata", "callback_id", "external_id")}
    known |= {name: it.body.get(name) for name in ("title", "submit", "close")}
    known |= {name: it.body.get(name, False) for name in ("clear_on_close", "notify_on_close", "submit_disabled")}
    known |= {"state": {"values": values or {}}, "hash": it.hash, "root_view_id": it.root_id, "app_id": state.app_id}
    known |= {"previous_view_id": it.previous_id, "bot_id": state.bot.bot_id}
    return known | {"app_installed_team_id": state.workspace.id}


# ── events ───────────────────────────────────────────────────────────────────────────────────────────


def event_callback(state: State, event: Json, channel: Channel | None) -> Json:
    """The wrapper around each event."""
    installed = {"enterprise_id": None, "team_id": state.workspace.id, "user_id": state.bot.id}
    return {
        "token": VERIFICATION,
        "team_id": state.workspace.id,
        "context_team_id": state.workspace.id,
        "context_enterprise_id": None,
        "api_app_id": state.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": state.new_id("Ev"),
        "event_time": int(state.clock.now().timestamp()),
        "authorizations": [installed | {"is_bot": True, "is_enterprise_install": False}],
        "is_ext_shared_channel": channel is not None and channel.is_shared,
        "event_context": hashlib.sha256(str(event.get("event_ts")).encode()).hexdigest(),
    }


def message_event(state: State, it: Message) -> Json:
    place = {"channel": it.channel.id, "event_ts": it.ts, "channel_type": it.channel.kind.value}
    return message(state, it, with_metadata=True) | place


def mention_event(state: State, it: Message) -> Json:
    """https://docs.slack.dev/reference/events/app_mention"""
    told = message(state, it) | {"type": "app_mention", "channel": it.channel.id, "event_ts": it.ts}
    told.pop("subtype", None)
    return told


def changed_event(state: State, it: Message, before: Json) -> Json:
    """https://docs.slack.dev/reference/events/message/message_changed"""
    return _hidden(state, it, "message_changed") | {"message": message(state, it), "previous_message": before}


def deleted_event(state: State, it: Message, before: Json) -> Json:
    """https://docs.slack.dev/reference/events/message/message_deleted"""
    return _hidden(state, it, "message_deleted") | {"deleted_ts": it.ts, "previous_message": before}


def _hidden(state: State, it: Message, subtype: str) -> Json:
    ts = state.new_ts()
    named = {"type": "message", "subtype": subtype, "channel": it.channel.id, "hidden": True}
    return named | {"ts": ts, "event_ts": ts, "channel_type": it.channel.kind.value}


def reaction_event(state: State, it: Message, person: User, emoji: str, *, adds: bool) -> Json:
    """https://docs.slack.dev/reference/events/reaction_added"""
    about = {"type": "message", "channel": it.channel.id, "ts": it.ts}
    named = {"type": "reaction_added" if adds else "reaction_removed", "user": person.id, "reaction": emoji}
    return named | {"item": about, "item_user": it.author.id, "event_ts": state.new_ts()}


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────


def escaped(text: str) -> str:
    """What people type, as Slack tells it (https://docs.slack.dev/messaging/formatting-message-text#escaping)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def with_ids(blocks: list[Json]) -> list[Json]:
    """Blocks as they are kept: each has an id; one of type markdown is given a new one.

    https://docs.slack.dev/reference/block-kit/blocks/markdown-block
    """
    kept = [it.get("block_id") if it["type"] != "markdown" else None for it in blocks]
    return [it | {"block_id": kept[number] or f"block{number}"} for number, it in enumerate(blocks)]


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def texts_of(blocks: object) -> Iterator[str]:
    """Every text in blocks in which names count."""
    if isinstance(blocks, list):
        for it in blocks:
            yield from texts_of(it)
    elif isinstance(blocks, dict):
        if blocks.get("type") in ("mrkdwn", "markdown") and isinstance(blocks.get("text"), str):
            yield blocks["text"]
        for it in blocks.values():
            yield from texts_of(it)
