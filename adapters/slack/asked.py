"""Where somebody gave a command on Slack, and how they are told there what comes of it.

Slack gives an address to which answers may be posted five times within half an hour, for that person alone:
https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.answers import CONFIRMED_WITHIN_S, MOST_PARTS, NO, STILL_AT_IT, YES
from adapters.ports import CommandReply, Confirm, DeliveryRefused, Origin, PlatformUnavailable
from adapters.slack.blocks import button, buttons, message_of, messages_of, parts_for_slack
from adapters.slack.errors import translated

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 28 * 60.0
"""What takes longer is told directly; the last minutes are for telling that."""

MOST_QUESTIONS = 1000
PRESSED_YES, PRESSED_NO = "agent_yes", "agent_no"
LONG = "The answer is long, so I write it to you directly."
ABOUT = "About the command that you gave in {where}:"
STILL_HERE = STILL_AT_IT.format(platform="Slack")


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody was asked: by whom it may be answered, until when, and what a yes does."""

    text: str
    confirmed: Confirm
    asked: "Asked"
    until: float


class Questions:
    """Those of one connection; a button of an earlier one belongs to none."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[str, Question] = {}

    def ask(self, text: str, confirmed: Confirm, asked: "Asked") -> Mapping[str, Any]:
        """The buttons below a question."""
        key = secrets.token_hex(16)
        self._open[key] = Question(text, confirmed, asked, self._now() + CONFIRMED_WITHIN_S)
        if len(self._open) > MOST_QUESTIONS:
            del self._open[next(iter(self._open))]
        return buttons(button(YES, PRESSED_YES, key, "danger"), button(NO, PRESSED_NO, key))

    def answered(self, key: str, person: str) -> Question | None:
        """The question whose button somebody pressed, which is over with that; None if it is theirs no more."""
        question = self._open.get(key)
        if question is None or question.asked.origin.person.id != person:
            return None
        del self._open[key]
        return question if self._now() < question.until else None


@dataclass(frozen=True, slots=True)
class Asked:
    """See `adapters.answers.Asker`.

    Attributes:
        client: the Web API.
        questions: those that wait for an answer.
        origin: who asked, and where.
        where: what people call that place.
        response_url: the address for answers; None where Slack gives none.
    """

    client: AsyncWebClient
    questions: Questions
    origin: Origin
    where: str
    response_url: str | None = None

    async def announce(self, text: str) -> bool:
        """Tell all who are in the channel, not in the thread, into which nobody need look."""
        try:
            with translated():
                await self.client.chat_postMessage(channel=self.origin.address.channel, **message_of(text))
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("a change could not be announced in its channel: %s", error)
            return False
        return True

    async def tell(self, reply: CommandReply) -> bool:
        """Tell them alone, where they asked."""
        below = []
        if reply.confirmed is not None:
            below = [dict(self.questions.ask(reply.text, reply.confirmed, self))]
        elif len(parts_for_slack(reply.text)) > MOST_PARTS:
            await self._say(message_of(LONG))
            return False
        for message in messages_of(reply.text, *below):
            if not await self._say(message):
                return False
        return True

    async def tell_of_delay(self) -> None:
        """Tell them alone that it takes longer."""
        await self._say(message_of(STILL_HERE))

    async def tell_directly(self, text: str) -> None:
        """Write to them directly."""
        about = "" if self.origin.is_direct else f"{ABOUT.format(where=self.where)}\n\n"
        try:
            with translated():
                for message in messages_of(about + text):
                    await self.client.chat_postMessage(channel=self.origin.person.id, **message)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what came of a command could not be told: %s", error)

    async def put_in_place(self, text: str) -> None:
        """Have a text stand where the buttons stood."""
        await self._say({**message_of(text), "replace_original": True})

    async def _say(self, message: Mapping[str, Any]) -> bool:
        """Whether they could be told."""
        try:
            if self.response_url is not None:
                return await self._respond(self.response_url, message)
            place = self.origin.address
            with translated():
                await self.client.chat_postEphemeral(
                    channel=place.channel, user=self.origin.person.id, thread_ts=place.thread, **message
                )
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("somebody cannot be told where they gave a command: %s", error)
            return False
        return True

    async def _respond(self, url: str, message: Mapping[str, Any]) -> bool:
        thread = {"thread_ts": self.origin.address.thread} if self.origin.address.thread else {}
        body = {"response_type": "ephemeral", "replace_original": False, **thread, **message}
        try:
            answer = await AsyncWebhookClient(
                url, session=self.client.session, retry_handlers=list(self.client.retry_handlers)
            ).send_dict(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformUnavailable(type(error).__name__) from error
        if answer.status_code != 200:
            logger.info("an answer was not taken any more status=%d", answer.status_code)
        return answer.status_code == 200
