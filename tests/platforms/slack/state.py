"""What stands in Slack, what may become of it, and the rules that hold whoever acts.

Whatever the app is to know is told through `tell`, which the deliveries set.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.platforms.changing import Changing
from tests.platforms.clock import Clock
from tests.platforms.slack import payloads
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.things import (
    Channel,
    Delivery,
    File,
    Interaction,
    Kind,
    Message,
    Status,
    User,
    View,
    Workspace,
)

SCOPES = frozenset(
    """app_mentions:read assistant:write channels:history channels:read chat:write commands files:read files:write
    groups:history groups:read im:history im:read im:write mpim:history mpim:read mpim:write reactions:read
    reactions:write team:read users:read""".split()
)
SUBSCRIPTIONS = frozenset(
    """app_home_opened app_mention member_joined_channel member_left_channel message.channels message.groups message.im
    message.mpim reaction_added reaction_removed tokens_revoked app_uninstalled app_context_changed""".split()
)
NEEDED_TO_HEAR = {"app_mention": "app_mentions:read"} | {
    f"message.{kind.family}": f"{kind.family}:history" for kind in Kind
}
"""Scopes without which an event is not sent, subscribed to or not."""

_MENTION = re.compile(r"<@(\w+)(?:\|[^>]*)?>")
_TO_ALL = re.compile(r"<!(?:channel|here|everyone)\b|<!subteam\^")


class State(Changing):
    """All there is.

    Attributes:
        token: of the bot; `app_token` opens connections; `signing_secret` signs what is posted.
        token_error: what is wrong with the bot's token, as `token_revoked`; None for nothing.
        app_token_error: the same for the app's.
        scopes: what the bot's token may do.
        subscriptions: the events that the app asked for.
        missing_methods: what this workspace answers `unknown_method` to.
        has_messages_tab: whether people can write to the bot directly.
        refuses_orphans: whether what answers a message that is gone is refused; if not it stands in the channel.
        most_history: at most as many messages at once; Slack gives some apps 15.
        statuses: what the bot showed of its work, each time; `showing` is what is seen now, by channel and thread.
        titles, prompts: what else it set in threads.
        homes: by person's id, what the bot published there.
        url: where the fake is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.token, self.app_token, self.signing_secret = "xoxb-a-bot-token", "xapp-an-app-token", "a-signing-secret"
        self.token_error: str | None = None
        self.app_token_error: str | None = None
        self.scopes = SCOPES
        self.subscriptions = SUBSCRIPTIONS
        self.missing_methods: set[str] = set()
        self.has_messages_tab = True
        self.refuses_orphans = False
        self.most_history = 999
        self.url = ""
        self.app_id = "A0MEMO"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.interactions: dict[str, Interaction] = {}
        self.statuses: list[Status] = []
        self.showing: dict[tuple[str, str], str] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: list[Json] = []
        self.tell: Callable[[Delivery], None] = lambda delivery: None
        self._numbers = count(1)
        self._last_ts = 0
        self.workspace = Workspace("T0BOOKS", "Book club", "book-club")
        self.bot = self.add_user("Memo", bot_id="B0MEMO")

    # ── making things ────────────────────────────────────────────────────────────────────────────────

    def new_id(self, letter: str) -> str:
        return f"{letter}{next(self._numbers):08X}"

    def new_ts(self) -> str:
        """A time in microseconds, later than any before."""
        self._last_ts = max(self._last_ts + 1, int(self.clock.now().timestamp() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06}"

    def add_user(self, name: str, **more: Any) -> User:
        workspace = more.pop("workspace", None) or self.workspace
        user = User(self.new_id("U"), name, workspace, **more)
        self.users[user.id] = user
        return user

    def add_channel(self, kind: Kind, name: str, *members: User, **more: Any) -> Channel:
        letter = {Kind.IM: "D", Kind.MPIM: "G"}.get(kind, "C")
        channel = Channel(self.new_id(letter), kind, name, self.clock.now(), list(members), **more)
        self.channels[channel.id] = channel
        return channel

    def add_file(self, name: str, content: bytes, mimetype: str, owner: User, **more: Any) -> File:
        id_ = self.new_id("F")
        url = more.pop("url", "") or f"{self.url}/files-pri/{self.workspace.id}-{id_}/{name}"
        self.files[id_] = File(id_, name, content, mimetype, owner, self.clock.now(), url, **more)
        return self.files[id_]

    def dm_with(self, person: User) -> Channel:
        """The direct conversation of a person and the bot, made if it is not there."""
        for channel in self.channels.values():
            if channel.person is person:
                return channel
        return self.add_channel(Kind.IM, "", person, self.bot, person=person)

    def group_with(self, *people: User) -> Channel:
        """The conversation of several people and the bot, made if it is not there."""
        for channel in self.channels.values():
            if channel.kind is Kind.MPIM and set(channel.members) == {*people, self.bot}:
                return channel
        name = f"mpdm-{'--'.join(it.name.lower() for it in (*people, self.bot))}-1"
        return self.add_channel(Kind.MPIM, name, *people, self.bot)

    # ── what the bot may ─────────────────────────────────────────────────────────────────────────────

    def find_channel(self, id_: object) -> Channel:
        """A conversation that the bot may know of; private ones are there for their members only."""
        channel = self.channels.get(str(id_))
        if channel is None or (channel.kind is not Kind.PUBLIC and self.bot not in channel.members):
            raise Refused("channel_not_found")
        return channel

    def require_to_post(self, channel: Channel) -> None:
        """Refuse a message of the bot where it may not write."""
        if channel.is_archived:
            raise Refused("is_archived")
        if self.bot not in channel.members:
            raise Refused("not_in_channel")
        if channel.kind is Kind.IM and not self.has_messages_tab:
            raise Refused("messages_tab_disabled")

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────

    def post(self, channel: Channel, author: User, text: str, **more: Any) -> Message:
        """Put a message into a channel; one that only one person sees is told to nobody else."""
        mention_first = more.pop("mention_first", False)
        message = Message(more.pop("ts", None) or self.new_ts(), channel, author, text, **more)
        self._mention(message)
        if message.visible_to is None and message.is_reply and message.thread_ts in channel.messages:
            first = channel.messages[message.thread_ts]
            first.thread_ts = first.ts
        channel.messages[message.ts] = message
        if author is self.bot:  # what it showed of its work goes with the answer
            self.showing.pop((channel.id, message.thread_ts or ""), None)
        if message.visible_to is None:
            self._tell_posted(message, mention_first=mention_first)
        self.stir()
        return message

    def edit(self, message: Message, **changes: Any) -> None:
        """Change a message; one that names the bot is told of as `app_mention` again, as something new.

        Slack's pages do not say so: https://github.com/PostHog/posthog/pull/59517,
        https://github.com/slackapi/bolt-js/issues/960.
        """
        before = payloads.message(self, message)
        if changes.get("text", message.text) != message.text:
            message.versions.append(message.text)
        for name, value in changes.items():
            setattr(message, name, value)
        message.edited_ts = self.new_ts()
        self._mention(message)
        if message.visible_to is None:
            self._tell_message(payloads.changed_event(self, message, before))
            self._tell_mention(message)
        self.stir()

    def unfurl(self, message: Message, attachment: Json) -> None:
        """Add the preview of a link: a change that is no edit."""
        before = payloads.message(self, message)
        message.unfurled.append(attachment)
        self._tell_message(payloads.changed_event(self, message, before))
        self.stir()

    def delete(self, message: Message) -> None:
        """Take a message away; the first one of a thread with answers becomes a tombstone."""
        before = payloads.message(self, message)
        message.is_deleted = True
        has_answers = any(it.thread_ts == message.ts for it in message.channel.messages.values() if it is not message)
        if has_answers and message.visible_to is None:
            message.subtype, message.text = "tombstone", "This message was deleted."
            message.blocks, message.files, message.attachments, message.unfurled = [], [], [], []
            self._tell_message(payloads.changed_event(self, message, before))
        else:
            del message.channel.messages[message.ts]
            if message.visible_to is None:
                self._tell_message(payloads.deleted_event(self, message, before))
        self.stir()

    def react(self, message: Message, person: User, emoji: str, *, adds: bool = True) -> None:
        """Add or take back a reaction."""
        people = message.reactions.setdefault(emoji, [])
        if adds == (person in people):
            raise Refused("already_reacted" if adds else "no_reaction")
        if adds:
            people.append(person)
        else:
            people.remove(person)
        if not people:
            del message.reactions[emoji]
        name = "reaction_added" if adds else "reaction_removed"
        self.tell_event(name, payloads.reaction_event(self, message, person, emoji, adds=adds), message.channel)
        self.stir()

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────

    def tell_event(self, subscription: str, event: Json, channel: Channel | None = None) -> Delivery | None:
        """Tell the app of an event that it asked for, may know of, and whose place it is in."""
        needed = NEEDED_TO_HEAR.get(subscription)
        is_there = channel is None or self.bot in channel.members
        if subscription not in self.subscriptions or (needed and needed not in self.scopes) or not is_there:
            return None
        delivery = Delivery("events_api", payloads.event_callback(self, event, channel))
        self.tell(delivery)
        return delivery

    def _tell_posted(self, message: Message, *, mention_first: bool) -> None:
        if mention_first:
            self._tell_mention(message)
        self._tell_message(payloads.message_event(self, message))
        if not mention_first:
            self._tell_mention(message)

    def _tell_message(self, event: Json) -> None:
        channel = self.channels[event["channel"]]
        self.tell_event(f"message.{channel.kind.family}", event, channel)

    def _tell_mention(self, message: Message) -> None:
        """The twin of a message that names the bot, anywhere but in direct conversations.

        https://docs.slack.dev/reference/events/app_mention
        """
        if self.bot in message.pings and message.channel.kind is not Kind.IM and message.author is not self.bot:
            self.tell_event("app_mention", payloads.mention_event(self, message), message.channel)

    def _mention(self, message: Message) -> None:
        """Note whom a message names; in blocks of type mrkdwn and markdown names count as well."""
        texts = [message.text, *payloads.texts_of(message.blocks)]
        named = [self.users[id_] for text in texts for id_ in _MENTION.findall(text) if id_ in self.users]
        message.pings = list(dict.fromkeys(named))
        message.pings_all = any(_TO_ALL.search(text) for text in texts)
