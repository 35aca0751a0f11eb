"""REST routes about channels, messages, reactions and threads."""

import re
from typing import Any

from aiohttp import web

from tests.platforms.discord import checks, payloads
from tests.platforms.discord.errors import Json, Refused, bad_form
from tests.platforms.discord.faults import answer
from tests.platforms.discord.rest import PREFIX, File, find_channel, find_message, form, nothing
from tests.platforms.discord.state import State
from tests.platforms.discord.things import COMPONENTS_V2, Attachment, Channel, Intent, Kind, Message, Permission, Typing

SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS = 1 << 2, 1 << 12
OWN_FLAGS = COMPONENTS_V2 | SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS
"""The flags that a bot may set."""

_PICTURE = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_FLAG, _KEY = "[\U0001f1e6-\U0001f1ff]{2}", "[0-9#*]\ufe0f?\u20e3"
_EMOJI = re.compile(f"{_FLAG}|{_KEY}|{_PICTURE}(?:\u200d{_PICTURE})*")


class MessageRoutes:
    """What the bot does in channels."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        channel = f"{PREFIX}/channels/{{channel}}"
        message = f"{channel}/messages/{{message}}"
        return [
            web.get(channel, self._channel),
            web.patch(channel, self._change_channel),
            web.delete(channel, self._delete_channel),
            web.post(f"{channel}/typing", self._type),
            web.get(f"{channel}/messages", self._history),
            web.post(f"{channel}/messages", self._post),
            web.post(f"{channel}/messages/bulk-delete", self._delete_many),
            web.get(message, self._message),
            web.patch(message, self._edit),
            web.delete(message, self._delete),
            web.put(f"{message}/reactions/{{emoji}}/@me", self._react),
            web.delete(f"{message}/reactions/{{emoji}}/@me", self._unreact),
            web.post(f"{message}/threads", self._start_thread_at),
            web.post(f"{channel}/threads", self._start_thread),
            web.put(f"{channel}/thread-members/@me", self._join_thread),
            web.delete(f"{channel}/thread-members/@me", self._leave_thread),
        ]

    # ── channels ─────────────────────────────────────────────────────────────────────────────────────

    async def _channel(self, request: web.Request) -> web.Response:
        channel = find_channel(self._state, request)
        self._state.require(channel)
        return answer(payloads.channel(channel))

    async def _change_channel(self, request: web.Request) -> web.Response:
        channel, (body, _) = find_channel(self._state, request), await form(request)
        if not (channel.is_thread and channel.owner is self._state.bot):
            thread = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
            self._state.require(channel, thread)
        if "name" in body:
            checks.thread_name(body)
        names = {"name": "name", "archived": "is_archived", "locked": "is_locked"}
        self._state.change_thread(channel, **{names[key]: value for key, value in body.items() if key in names})
        return answer(payloads.channel(channel))

    async def _delete_channel(self, request: web.Request) -> web.Response:
        channel = find_channel(self._state, request)
        if channel.guild is not None:
            thread = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
            self._state.require(channel, thread)
            self._state.delete_channel(channel)
        return answer(payloads.channel(channel))

    async def _type(self, request: web.Request) -> web.Response:
        channel = find_channel(self._state, request)
        self._state.require_to_post(channel)
        self._state.typings.append(Typing(channel, self._state.clock.now()))
        return nothing()

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────

    async def _history(self, request: web.Request) -> web.Response:
        channel = find_channel(self._state, request)
        self._state.require(channel)
        limit = int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise bad_form("limit", "int value should be between 1 and 100.", "NUMBER_TYPE_MAX")
        shown = [message for _, message in sorted(channel.messages.items()) if message.visible_to is None]
        if not self._state.bot_permissions(channel) & Permission.READ_MESSAGE_HISTORY:
            shown = []
        return answer([self._told(message) for message in reversed(_page(shown, request.query, limit))])

    async def _message(self, request: web.Request) -> web.Response:
        message = find_message(self._state, request)
        self._state.require(message.channel, Permission.READ_MESSAGE_HISTORY)
        return answer(self._told(message))

    async def _post(self, request: web.Request) -> web.Response:
        channel, (body, files) = find_channel(self._state, request), await form(request)
        self._state.require_to_post(channel, has_files=bool(files))
        checks.message(body, files=files)
        nonce = body.get("nonce")
        if nonce is not None and body.get("enforce_nonce"):
            before = self._state.find_nonce(channel, self._state.bot, str(nonce))
            if before is not None:
                return answer(self._told(before, is_new=True))
        more: Json = {"reply_to": self._referenced(channel, body), "nonce": None if nonce is None else str(nonce)}
        return answer(self._told(post(self._state, channel, body, files, **more), is_new=True))

    async def _edit(self, request: web.Request) -> web.Response:
        message, (body, files) = find_message(self._state, request), await form(request)
        self._state.require(message.channel)
        if message.author is not self._state.bot:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        if message.channel.is_archived:
            raise Refused(400, 50083, "Thread is archived")
        edit(self._state, message, body, files)
        return answer(self._told(message))

    async def _delete(self, request: web.Request) -> web.Response:
        message = find_message(self._state, request)
        is_own = message.author is self._state.bot
        self._state.require(message.channel, *([] if is_own else [Permission.MANAGE_MESSAGES]))
        self._state.delete(message)
        return nothing()

    async def _delete_many(self, request: web.Request) -> web.Response:
        channel, (body, _) = find_channel(self._state, request), await form(request)
        self._state.require(channel, Permission.MANAGE_MESSAGES)
        if not 2 <= len(body["messages"]) <= 100:
            raise bad_form("messages", "Must be between 2 and 100 in length.")
        found = [channel.messages[int(id_)] for id_ in body["messages"] if int(id_) in channel.messages]
        if found:
            self._state.delete(*found)
        return nothing()

    async def _react(self, request: web.Request) -> web.Response:
        message = find_message(self._state, request)
        self._state.require(message.channel, Permission.READ_MESSAGE_HISTORY, Permission.ADD_REACTIONS)
        if not _EMOJI.fullmatch(request.match_info["emoji"]):  # no server here has emojis of its own
            raise Refused(400, 10014, "Unknown Emoji")
        self._state.react(message, self._state.bot, request.match_info["emoji"])
        return nothing()

    async def _unreact(self, request: web.Request) -> web.Response:
        message = find_message(self._state, request)
        self._state.react(message, self._state.bot, request.match_info["emoji"], adds=False)
        return nothing()

    def _told(self, message: Message, *, is_new: bool = False) -> Json:
        """A message as REST gives it: what people wrote only to applications that were granted to read it."""
        shows = bool(self._state.granted & Intent.MESSAGE_CONTENT) or self._state.is_readable(message)
        return payloads.message(message, self._state.bot, shows_content=shows, is_new=is_new)

    def _referenced(self, channel: Channel, body: Json) -> Message | None:
        reference = body.get("message_reference")
        if not reference:
            return None
        self._state.require(channel)
        if not self._state.bot_permissions(channel) & Permission.READ_MESSAGE_HISTORY:
            raise Refused(403, 160002, "Cannot reply without permission to read message history")
        found = channel.messages.get(int(reference["message_id"]))
        if found is None and reference.get("fail_if_not_exists", True):
            raise bad_form("message_reference", "Unknown message", "REPLIES_UNKNOWN_MESSAGE")
        return found

    # ── threads ──────────────────────────────────────────────────────────────────────────────────────

    async def _start_thread_at(self, request: web.Request) -> web.Response:
        message, (body, _) = find_message(self._state, request), await form(request)
        self._require_to_start(message.channel, body)
        thread = self._state.start_thread(message.channel, body["name"], self._state.bot, message)
        return answer(payloads.channel(thread), 201)

    async def _start_thread(self, request: web.Request) -> web.Response:
        channel, (body, files) = find_channel(self._state, request), await form(request)
        self._require_to_start(channel, body)
        if channel.is_forum:
            checks.message(body["message"], files=files)
        usual = Kind.PUBLIC_THREAD if channel.is_forum else Kind.PRIVATE_THREAD
        thread = self._state.start_thread(channel, body["name"], self._state.bot, kind=Kind(body.get("type") or usual))
        told = payloads.channel(thread)
        if channel.is_forum:
            told["message"] = self._told(post(self._state, thread, body["message"], files, id=thread.id))
        return answer(told, 201)

    def _require_to_start(self, channel: Channel, body: Json) -> None:
        if channel.guild is None or not channel.takes_threads:
            raise Refused(400, 50024, "Cannot execute action on this channel type")
        is_forum = channel.is_forum
        self._state.require(channel, Permission.SEND_MESSAGES if is_forum else Permission.CREATE_PUBLIC_THREADS)
        checks.thread_name(body)

    async def _join_thread(self, request: web.Request) -> web.Response:
        find_channel(self._state, request).members.add(self._state.bot)
        return nothing()

    async def _leave_thread(self, request: web.Request) -> web.Response:
        find_channel(self._state, request).members.discard(self._state.bot)
        return nothing()


def post(state: State, channel: Channel, body: Json, files: list[File], **more: Any) -> Message:
    """Put a message of the bot into a channel, as a form describes it."""
    more["flags"] = more.get("flags", 0) | (body.get("flags", 0) & OWN_FLAGS)
    content, pings = body.get("content") or "", body.get("allowed_mentions")
    return state.post(channel, state.bot, content, pings=pings, **_parts(state, [], body, files), **more)


def edit(state: State, message: Message, body: Json, files: list[File]) -> None:
    """Change a message of the bot as a form describes it; what is not named in it stays."""
    checks.message({**body, "flags": message.flags | body.get("flags", 0)}, files=files, is_edit=True)
    changes = _parts(state, message.attachments, body, files)
    if "content" in body:
        changes["content"] = body["content"] or ""
    changes["flags"] = message.flags | (body.get("flags", 0) & OWN_FLAGS)
    state.edit(message, pings=body.get("allowed_mentions"), **changes)


def _parts(state: State, before: list[Attachment], body: Json, files: list[File]) -> Json:
    """Embeds, components and files, as far as the form names them; those files stay that it lists."""
    parts: Json = {name: body[name] or [] for name in ("embeds", "components") if name in body}
    if files or "attachments" in body:
        kept = {int(it["id"]) for it in body.get("attachments") or []}
        new = [state.add_file(*file) for file in files]
        parts["attachments"] = [file for file in before if file.id in kept or "attachments" not in body] + new
    return parts


def _page(messages: list[Message], query: Any, limit: int) -> list[Message]:
    """The part of a history that is asked for, oldest first."""
    if "before" in query:
        return [it for it in messages if it.id < int(query["before"])][-limit:]
    if "after" in query:
        return [it for it in messages if it.id > int(query["after"])][:limit]
    if "around" in query:
        older = [it for it in messages if it.id < int(query["around"])][-(limit // 2) :]
        newer = [it for it in messages if it.id >= int(query["around"])][: limit - len(older)]
        return older + newer
    return messages[-limit:]
