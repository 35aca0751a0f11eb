"""`conversations.*`: places, and what stands in them (https://docs.slack.dev/apis/web-api/using-the-conversations-api).

Long lists come in pages (https://docs.slack.dev/apis/web-api/pagination).
"""

import base64
from collections.abc import Sequence
from typing import TypeVar

from tests.platforms.slack import payloads
from tests.platforms.slack.errors import Json, Refused, missing_scope
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Kind, Message
from tests.platforms.slack.web_api import Method, Scope, flag, required

T = TypeVar("T")
_TYPES = {"public_channel": Kind.PUBLIC, "private_channel": Kind.PRIVATE, "im": Kind.IM, "mpim": Kind.MPIM}


class ConversationMethods:
    """What the bot reads in places, and where it comes and goes."""

    def __init__(self, state: State) -> None:
        self._state = state

    def methods(self) -> dict[str, Method]:
        return {
            "conversations.history": Method(self._history, self._scope("history")),
            "conversations.replies": Method(self._replies, self._scope("history")),
            "conversations.info": Method(self._info, self._scope("read")),
            "conversations.members": Method(self._members, self._scope("read")),
            "conversations.list": Method(self._list),
            "users.conversations": Method(self._own),
            "conversations.open": Method(self._open, "im:write"),
            "conversations.leave": Method(self._leave),
        }

    def _history(self, args: Json) -> Json:
        """The newest first; answers in threads stand here only if they were broadcast."""
        channel = self._read(args)
        found = [it for it in _within(_all(channel), args) if not it.is_reply or it.is_broadcast]
        shown, more = page(found[::-1], args, self._state.most_history)
        return {"messages": self._told(shown, args), **more, "pin_count": 0}

    def _replies(self, args: Json) -> Json:
        """A thread, from its first message on."""
        required(args, "channel", "ts")
        channel = self._read(args)
        asked = channel.messages.get(str(args["ts"]))
        if asked is None or asked.visible_to is not None:
            raise Refused("thread_not_found")
        first = asked.thread_ts or asked.ts
        answers = [it for it in _all(channel) if it.is_reply and it.thread_ts == first]
        found = [channel.messages[first]] if first in channel.messages else []
        shown, more = page([*found, *_within(answers, args)], args, self._state.most_history)
        return {"messages": self._told(shown, args), **more}

    def _read(self, args: Json) -> Channel:
        required(args, "channel")
        channel = self._state.find_channel(args["channel"])
        if self._state.bot not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def _told(self, messages: list[Message], args: Json) -> list[Json]:
        with_metadata = flag(args, "include_all_metadata")
        return [payloads.message(self._state, it, with_metadata=with_metadata) for it in messages]

    def _info(self, args: Json) -> Json:
        required(args, "channel")
        return {"channel": payloads.channel(self._state, self._state.find_channel(args["channel"]))}

    def _members(self, args: Json) -> Json:
        required(args, "channel")
        channel = self._state.find_channel(args["channel"])
        shown, more = page([it.id for it in channel.members], args, 1000)
        return {"members": shown, **more}

    def _own(self, args: Json) -> Json:
        """Where somebody is, the bot if nobody is named (https://docs.slack.dev/reference/methods/users.conversations)."""
        who = self._state.users.get(str(args.get("user") or self._state.bot.id))
        if who is None:
            raise Refused("user_not_found")
        return self._listed([it for it in self._known(args) if who in it.members], args)

    def _list(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/conversations.list"""
        return self._listed(self._known(args), args)

    def _listed(self, found: list[Channel], args: Json) -> Json:
        shown, more = page(found, args, 1000)
        return {"channels": [payloads.channel(self._state, it) for it in shown], **more}

    def _known(self, args: Json) -> list[Channel]:
        """The places of the kinds that are asked for, as far as the bot may know of them."""
        kinds = [_TYPES.get(name.strip()) for name in str(args.get("types") or "public_channel").split(",")]
        if None in kinds:
            raise Refused("invalid_types")
        for kind in filter(None, kinds):
            if f"{kind.family}:read" not in self._state.scopes:
                raise missing_scope(f"{kind.family}:read", self._state.scopes)
        no_archived = flag(args, "exclude_archived")
        all_ = [it for it in self._state.channels.values() if it.kind in kinds and not (no_archived and it.is_archived)]
        return [it for it in all_ if it.kind is Kind.PUBLIC or self._state.bot in it.members]

    def _open(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/conversations.open"""
        if args.get("channel"):
            return {"channel": payloads.channel(self._state, self._state.find_channel(args["channel"]))}
        required(args, "users")
        people = [self._state.users.get(id_.strip()) for id_ in str(args["users"]).split(",")]
        if None in people:
            raise Refused("user_not_found")
        known = [it for it in people if it is not None and it is not self._state.bot]
        if not known:
            raise Refused("cannot_dm_bot")
        if any(it.is_deactivated for it in known):
            raise Refused("user_disabled")
        if len(known) > 8:
            raise Refused("too_many_users")
        if len(known) > 1 and "mpim:write" not in self._state.scopes:
            raise missing_scope("mpim:write", self._state.scopes)
        channel = self._state.group_with(*known) if len(known) > 1 else self._state.dm_with(known[0])
        told = payloads.channel(self._state, channel) if flag(args, "return_im") else {"id": channel.id}
        return {"no_op": False, "already_open": False, "channel": told}

    def _leave(self, args: Json) -> Json:
        channel = self._read(args)
        channel.members.remove(self._state.bot)
        return {}

    def _scope(self, ending: str) -> Scope:
        """Each kind of place has a scope of its own."""

        def needed(args: Json) -> str:
            channel = self._state.channels.get(str(args.get("channel")))
            return f"{(channel.kind if channel else Kind.PUBLIC).family}:{ending}"

        return needed


def page(found: Sequence[T], args: Json, most: int) -> tuple[list[T], Json]:
    """A part of a list, and where the next one begins."""
    try:
        limit = int(args.get("limit") or min(100, most))
        at = int(base64.b64decode(str(args["cursor"])).removeprefix(b"next:")) if args.get("cursor") else 0
    except ValueError as error:
        raise Refused("invalid_cursor" if args.get("cursor") else "invalid_limit") from error
    if limit < 1 or limit > 1000:
        raise Refused("invalid_limit")
    end = at + min(limit, most)
    has_more = end < len(found)
    cursor = base64.b64encode(b"next:%d" % end).decode() if has_more else ""
    return list(found[at:end]), {"has_more": has_more, "response_metadata": {"next_cursor": cursor}}


def _all(channel: Channel) -> list[Message]:
    """What stands in a channel for all, the oldest first."""
    return [it for _, it in sorted(channel.messages.items(), key=lambda each: _number(each[0])) if not it.visible_to]


def _within(found: list[Message], args: Json) -> list[Message]:
    """What lies between `oldest` and `latest`, which themselves count only if asked for."""
    oldest, latest = _number(args.get("oldest") or 0), _number(args.get("latest") or 10**12)
    if flag(args, "inclusive"):
        return [it for it in found if oldest <= _number(it.ts) <= latest]
    return [it for it in found if oldest < _number(it.ts) < latest]


def _number(ts: object) -> int:
    """A time as a whole number of microseconds."""
    seconds, _, micros = str(ts).partition(".")
    if not seconds.isdecimal() or (micros and not micros.isdecimal()):
        raise Refused("invalid_ts_latest")
    return int(seconds) * 1_000_000 + int(f"{micros:0<6}"[:6])
