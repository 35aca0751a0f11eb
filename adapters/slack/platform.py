"""Slack as a chat platform."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.reading_patiently import LONGEST_HELD_S
from adapters.ports.checkup import Account, Finding
from adapters.ports.commands import CommandSpec
from adapters.ports.errors import PlatformUnavailable
from adapters.ports.intake import Intake
from adapters.ports.messages import LATELY, Address, Attachment, LastHeard, Origin
from adapters.ports.platform import Sought
from adapters.slack import checkup, files, posting
from adapters.slack.app import App, Listener
from adapters.slack.blocks import parts_for_slack, parts_of_reply
from adapters.slack.callers import Callers
from adapters.slack.catch_up import CatchingUp
from adapters.slack.commands import Commands
from adapters.slack.credentials import Credentials
from adapters.slack.errors import Refusal
from adapters.slack.events import Events
from adapters.slack.inbound import PLATFORM
from adapters.slack.left_out import LeftOut
from adapters.slack.me import Me
from adapters.slack.mrkdwn import people_in, with_names
from adapters.slack.owners import tell_owners
from adapters.slack.pace import Pace
from adapters.slack.people import People
from adapters.slack.signed_http import signed_http
from adapters.slack.socket_mode import PING_S, SocketMode
from adapters.slack.status import Status
from adapters.slack.surface import Surface
from adapters.slack.web import web_client, who_am_i

HEARD_WITHIN = timedelta(days=7)
"""Channels in which something was heard within that time are looked through; threads for as long as all is answered."""

LOOKS_AFTER_S = 10.0
"""So long after all else was read it looks for people who wrote for the first time: many may write just now."""

SETTLES_S = 0.1
"""Over HTTP two messages of the same moment are requests of their own, of which either may arrive first."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """What there is while Slack is served."""

    client: AsyncWebClient
    me: Me
    people: People
    status: Status
    events: Events
    app: App
    intake: Intake


class SlackPlatform:
    """See `ChatPlatform`, and what it is beside: `TellsConnection`, `ComparesHistories`, `HasFiles` and others.

    Args:
        credentials: the tokens, and where Slack is.
        answers_bots: whether the messages of other bots are taken for those of people.
        moderators: people (`slack:<team>/<user>`) who may do in any channel what those may who look after the
            workspace.
        wait: lets so many seconds pass.
        now: a clock that only goes on, in seconds.
        clock: the time, in seconds of the Unix era, as Slack has it.
        ping_s: how often the connection is looked at.
        looks_after_s: see `LOOKS_AFTER_S`.
    """

    name = PLATFORM
    compares_histories = True

    def __init__(
        self,
        credentials: Credentials,
        *,
        answers_bots: bool = False,
        moderators: Collection[str] = (),
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        ping_s: float = PING_S,
        looks_after_s: float = LOOKS_AFTER_S,
    ) -> None:
        self._credentials = credentials
        self._answers_bots = answers_bots
        self._moderators = frozenset(moderators)
        self._wait = wait
        self._now = now
        self._clock = clock
        self._ping_s = ping_s
        self._looks_after_s = looks_after_s
        self._pace = Pace(wait, now)
        self._begun: dict[str, Collection[int]] = {}  # between a look and the sending that follows at once
        self._connection: Connection | None = None
        self._socket: SocketMode | None = None
        self._port: int | None = None
        self._gone: asyncio.Future[None] | None = None
        self._missed: Sequence[LastHeard] = ()
        self._catching_up: asyncio.Task[None] | None = None

    # ── how it is set up ─────────────────────────────────────────────────────────────────────────────────

    async def account(self) -> Account:
        """Whose the tokens are."""
        return await checkup.account(self._credentials)

    async def examine(self, commands: Sequence[CommandSpec]) -> Sequence[Finding]:
        """Tokens and scopes; that there is one command for all of ours the manifest says."""
        return await checkup.examine(self._credentials)

    # ── in ───────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, intake: Intake) -> None:
        """Serve until the connection ends for good.

        Raises:
            ServiceMissing: Slack does not know a token, or the port is taken.
            PlatformUnavailable: Slack cannot be reached.
        """
        given = self._credentials
        async with web_client(given.bot_token, given.api_url, self._wait, self._pace) as client:
            me = await who_am_i(client)
            people, status, surface = People(client, me.team, self._now), Status(client), Surface(client)
            callers = Callers(client, me, people, self._moderators)
            commands = Commands(client, me, people, intake, callers, self._wait, self._now)
            events = Events(
                client, me, people, commands, surface, intake, answers_bots=self._answers_bots, end=self._end
            )
            left_out = LeftOut(partial(self._heard_lately, intake), self._look_through, self._wait)
            listener = Listener(events.on_event, commands, left_out.on_left_out, events.on_coming)
            app = App(me, listener, None if given.app_token is not None else partial(asyncio.sleep, SETTLES_S))
            learning = asyncio.create_task(people.learn(), name="names")
            logger.info("serving a Slack workspace team=%s", me.team)
            try:
                self._missed = await self._heard_lately(intake)  # before anything newer is heard
                self._connection = Connection(client, me, people, status, events, app, intake)
                if given.app_token is not None:
                    await self._serve_socket(self._connection, given.app_token)
                else:
                    await self._serve_http(self._connection, given.signing_secret or "")
            finally:
                self._connection = self._socket = self._port = None
                learning.cancel()
                await asyncio.wait([learning])
                await self._stop_catching_up()
                await left_out.close()
                await commands.close()
                await people.close()
                await status.close()
                await surface.close()

    @property
    def is_connected(self) -> bool:
        """Whether events reach us; over HTTP, whether we listen."""
        return self._port is not None or (self._socket is not None and self._socket.is_connected)

    @property
    def port(self) -> int | None:
        """Where it listens for Slack's requests, if it does."""
        return self._port

    async def _serve_socket(self, connection: Connection, app_token: str) -> None:
        def connected() -> None:
            self._on_connected(connection)

        socket = SocketMode(connection.client, app_token, connection.app, connected, self._ping_s)
        self._socket = socket
        await socket.serve()

    async def _serve_http(self, connection: Connection, signing_secret: str) -> None:
        self._gone = asyncio.get_running_loop().create_future()
        async with signed_http(connection.app, signing_secret, self._credentials.port) as port:
            self._port = port
            self._on_connected(connection)
            await self._gone

    def _on_connected(self, connection: Connection) -> None:
        """What was missed is read once: what happens in a short break Slack tells again, and a long one ends `run`."""
        connection.intake.connected(self.name)
        if self._catching_up is None:
            reading = self._look_through(self._missed)
            self._catching_up = asyncio.create_task(self._catch_up(connection.intake, reading), name="slack catch up")

    async def _heard_lately(self, intake: Intake) -> Sequence[LastHeard]:
        """Where to look for what was missed; there are far more threads than channels, and they end sooner."""
        found = {it.address: it for it in await intake.last_heard(LATELY)}
        quiet = [it for it in await intake.last_heard(HEARD_WITHIN) if it.is_direct or it.address.thread is None]
        return list({it.address: it for it in (*found.values(), *quiet)}.values())

    async def _look_through(self, places: Sequence[LastHeard]) -> None:
        """Hand on what was written in places since; those of another workspace are not there for this token."""
        team = self._connected().me.team
        await self._looking().look_through([place for place in places if place.space == team])

    async def _look_for_new(self, after_s: float) -> None:
        """Hand on what people wrote directly of whom nothing was heard before; what happens now comes first."""
        if after_s:
            await self._wait(after_s)
        heard = {place.address.channel for place in self._missed}
        since = self._clock() - LATELY.total_seconds()
        await self._looking().look_for_new(heard, self._connected().me.team, since)

    def _looking(self) -> CatchingUp:
        it = self._connected()
        return CatchingUp(it.client, it.app.in_order, it.events.on_history, it.events.on_missed, self._wait)

    async def _catch_up(self, intake: Intake, reading: Coroutine[Any, Any, None]) -> None:
        """Tell when all is read, or has taken too long; if the connection has ended over it, the next one will."""
        task = asyncio.create_task(reading)
        try:
            await asyncio.wait([task], timeout=LONGEST_HELD_S)
            intake.caught_up(self.name)
            await task
            await self._look_for_new(self._looks_after_s)
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _stop_catching_up(self) -> None:
        task, self._catching_up = self._catching_up, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _end(self, error: Exception) -> None:
        if self._socket is not None:
            self._socket.end(error)
        elif self._gone is not None and not self._gone.done():
            self._gone.set_exception(error)

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────

    def parts_of(self, text: str) -> Sequence[str]:
        """Within what a block of Markdown takes; very long code goes as a file, and whom it mentions is named."""
        if (connection := self._connection) is None:
            return parts_of_reply(text)
        text = with_names(text, connection.people.known(people_in(text)))
        may_send_files = not connection.me.scopes or "files:write" in connection.me.scopes
        return parts_of_reply(text) if may_send_files else parts_for_slack(text)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str:
        """Post it, without any mention in it being live; Slack has no replies but those in threads."""
        connection = self._connected()
        try:
            return await posting.post(connection.client, address, text, key, self._begun.pop(key, ()))
        except Refusal as refusal:
            told_once = connection.intake.told_once
            await tell_owners(connection.client, connection.me, self._moderators, address, refusal, told_once)
            raise

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """Look in the place's history."""
        connection = self._connected()
        standing = await posting.find(connection.client, address, key, sought, connection.me)
        if standing.parts and standing.name is None:
            self._begun[key] = standing.parts
        return standing.name

    async def react(self, address: Address, message_id: str, emoji: str) -> None:
        """Put a reaction on a message."""
        await posting.react(self._connected().client, address, message_id, emoji)

    async def fetch(self, attachment: Attachment, into: Path, max_bytes: int) -> None:
        """Download a file from where Slack keeps it."""
        given = self._credentials
        await files.fetch(attachment, into, max_bytes, token=given.bot_token, api_url=given.api_url)

    async def notify(self, origin: Origin, text: str) -> None:
        """Tell somebody where they wrote, so that nobody else sees it; where that cannot be, directly."""
        await posting.tell(self._connected().client, origin, text)

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Show in a thread that the bot thinks."""
        return self._connection.status.working(address) if self._connection is not None else nullcontext()

    def _connected(self) -> Connection:
        if self._connection is None:
            raise PlatformUnavailable("not connected to Slack", may_be_posted=False)
        return self._connection
