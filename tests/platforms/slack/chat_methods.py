"""`chat.*` and `reactions.*`: what the bot says (https://docs.slack.dev/reference/methods/chat.postMessage)."""

from tests.platforms.slack import checks, payloads
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Message, User
from tests.platforms.slack.web_api import Method, flag, required


class ChatMethods:
    """What the bot does with messages."""

    def __init__(self, state: State) -> None:
        self._state = state

    def methods(self) -> dict[str, Method]:
        return {
            "chat.postMessage": Method(self._post, "chat:write"),
            "chat.update": Method(self._update, "chat:write"),
            "chat.delete": Method(self._delete, "chat:write"),
            "chat.postEphemeral": Method(self._whisper, "chat:write"),
            "chat.getPermalink": Method(self._permalink),
            "reactions.add": Method(self._react, "reactions:write"),
            "reactions.remove": Method(self._unreact, "reactions:write"),
            "reactions.get": Method(self._reactions, "reactions:read"),
        }

    def _post(self, args: Json) -> Json:
        required(args, "channel")
        channel = self._place(args["channel"])
        checks.message(args)
        self._state.require_to_post(channel)
        thread_ts = self._thread(channel, args)
        is_broadcast = bool(thread_ts) and flag(args, "reply_broadcast")
        more: Json = {"thread_ts": thread_ts, "is_broadcast": is_broadcast, "metadata": args.get("metadata")}
        more |= {"subtype": "thread_broadcast"} if is_broadcast else {}
        message = self._state.post(channel, self._state.bot, **written(args), **more)
        told = payloads.message(self._state, message, with_metadata=True)
        return {"channel": channel.id, "ts": message.ts, "message": told}

    def _update(self, args: Json) -> Json:
        required(args, "channel", "ts")
        channel = self._state.find_channel(args["channel"])
        message = self._find(channel, args["ts"])
        if message.author is not self._state.bot:
            raise Refused("cant_update_message")
        checks.message(args, is_update=True)
        self._state.require_to_post(channel)
        given = {*args, *(("text", "blocks") if args.get("markdown_text") else ())}
        changes = {name: value for name, value in written(args).items() if name in given}
        changes |= {"metadata": args["metadata"]} if "metadata" in args else {}
        self._state.edit(message, **changes)
        told = payloads.message(self._state, message, with_metadata=True)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": told}

    def _delete(self, args: Json) -> Json:
        required(args, "channel", "ts")
        channel = self._state.find_channel(args["channel"])
        message = self._find(channel, args["ts"])
        if message.author is not self._state.bot:
            raise Refused("cant_delete_message")
        self._state.delete(message)
        return {"channel": channel.id, "ts": message.ts}

    def _whisper(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/chat.postEphemeral"""
        required(args, "channel", "user")
        channel = self._place(args["channel"])
        person = self._state.users.get(str(args["user"]))
        checks.message(args)
        self._state.require_to_post(channel)
        if person is None or person not in channel.members:
            raise Refused("user_not_in_channel")
        thread_ts = self._thread(channel, args)
        message = self._state.post(
            channel, self._state.bot, **written(args), thread_ts=thread_ts, visible_to=person, subtype="ephemeral"
        )
        return {"message_ts": message.ts}

    def _permalink(self, args: Json) -> Json:
        required(args, "channel", "message_ts")
        channel = self._state.find_channel(args["channel"])
        message = self._find(channel, args["message_ts"])
        link = f"https://{self._state.workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        return {"channel": channel.id, "permalink": link}

    def _react(self, args: Json) -> Json:
        return self._set_reaction(args, adds=True)

    def _unreact(self, args: Json) -> Json:
        return self._set_reaction(args, adds=False)

    def _set_reaction(self, args: Json, *, adds: bool) -> Json:
        required(args, "name")
        name = str(args["name"]).strip(":")
        if not name.isascii():
            raise Refused("invalid_name")
        message = self._reacted(args)
        if message.channel.is_archived:
            raise Refused("is_archived")
        self._state.react(message, self._state.bot, name, adds=adds)
        return {}

    def _reactions(self, args: Json) -> Json:
        message = self._reacted(args)
        told = payloads.message(self._state, message) | {"reactions": payloads.reactions(message)}
        return {"type": "message", "channel": message.channel.id, "message": told}

    def _reacted(self, args: Json) -> Message:
        required(args, "channel", "timestamp")
        channel = self._state.find_channel(args["channel"])
        if self._state.bot not in channel.members:
            raise Refused("not_in_channel")
        return self._find(channel, args["timestamp"])

    # ── finding ──────────────────────────────────────────────────────────────────────────────────────

    def _place(self, id_: object) -> Channel:
        """Where to write; a person's id stands for the direct conversation."""
        person: User | None = self._state.users.get(str(id_))
        return self._state.dm_with(person) if person is not None else self._state.find_channel(id_)

    def _find(self, channel: Channel, ts: object) -> Message:
        message = channel.messages.get(str(ts))
        if message is None or message.visible_to is not None or message.is_deleted:
            raise Refused("message_not_found")
        return message

    def _thread(self, channel: Channel, args: Json) -> str | None:
        """The thread to write in; who answers an answer is in its thread.

        What answers a message that is gone stands in the channel itself, and nobody is told but by the missing
        `thread_ts` (https://github.com/slack-go/slack/issues/1571); others were told `thread_not_found`
        (https://github.com/slackapi/bolt-js/issues/2307).
        """
        ts = args.get("thread_ts")
        if not ts:
            return None
        first = channel.messages.get(str(ts))
        if first is None and self._state.refuses_orphans:
            raise Refused("thread_not_found")
        return (first.thread_ts or first.ts) if first is not None else None


def written(args: Json) -> Json:
    """What stands in a message; a text that is too long is cut."""
    text = str(args.get("text") or args.get("markdown_text") or "")[: checks.MAX_TEXT]
    blocks = list(args.get("blocks") or [])
    if args.get("markdown_text"):
        blocks = [{"type": "markdown", "text": args["markdown_text"]}]
    return {"text": text, "blocks": payloads.with_ids(blocks), "attachments": list(args.get("attachments") or [])}
