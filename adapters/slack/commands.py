"""The commands of the bot on Slack: `/agent …`, `!agent …`, and "Remember this" in the menu of a message.

Slack takes no slash commands in threads, so there they are typed as a message, which is taken for nothing else. All
answers are for that person alone. Slack knows nothing of rights; it is asked each time who looks after the workspace:
https://docs.slack.dev/interactivity/implementing-slash-commands/
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.answers import NOTHING_CHANGED, OUT_OF_DATE, Answers
from adapters.chat.said import named
from adapters.chat.underway import Underway
from adapters.ports.commands import CommandReply, CommandSpec
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import Intake
from adapters.ports.messages import InboundMessage, Origin, Person
from adapters.slack.asked import ANSWERED_WITHIN_S, Asked
from adapters.slack.callers import NO_CHANNEL, Callers, kind_of, who
from adapters.slack.errors import translated
from adapters.slack.forms import FIELD, FormPlace, Forms, asks_for
from adapters.slack.home import EDITED, PRESSED, AtHome
from adapters.slack.inbound import (
    author_of,
    inbound_of,
    is_readable,
    is_written_by_a_person,
    moment_of,
    people_of,
    place_of,
    text_of,
    thread_of,
)
from adapters.slack.lines import Lines
from adapters.slack.me import Me
from adapters.slack.mrkdwn import people_in, plain, unescaped, without_call
from adapters.slack.people import People
from adapters.slack.questions import PRESSED_NO, PRESSED_YES, Place, Questions
from adapters.slack.told import Json, is_id, is_timestamp, listed_in, part_in, text_in

logger = logging.getLogger(__name__)

AT_HOME = "home"
"""The kind of place that a form belongs to which was opened from the app's Home."""

NOT_NOW = "Something went wrong on my side. Please try again."
NO_TEXT = "There is no text in that message."
NOTHING_WRITTEN = "Write something, or press Cancel."

ANSWERED_IN_FORM_S = 2.0
"""Slack waits three seconds for what is wrong with a form; what is known later is told as after any command."""

Result = TypeVar("Result")

_TYPED = re.compile(r"\A!agent(?:\s+|\Z)")
_ABOUT_SOMEBODY = re.compile(r"\Aadmin\s+(?:allow|deny|inspect)\b", re.IGNORECASE)


class Commands:
    """The commands of one connection.

    Args:
        client: the Web API.
        me: who the bot is.
        people: what they are called, and what they may.
        intake: runs the commands.
        callers: who gives them, and what they may.
        wait: lets so many seconds pass.
        now: a clock that only goes on, in seconds.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        me: Me,
        people: People,
        intake: Intake,
        callers: Callers,
        wait: Callable[[float], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._me = me
        self._people = people
        self._intake = intake
        self._callers = callers
        self._answers = Answers(ANSWERED_WITHIN_S, wait)
        self._questions = Questions(now)
        self._homes = Lines()
        self._forms = Forms(client.token or "")
        self._underway = Underway()

    async def close(self) -> None:
        """Nobody waits any more."""
        self._answers.close()
        await self._underway.end()

    # ── what people do; each returns soon, for Slack waits three seconds ──────────────────────────────

    async def on_slash(self, body: Json) -> None:
        """Somebody gave a slash command."""
        self._use(self._slash, body)

    async def on_shortcut(self, body: Json) -> None:
        """Somebody chose "Remember this" from the menu of a message."""
        self._use(self._remember, body)

    async def on_pressed(self, body: Json) -> None:
        """Somebody pressed a button."""
        self._use(self._pressed, body)

    async def on_submitted(self, body: Json) -> Mapping[str, str]:
        """Somebody sent a form; returns what is wrong with it, as far as that is known in time."""
        try:
            wrong = await self._submitted(body)
        except Exception:
            logger.exception("a form broke")
            wrong = NOT_NOW
        return {FIELD: wrong} if wrong else {}

    def on_home(self, event: Json) -> None:
        """Somebody opened the app's Home."""
        if event.get("tab") == "home" and is_id(event.get("user")):
            self._begin(self._show_home(event), event)

    def on_message(self, event: Json, channel: str) -> bool:
        """Take a message if it is a command; it may be told twice."""
        if not is_typed_command(event, self._me):
            return False
        self._begin(self._run_typed(event, channel), event)
        return True

    def _use(self, do: Callable[[Json], Coroutine[Any, Any, None]], body: Json) -> None:
        async def once() -> None:
            if await self._is_first(body):
                await do(body)

        self._begin(once(), body)

    async def _is_first(self, body: Json) -> bool:
        """Each use has a trigger of its own; a request that comes a second time, perhaps after a restart, is known."""
        trigger = text_in(body, "trigger_id")
        if not trigger or await self._intake.told_once(f"used {self._me.team}/{trigger}"):
            return True
        logger.info("what somebody used is known already")
        return False

    def _begin(self, work: Coroutine[Any, Any, None], body: Json) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:  # the last line, as for events: the log has it all, the person is told
                logger.exception("a command broke")
                if (place := self._place_of(body)) is not None:
                    await place.tell(CommandReply(NOT_NOW))

        self._task(guarded())

    def _task(self, work: Awaitable[Result]) -> "asyncio.Future[Result]":
        task = asyncio.ensure_future(work)
        self._underway.begun(task)
        return task

    def _place_of(self, body: Json) -> Asked | None:
        """Where somebody can be told something who used or typed a command."""
        if url := text_in(body, "response_url"):
            return Asked(self._client, self._questions, _NOWHERE, "", url)
        if not is_readable(body, text_in(body, "channel")):
            return None
        origin = place_of(text_in(body, "channel"), thread_of(body), Person(author_of(body), ""), self._me)
        return Asked(self._client, self._questions, origin, "")

    # ── what comes of it ─────────────────────────────────────────────────────────────────────────────

    async def _slash(self, body: Json) -> None:
        channel, user = text_in(body, "channel_id"), text_in(body, "user_id")
        named_place = text_in(body, "channel_name")
        origin = await self._callers.place(channel, None, user, text_in(body, "user_name"))
        asked = self._asked(origin, named_place, text_in(body, "response_url"))
        line = await self._line(text_in(body, "text"))
        spec = asks_for(line, self._intake.commands)
        if spec is not None and await self._ask(spec, origin, kind_of(named_place), text_in(body, "trigger_id")):
            return
        await self._run(asked, line, kind_of(named_place))

    async def _run_typed(self, event: Json, channel: str) -> None:
        if not await self._intake.told_once(f"typed {self._me.team}/{channel}/{event['ts']}"):
            return  # as a mention, or before a restart, after which Slack tells it again
        line = await self._line(_TYPED.sub("", without_call(text_in(event, "text"), self._me.user)))
        origin = await self._callers.place(channel, thread_of(event), author_of(event), "")
        given_at = moment_of(str(event["ts"]))
        await self._run(self._asked(origin, ""), line, text_in(event, "channel_type"), given_at=given_at)

    async def _remember(self, body: Json) -> None:
        place, user = part_in(body, "channel"), part_in(body, "user")
        message, channel = part_in(body, "message"), text_in(place, "id")
        origin = await self._callers.place(
            channel, thread_of(message) if is_timestamp(message.get("ts")) else None, *who(user)
        )
        asked = self._asked(origin, text_in(place, "name"), text_in(body, "response_url"))
        names = await self._people.names(people_of(message))
        text = text_of(message, self._me, names)
        if not text:
            await asked.tell(CommandReply(NO_TEXT))
            return
        author = author_of(message)
        whose = "" if author == origin.person.id else f"{named(self._name_of(message, names), author)}: "
        about = self._told(message, channel, names)
        await self._run(asked, f"remember {whose}{text}", kind_of(text_in(place, "name")), about)

    async def _pressed(self, body: Json) -> None:
        pressed, user = next(iter(listed_in(body, "actions")), {}), part_in(body, "user")
        action, url = text_in(pressed, "action_id"), text_in(body, "response_url")
        if action.startswith(PRESSED):
            await self._pressed_at_home(action.removeprefix(PRESSED), user, text_in(body, "trigger_id"))
        if action.startswith(EDITED):
            line, text = action.removeprefix(EDITED), text_in(pressed, "value")
            await self._edit_at_home(line, text, user, text_in(body, "trigger_id"))
        if action not in (PRESSED_YES, PRESSED_NO):
            return
        question = self._questions.answered(text_in(pressed, "value"), text_in(user, "id"))
        if question is None:
            is_at_home = text_in(part_in(body, "view"), "type") == "home"
            place: Place = await self._home_of(*who(user)) if is_at_home else self._asked(_NOWHERE, "", url)
            await place.put_in_place(OUT_OF_DATE)
            return
        place = question.place.reached_by(url)
        if action == PRESSED_NO:
            await place.put_in_place(NOTHING_CHANGED)
            return
        await place.put_in_place(question.text)
        is_moderator = await self._callers.is_moderator(place.origin)
        await self._answers.give(place, question.confirmed(is_moderator=is_moderator))

    async def _pressed_at_home(self, line: str, user: Json, trigger: str) -> None:
        home = await self._home_of(*who(user))
        spec = asks_for(line, self._intake.commands)
        if spec is None or not await self._ask(spec, home.origin, AT_HOME, trigger):
            await self._run(home, line, "im")

    async def _edit_at_home(self, line: str, text: str, user: Json, trigger: str) -> None:
        home = await self._home_of(*who(user))
        place = FormPlace(home.origin.address.channel, None, AT_HOME)
        if not await self._open(self._forms.editing(line, text, place, home.origin.person.id), trigger):
            await home.put_in_place(NOT_NOW)

    async def _show_home(self, event: Json) -> None:
        home = await self._home_of(text_in(event, "user"), "")
        await home.show()

    async def _home_of(self, user: str, name: str) -> AtHome:
        origin = await self._callers.place(NO_CHANNEL, None, user, name)
        return AtHome(self._client, self._questions, origin, self._intake.command, self._intake.commands, self._homes)

    async def _submitted(self, body: Json) -> str:
        """Run the command of a form; returns why nothing was done, if that is known while Slack waits for it."""
        user = part_in(body, "user")
        try:
            sent = self._forms.sent(part_in(body, "view"), text_in(user, "id"))
        except ValueError:
            return OUT_OF_DATE
        if not sent.text:
            return NOTHING_WRITTEN
        if not await self._is_first(body):
            return ""
        is_at_home, found = sent.place.kind == AT_HOME, sent.place
        if is_at_home:
            place: Place = await self._home_of(*who(user))
        else:
            place = self._asked(await self._callers.place(found.channel, found.thread, *who(user)), "")
        kind = "im" if is_at_home else found.kind
        call = await self._callers.call(place.origin, f"{sent.command} {sent.text}", kind)
        work = self._task(self._intake.command(call))
        await asyncio.wait([work], timeout=ANSWERED_IN_FORM_S)
        if work.done() and work.result().is_refusal:
            return work.result().text
        self._begin(self._answers.give(place, work), body)
        return ""

    async def _run(
        self,
        asked: Place,
        line: str,
        kind: str,
        about: InboundMessage | None = None,
        given_at: datetime | None = None,
    ) -> None:
        call = await self._callers.call(asked.origin, line, kind)
        call = replace(call, about=about, given_at=given_at)
        await self._answers.give(asked, self._intake.command(call))

    # ── who and where ────────────────────────────────────────────────────────────────────────────────

    def _asked(self, origin: Origin, where: str, response_url: str = "") -> Asked:
        where = f"#{where}" if where and kind_of(where) == "channel" else "another conversation"
        return Asked(self._client, self._questions, origin, where, response_url or None)

    async def _line(self, text: str) -> str:
        """What somebody typed, as people read it; a command about somebody knows them by the mention."""
        if _ABOUT_SOMEBODY.match(text):
            return unescaped(text).strip()
        return plain(text, await self._people.names(people_in(text))).strip()

    async def _ask(self, spec: CommandSpec, origin: Origin, kind: str, trigger: str) -> bool:
        """Ask for what a command needs; whether that was possible."""
        place = FormPlace(origin.address.channel, origin.address.thread, kind)
        return await self._open(self._forms.asking(spec, place, origin.person.id), trigger)

    async def _open(self, form: dict[str, Any], trigger: str) -> bool:
        """Put a form before somebody; whether that was possible."""
        try:
            with translated():
                await self._client.views_open(trigger_id=trigger, view=form)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("a form cannot be opened: %s", error)
            return False
        return True

    def _told(self, message: Json, channel: str, names: Mapping[str, str]) -> InboundMessage | None:
        """The message from whose menu a command was given, if a person wrote it."""
        if not is_readable(message, channel) or not is_written_by_a_person(message, self._me, answers_bots=False):
            return None
        return inbound_of(message, channel, text_in(message, "ts"), self._me, names)

    def _name_of(self, message: Json, names: Mapping[str, str]) -> str:
        author = author_of(message)
        profile = text_in(part_in(message, "bot_profile"), "name")
        return names.get(author) or text_in(message, "username") or profile or author


def is_typed_command(message: Json, me: Me) -> bool:
    """Whether a message is a command."""
    return _TYPED.match(without_call(text_in(message, "text"), me.user)) is not None


_NOWHERE = place_of("C", None, Person("", ""), Me("", "", ""))
