"""Slack in a test: a server on this machine, and the people who use it.

    async with World() as world:
        ...  # an AsyncWebClient(world.token, base_url=world.api), and Socket Mode with world.app_token
        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        answer = await world.hears(world.general, after=asked)
        assert world.transcript(world.general) == "Ada: @Memo hello\\nMemo: Hello, Ada!"

There is a workspace, "Book club", with a channel; Ada, who owns it, and Bob are in it, as is the bot. What people do
is done at once; what comes of it is awaited with `hears`, `answered` and `until`. With `serves_at` the app is told over
HTTP instead.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

from aiohttp import web

from tests.platforms.clock import Clock
from tests.platforms.slack import payloads, using
from tests.platforms.slack.assistant_methods import AssistantMethods
from tests.platforms.slack.chat_methods import ChatMethods
from tests.platforms.slack.conversation_methods import ConversationMethods
from tests.platforms.slack.deliveries import Deliveries
from tests.platforms.slack.errors import Json
from tests.platforms.slack.faults import Faults
from tests.platforms.slack.file_methods import FileMethods
from tests.platforms.slack.http_delivery import Answer
from tests.platforms.slack.interactions import Interactions, opened
from tests.platforms.slack.people_methods import PeopleMethods
from tests.platforms.slack.socket_mode import SocketMode
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Delivery, File, Interaction, Kind, Message, User, View, Workspace
from tests.platforms.slack.transcript import transcript, view_lines
from tests.platforms.slack.view_methods import TRIGGER_HOLDS, ViewMethods
from tests.platforms.slack.web_api import PREFIX, Call, WebApi

MAX_BODY = 64 * 1024 * 1024


class World:
    """See above.

    Attributes:
        socket_mode: connections, and what may go wrong with them.
        deliveries: what the app was told, and what it said to that.
        faults: what may go wrong with calls of the Web API.
        state: all that stands in Slack.
        bot, ada, bob: who is there.
        general: the channel.
    """

    def __init__(self) -> None:
        self.state = State()
        self.faults = Faults(self.state)
        self.socket_mode = SocketMode(self.state)
        self.deliveries = Deliveries(self.state, self.socket_mode)
        views = ViewMethods(self.state)
        self.files = FileMethods(self.state, self.faults)
        self._interactions = Interactions(self.state, self.faults, views)
        families = [views.methods(), self.files.methods(), self.socket_mode.methods()]
        families += [ChatMethods(self.state).methods(), ConversationMethods(self.state).methods()]
        families += [PeopleMethods(self.state).methods(), AssistantMethods(self.state).methods()]
        self._web_api = WebApi(self.state, self.faults, families)
        self.bot = self.state.bot
        self.ada, self.bob = self.state.add_user("Ada", is_owner=True), self.state.add_user("Bob")
        self.general = self.channel("general", self.ada, self.bob, self.bot)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes([web.get("/link/", self.socket_mode.connect), *self._web_api.routes()])
        app.add_routes([*self._interactions.routes(), *self.files.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.state.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        await self.deliveries.open()
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.socket_mode.is_open = False
        self.socket_mode.close()
        await self.deliveries.close()
        await self._runner.cleanup()
        for error in self._web_api.broken:
            raise error
        if failure[0] is None:
            assert not self.unknown_methods, f"asked for, and not there: {self.unknown_methods}"
            assert not self.socket_mode.strange, f"said by Socket Mode: {self.socket_mode.strange}"

    # ── where it is, what was asked ──────────────────────────────────────────────────────────────────

    @property
    def api(self) -> str:
        """For `AsyncWebClient(base_url=…)`."""
        return f"{self.state.url}{PREFIX}"

    @property
    def token(self) -> str:
        """What the bot has to show."""
        return self.state.token

    @property
    def app_token(self) -> str:
        """What opens connections."""
        return self.state.app_token

    @property
    def signing_secret(self) -> str:
        """What proves that a request is Slack's."""
        return self.state.signing_secret

    @property
    def clock(self) -> Clock:
        """The time there; `advance` moves it on."""
        return self.state.clock

    @property
    def calls(self) -> list[Call]:
        """What the bot called of the Web API."""
        return self._web_api.calls

    def calls_of(self, method: str) -> list[Call]:
        """Those of one method."""
        return [it for it in self.calls if it.method == method]

    @property
    def responses(self) -> list[Call]:
        """What was posted to addresses of interactions."""
        return self._interactions.calls

    @property
    def unknown_methods(self) -> list[str]:
        """What it called that is not here; at the end of a test there must be none."""
        return self._web_api.unknown

    # ── awaiting ─────────────────────────────────────────────────────────────────────────────────────

    async def until(self, holds: Callable[[], object], within_s: float = 10) -> None:
        """Wait until something holds; looked at whenever anything comes in, and at each `stir`."""
        await self.state.until(holds, within_s)

    def stir(self) -> None:
        """Something changed on the bot's side: those who wait look again."""
        self.state.stir()

    async def connected(self) -> None:
        """Wait until the bot is there by Socket Mode."""
        await self.until(lambda: self.socket_mode.is_connected)

    async def acknowledged(self, within_s: float = 10) -> None:
        """Wait until the bot has said that it heard everything."""
        await self.until(lambda: not self.deliveries.unacknowledged, within_s)

    async def hears(
        self,
        channel: Channel,
        *,
        after: Message | None = None,
        thread: Message | None = None,
        holds: Callable[[Message], object] = lambda message: True,
        within_s: float = 10,
    ) -> Message:
        """Wait for a message of the bot, also one that only one person sees; with `thread`, for one in it."""

        def found() -> Message | None:
            for message in of_bot(self, channel):
                is_later = after is None or message.ts > after.ts
                if is_later and (thread is None or message.thread_ts == thread.ts) and holds(message):
                    return message
            return None

        await self.until(found, within_s)
        message = found()
        assert message is not None
        return message

    async def answered(self, asked: Interaction, within_s: float = 10) -> Interaction:
        """Wait until a command, button or form has come to something: a message, a form or errors in it."""

        def is_answered() -> bool:
            is_heard = asked.delivery is not None and asked.delivery.is_acknowledged
            is_closed = asked.sends_form and is_heard
            return is_heard and bool(asked.answers or asked.views or asked.errors or is_closed)

        await self.until(is_answered, within_s)
        return asked

    def transcript(self, channel: Channel, viewer: User | None = None) -> str:
        """What people see of a channel, as text; with a `viewer`, what that person sees."""
        return transcript(self.state, channel, viewer)

    def sees_failure(self, asked: Interaction) -> bool:
        """Whether the person was told that the app did not respond."""
        is_heard = asked.delivery is not None and asked.delivery.is_acknowledged
        return not is_heard and self.clock.now() > asked.at + TRIGGER_HOLDS

    def status_in(self, thread: Message) -> str:
        """What the bot shows of its work in a thread; nothing if it shows none."""
        return self.state.showing.get((thread.channel.id, thread.ts), "")

    def shown(self, view: View) -> str:
        """What a person sees of a form or the Home, as text."""
        return "\n".join(view_lines(self.state, view))

    # ── people write ─────────────────────────────────────────────────────────────────────────────────

    def person(self, name: str, *channels: Channel, **more: Any) -> User:
        """Somebody new, in the channels named, or in `general` if none are; `more` are fields of `User`."""
        who = self.state.add_user(name, **more)
        for channel in channels or (self.general,):
            channel.members.append(who)
        return who

    def workspace(self, name: str) -> Workspace:
        """Another one, whose people may be met in shared channels."""
        return Workspace(self.state.new_id("T"), name, name.lower().replace(" ", "-"))

    def channel(self, name: str, *members: User, kind: Kind = Kind.PUBLIC, **more: Any) -> Channel:
        """A channel more."""
        return self.state.add_channel(kind, name, *members, **more)

    def group_dm(self, *people: User) -> Channel:
        """A conversation of several people and the bot."""
        return self.state.group_with(*people)

    def dm(self, person: User) -> Channel:
        """The direct conversation of a person with the bot."""
        return self.state.dm_with(person)

    def file(self, name: str, content: bytes, mimetype: str, owner: User | None = None, **more: Any) -> File:
        """A file to be shared; `more` are fields of `File`."""
        return self.state.add_file(name, content, mimetype, owner or self.ada, **more)

    async def says(
        self,
        person: User,
        channel: Channel,
        text: str,
        *,
        mentions: Sequence[User] = (),
        thread: Message | None = None,
        broadcasts: bool = False,
        files: Sequence[File] = (),
        mention_first: bool = False,
        **more: Any,
    ) -> Message:
        """Write a message; `mentions` go before the text.

        A message that names the bot is told of twice, as `message` and as `app_mention`, which comes first if
        `mention_first`. With `thread` it answers there, and with `broadcasts` it stands in the channel as well.
        """
        assert person in channel.members, f"{person.name} is not there"
        content = " ".join([*(who.mention for who in mentions), payloads.escaped(text)]).strip()
        subtype = "file_share" if files else "thread_broadcast" if broadcasts else None
        place = {"thread_ts": thread.thread_ts or thread.ts} if thread is not None else {}
        more = {"subtype": subtype, "files": list(files), "is_broadcast": broadcasts, **place, **more}
        for file in files:
            file.channels.append(channel)
        message = self.state.post(channel, person, content, mention_first=mention_first, **more)
        await self._told()
        return message

    async def edits(self, message: Message, text: str, *, mentions: Sequence[User] | None = None) -> None:
        """Change a message of one's own; `mentions` are those that it had, if none are given."""
        names = " ".join(it.mention for it in (message.pings if mentions is None else mentions))
        self.state.edit(message, text=f"{names} {payloads.escaped(text)}".strip())
        await self._told()

    async def deletes(self, *messages: Message) -> None:
        """Delete messages."""
        for message in messages:
            self.state.delete(message)
        await self._told()

    async def unfurls(self, message: Message, title: str) -> None:
        """Let Slack add a preview of a link: a change of the message that is no edit."""
        self.state.unfurl(message, {"title": title, "from_url": "https://example.com/", "id": 1})
        await self._told()

    async def reacts(self, person: User, message: Message, emoji: str, *, adds: bool = True) -> None:
        """Add a reaction or take it back; emojis have names, as `thumbsup`."""
        self.state.react(message, person, emoji, adds=adds)
        await self._told()

    async def joins(self, person: User, channel: Channel) -> None:
        """Come into a channel: there is an event, and a message of Slack's."""
        channel.members.append(person)
        event: Json = {"type": "member_joined_channel", "user": person.id, "team": person.workspace.id}
        self._tell_of_member("member_joined_channel", event, channel)
        self.state.post(channel, person, f"{person.mention} has joined the channel", subtype="channel_join")
        await self._told()

    async def leaves(self, person: User, channel: Channel) -> None:
        """Go out of a channel; the bot hears of its own going, too."""
        event: Json = {"type": "member_left_channel", "user": person.id, "team": person.workspace.id}
        self._tell_of_member("member_left_channel", event, channel)
        channel.members.remove(person)
        await self._told()

    # ── people use commands, buttons, forms ──────────────────────────────────────────────────────────

    async def slash(self, person: User, channel: Channel, line: str) -> Interaction:
        """Use a slash command: `slash(ada, general, "/agent search tea")`."""
        name, _, text = line.partition(" ")
        asked = self._interactions.begin(person, channel)
        address = self._interactions.address(asked)
        self._interactions.send(asked, "slash_commands", using.command(self.state, asked, name, text, address))
        await self._told()
        return asked

    async def uses_on(self, person: User, message: Message, callback_id: str) -> Interaction:
        """Use a shortcut from the menu of a message, by its callback id."""
        asked = self._interactions.begin(person, message.channel, message=message)
        address = self._interactions.address(asked)
        self._interactions.send(asked, "interactive", using.shortcut(self.state, asked, callback_id, address))
        await self._told()
        return asked

    async def uses(self, person: User, callback_id: str) -> Interaction:
        """Use a shortcut that belongs to no message."""
        asked = self._interactions.begin(person, None)
        self._interactions.send(asked, "interactive", using.shortcut(self.state, asked, callback_id, ""))
        await self._told()
        return asked

    async def clicks(self, person: User, where: Message | View, label: str, value: str | None = None) -> Interaction:
        """Press a button by its label (or action id), or choose `value` from a list by its action id."""
        if isinstance(where, View):
            assert where.person is person, f"{person.name} does not see it"
            pressed, values = using.found(where.body["blocks"], label), using.filled(where, {}, is_sent=False)
            asked = self._interactions.begin(person, None, view=where)
        else:
            pressed, values = using.in_message(where, label, person), {}
            asked = self._interactions.begin(person, where.channel, message=where)
        address = self._interactions.address(asked)
        payload = using.action(self.state, asked, pressed, value, address, values)
        self._interactions.send(asked, "interactive", payload)
        await self._told()
        return asked

    async def submits(self, asked: Interaction, values: dict[str, str] | None = None) -> Interaction:
        """Send off the form that was opened; `values` by label or action id."""
        view = opened(asked)
        assert view.body.get("submit"), "there is no button for it"
        sent = self._interactions.begin(asked.person, None, view=view, sends_form=True)
        payload = using.submission(self.state, sent, view, using.filled(view, values or {}))
        self._interactions.send(sent, "interactive", payload)
        await self._told()
        return sent

    async def closes(self, asked: Interaction) -> None:
        """Close the form that was opened; the app is told if it wants to be."""
        view = opened(asked)
        view.is_open = False
        if view.body.get("notify_on_close"):
            closing = self._interactions.begin(asked.person, None, view=view)
            self._interactions.send(closing, "interactive", using.closing(self.state, closing, view))
        await self._told()

    async def opens_home(self, person: User, tab: str = "home") -> None:
        """Open the app: its Home, or with `messages` the direct conversation.

        https://docs.slack.dev/reference/events/app_home_opened
        """
        event: Json = {"type": "app_home_opened", "user": person.id, "channel": self.dm(person).id, "tab": tab}
        if tab == "home" and person.id in self.state.homes:
            event["view"] = payloads.view(self.state, self.state.homes[person.id])
        self.state.tell_event("app_home_opened", event | {"event_ts": self.state.new_ts()})
        await self._told()

    def home(self, person: User) -> View:
        """What a person sees in the app's Home."""
        return self.state.homes[person.id]

    async def sees_home(self, person: User, after: View | str | None = None, within_s: float = 10) -> View:
        """Wait for the Home of a person; with `after`, a hash or what was there, until it is another."""
        before = after.hash if isinstance(after, View) else after

        def is_there() -> bool:
            return person.id in self.state.homes and self.home(person).hash != before

        await self.until(is_there, within_s)
        return self.home(person)

    # ── over HTTP, and again ─────────────────────────────────────────────────────────────────────────

    async def serves_at(self, url: str) -> Answer:
        """Enter the app's Request URL; if it proves itself, everything is posted there."""
        return await self.deliveries.verify(url)

    async def posts(self, what: Delivery | str, url: str, **how: Any) -> Answer:
        """Post something, or any text, to the app: with another `secret`, `age_s` seconds old, with other `headers`."""
        if isinstance(what, str):
            return await self.deliveries.post_text(what, url, **how)
        return await self.deliveries.post(what, url, **how)

    async def passes(self, seconds: float) -> None:
        """Let time pass there: what was not acknowledged within three seconds is told again, and so on."""
        self.clock.advance(seconds)
        self.deliveries.retry_what_is_due()
        await self._told()

    async def retries(self, *deliveries: Delivery, reason: str = "") -> None:
        """Tell again what was not acknowledged, or what is named, acknowledged or not."""
        self.deliveries.retry(*deliveries, reason=reason)
        await self._told()

    async def tells(self, event: Json, channel: Channel | None = None) -> Delivery:
        """Tell the app of an event that Slack might never send."""
        return await self.delivers("events_api", payloads.event_callback(self.state, event, channel))

    async def delivers(self, kind: str, payload: Json) -> Delivery:
        """Deliver anything, as `events_api`, `slash_commands` or `interactive`."""
        delivery = Delivery(kind, payload)
        self.state.tell(delivery)
        await self._told()
        return delivery

    # ── what becomes of places and of the app ────────────────────────────────────────────────────────

    async def invites(self, channel: Channel) -> None:
        """Bring the bot into a channel."""
        await self.joins(self.bot, channel)

    async def kicks(self, channel: Channel) -> None:
        """Take the bot out of a channel."""
        await self.leaves(self.bot, channel)

    async def archives(self, channel: Channel) -> None:
        """Close a channel."""
        channel.is_archived = True
        await self._told()

    async def revokes(self, error: str = "token_revoked") -> None:
        """Take the bot's token away; with `account_inactive` the bot was removed."""
        self.state.token_error = error
        event = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.bot.id]}}
        self.state.tell_event("tokens_revoked", event | {"event_ts": self.state.new_ts()})
        await self._told()

    async def limits_events(self) -> None:
        """Say that events are left out, since there are more than 30,000 in an hour.

        https://docs.slack.dev/apis/events-api/#rate-limiting
        """
        at = int(self.clock.now().timestamp())
        told = {"token": payloads.VERIFICATION, "type": "app_rate_limited", "team_id": self.state.workspace.id}
        await self.delivers("events_api", told | {"minute_rate_limited": at, "api_app_id": self.state.app_id})

    def _tell_of_member(self, name: str, event: Json, channel: Channel) -> None:
        letter = channel.id[0]
        told = event | {"channel": channel.id, "channel_type": letter, "event_ts": self.state.new_ts()}
        self.state.tell_event(name, told, channel)

    async def _told(self) -> None:
        """Let the connection's writer have its turn."""
        self.state.stir()
        await asyncio.sleep(0)


def of_bot(world: World, channel: Channel) -> list[Message]:
    """What the bot has said in a place, in order."""
    return [it for _, it in sorted(channel.messages.items()) if it.author is world.bot and not it.is_deleted]
