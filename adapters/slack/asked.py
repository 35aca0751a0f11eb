"""Where somebody gave a command on Slack, and how they are told there what comes of it.

Slack gives an address to which answers may be posted five times within half an hour, for that person alone:
https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.chat.answers import MOST_PARTS, STILL_AT_IT
from adapters.ports.commands import AnswerFile, CommandReply
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.messages import Origin
from adapters.slack.blocks import message_of, messages_of, parts_for_slack
from adapters.slack.errors import translated
from adapters.slack.inbound import moment_of
from adapters.slack.questions import Place, Questions
from adapters.slack.uploads import give

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 28 * 60.0
"""What takes longer is told directly; the last minutes are for telling that."""

LONG = "The answer is long, so I write it to you directly."
ABOUT = "About the command that you gave in {where}:"
STILL_HERE = STILL_AT_IT.format(platform="Slack")


@dataclass(frozen=True, slots=True)
class Asked:
    """See `adapters.slack.questions.Place`.

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

    def reached_by(self, response_url: str) -> Place:
        """The same, with another address for answers."""
        return replace(self, response_url=response_url or None)

    async def announce(self, text: str) -> datetime | None:
        """Tell all who are in the channel, not in the thread, into which nobody need look."""
        try:
            with translated():
                said = await self.client.chat_postMessage(channel=self.origin.address.channel, **message_of(text))
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("a change could not be announced in its channel: %s", error)
            return None
        return moment_of(str(said["ts"]))

    async def tell(self, reply: CommandReply) -> bool:
        """Tell them alone, where they asked; a file comes directly."""
        if reply.file is not None:
            told = await give(self.client, self.origin.person.id, reply.file)
            reply = replace(reply, text="\n\n".join(filter(None, (reply.text, told))), file=None)
        below = []
        if reply.confirmed is not None:
            below = [self.questions.ask(reply.text, reply.confirmed, self)]
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

    async def tell_directly(self, text: str, file: AnswerFile | None = None) -> None:
        """Write to them directly."""
        about = "" if self.origin.is_direct else f"{ABOUT.format(where=self.where)}\n\n"
        if file is not None:
            text = f"{text}\n\n{await give(self.client, self.origin.person.id, file)}"
        try:
            with translated():
                for message in messages_of(about + text):
                    await self.client.chat_postMessage(channel=self.origin.person.id, **message)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what came of a command could not be told: %s", error)

    async def put_in_place(self, text: str) -> None:
        """Have a text stand where the buttons stood; of a long one that is its end."""
        await self._say({**messages_of(text)[-1], "replace_original": True})

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
