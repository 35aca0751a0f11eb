"""What happens on Slack, as it is told or read in a history, on its way in."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports.errors import ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import MessageChange, Person
from adapters.slack.commands import Commands, is_typed_command
from adapters.slack.files import with_files_known
from adapters.slack.history import History
from adapters.slack.inbound import (
    author_of,
    before_of,
    change_of,
    deleted_in,
    edited_in,
    inbound_of,
    is_direct,
    is_readable,
    is_written_by_a_person,
    people_of,
    place_of,
    thread_of,
)
from adapters.slack.me import Me
from adapters.slack.overtaken import Overtaken
from adapters.slack.people import People
from adapters.slack.surface import Surface
from adapters.slack.told import Json, is_id, is_timestamp, listed_in, part_in, text_in

logger = logging.getLogger(__name__)

UNINSTALLED = "Slack says that the app was taken out of the workspace, or its token revoked."


class Events:
    """The events of one connection.

    Args:
        client: the Web API.
        me: who the bot is.
        people: what they are called.
        commands: take what is for them.
        surface: what Slack shows around conversations.
        intake: takes messages and changes.
        answers_bots: whether the messages of other bots are taken for those of people.
        end: is called if there is nothing to serve any more.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        me: Me,
        people: People,
        commands: Commands,
        surface: Surface,
        intake: Intake,
        *,
        answers_bots: bool,
        end: Callable[[Exception], None],
    ) -> None:
        self._client = client
        self._me = me
        self._people = people
        self._commands = commands
        self._surface = surface
        self._intake = intake
        self._answers_bots = answers_bots
        self._end = end
        self._overtaken = Overtaken()

    def on_coming(self, body: Json) -> None:
        """Something happened of which others of its channel are handed on first: ask meanwhile who wrote it."""
        event = part_in(body, "event")
        if self._is_for_us(event, text_in(event, "channel")) and _is_told_to(self._me, body):
            self._people.ask(people_of(event))

    async def on_event(self, body: Json) -> None:
        """Something happened; raises if it could not be kept, so that Slack tells it again."""
        if not _is_told_to(self._me, body):
            logger.info("an event of another workspace is passed over")
            return
        event = part_in(body, "event")
        match event.get("type"):
            case "message" if event.get("subtype") in ("message_changed", "message_deleted"):
                await self._on_change(event, text_in(event, "channel"))
            case "message" | "app_mention":
                await self._on_message(event, text_in(event, "channel"), text_in(body, "event_id"))
            case "app_home_opened":
                self._commands.on_home(event)
                if event.get("tab") == "messages" and is_id(event.get("channel")):
                    self._surface.opened(text_in(event, "channel"))
            case "assistant_thread_started":  # of an app that is an assistant of the kind before agents
                thread = part_in(event, "assistant_thread")
                if is_id(thread.get("channel_id")) and is_timestamp(thread.get("thread_ts")):
                    self._surface.opened(text_in(thread, "channel_id"), text_in(thread, "thread_ts"))
            case "app_uninstalled":
                self._end(ServiceMissing(UNINSTALLED))
            case "tokens_revoked" if self._me.user in _revoked_in(event):
                self._end(ServiceMissing(UNINSTALLED))

    async def on_history(self, history: History) -> None:
        """What stands in a place was read."""
        ids = [id_ for message in history.messages if message.get("edited") for id_ in people_of(message)]
        stretch = history.stretch(self._me, await self._people.names(ids))
        if stretch is not None:
            await self._intake.compare(stretch)

    async def on_missed(self, message: Json, channel: str) -> None:
        """A message was read that nobody had heard; a command is not run so late."""
        if self._is_for_us(message, channel) and not is_typed_command(message, self._me):
            await self._receive(message, channel, f"history/{channel}/{message['ts']}", is_missed=True)

    async def _on_message(self, event: Json, channel: str, event_id: str) -> None:
        if not is_readable(event, channel):
            logger.warning("a message that Slack told cannot be read, and is passed over")
            return
        message = self._overtaken.as_it_is(channel, event)
        if message is None or not self._is_for_us(message, channel):
            return
        if not self._commands.on_message(message, channel):
            await self._receive(message, channel, event_id)

    def _is_for_us(self, message: Json, channel: str) -> bool:
        is_written = is_written_by_a_person(message, self._me, answers_bots=self._answers_bots)
        return is_readable(message, channel) and is_written

    async def _receive(self, message: Json, channel: str, event_id: str, *, is_missed: bool = False) -> None:
        names = await self._people.names(people_of(message))
        told = await with_files_known(self._client, message, channel)
        inbound = inbound_of(told, channel, event_id, self._me, names)
        person = replace(inbound.origin.person, timezone=self._people.zone_of(inbound.origin.person.id))
        inbound = replace(inbound, origin=replace(inbound.origin, person=person))
        await self._intake.receive(replace(inbound, is_missed=is_missed))
        if inbound.origin.is_direct and inbound.origin.address.thread == inbound.message_id:
            self._surface.begun(channel, str(message["ts"]), inbound.text)

    async def _on_change(self, event: Json, channel: str) -> None:
        me, before = self._me, before_of(event)
        if (gone := deleted_in(event)) is not None:
            self._overtaken.delete(channel, gone)
            person = Person(author_of(before), "")
            if person.id != me.user and (person.id or not is_direct(channel)):
                place = place_of(channel, thread_of({"ts": gone} | dict(before)), person, me)
                await self._intake.change(MessageChange(place, (gone,), None))
        elif (message := edited_in(event, me)) is not None and self._overtaken.edit(channel, message):
            names = await self._people.names(people_of(message))
            told = await with_files_known(self._client, message, channel)
            await self._intake.change(change_of(told, channel, me, names, Person(author_of(message), "")))


def _is_told_to(me: Me, body: Json) -> bool:
    """Whether an event is for the bot of our token: the same app, in another workspace, is told by the same way.

    In a channel that workspaces share the event itself may be another's: https://docs.slack.dev/apis/events-api/#authorizations
    """
    installed = listed_in(body, "authorizations")
    if not installed:
        return text_in(body, "team_id") in ("", me.team)
    return any(text_in(it, "team_id") == me.team or text_in(it, "user_id") == me.user for it in installed)


def _revoked_in(event: Json) -> Sequence[object]:
    """The bots whose tokens were revoked: https://docs.slack.dev/reference/events/tokens_revoked."""
    bots = part_in(event, "tokens").get("bot")
    return bots if isinstance(bots, list) else ()
