"""Bolt's app as we need it: what happens is acknowledged once it is kept, and handed on in order for each channel."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.lines import Lines
from adapters.slack.manifest import REMEMBER_THIS
from adapters.slack.me import Me
from adapters.slack.told import Json, is_timestamp, part_in

LEFT_OUT = "app_rate_limited"
"""https://docs.slack.dev/apis/events-api/#rate-limiting"""

_ANY = re.compile(r"[\s\S]*")


class Interactions(Protocol):
    """Who is told of what people use, with the payload as Slack sent it; each returns within Slack's three seconds."""

    async def on_slash(self, body: Json) -> None:
        """Somebody gave a slash command."""
        ...

    async def on_shortcut(self, body: Json) -> None:
        """Somebody chose ours from the menu of a message."""
        ...

    async def on_pressed(self, body: Json) -> None:
        """Somebody pressed a button."""
        ...

    async def on_submitted(self, body: Json) -> Mapping[str, str]:
        """Somebody sent a form; returns what is wrong with it, by field, and then it stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of what happens.

    Attributes:
        event: something happened. Slack is told that it has arrived once this returns; if it raises, Slack tells it
            again.
        interactions: somebody used something of ours.
        left_out: so much happens that Slack does not tell all of it; takes no time.
        coming: an event stands in line, of which all that is not sure may be asked for meanwhile; takes no time.
    """

    event: Callable[[Json], Awaitable[None]]
    interactions: Interactions
    left_out: Callable[[Json], None]
    coming: Callable[[Json], None]


class App(AsyncApp):
    """A Bolt app that keeps each channel's events in their order.

    Bolt would acknowledge an event before anybody has heard of it, and ask Slack who it is before the first one; both
    are done otherwise here. What is not acknowledged within three seconds Slack tells again:
    https://docs.slack.dev/apis/events-api/#retries

    Args:
        me: who the bot is.
        listener: is told.
        settle: lets the time pass in which what happened before may still arrive, where Slack tells things by requests.
    """

    def __init__(self, me: Me, listener: Listener, settle: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(
            name="memgpt-bot",
            logger=logging.getLogger("slack_bolt"),
            client=AsyncWebClient(),  # only so that it takes no token from the environment
            signing_secret="",
            authorize=_authorize(me),
            process_before_response=True,
            request_verification_enabled=False,  # see signed_http.py; of Socket Mode nothing is signed
            ignoring_self_events_enabled=False,  # it would ignore that somebody changed what we said, too
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        self._lines = Lines(settle)
        self._listener = listener
        self._register(listener)

    def in_order(self, channel: str, at: float = 0.0) -> AbstractAsyncContextManager[None]:
        """To be held while something of a channel is handed on; of those who wait, what happened first comes first."""
        return self._lines.turn(channel, at)

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Handle a request; it stands in line before anything is awaited."""
        if not _makes_sense(req.body):
            return BoltResponse(status=400)
        if req.body.get("type") == LEFT_OUT:  # no event, and Bolt knows nothing of it
            self._listener.left_out(req.body)
            return BoltResponse(status=200)
        if (channel := _channel_of(req.body)) is None:
            return await super().async_dispatch(req)
        self._listener.coming(req.body)
        async with self.in_order(channel, _happened_at(req.body)):
            return await super().async_dispatch(req)

    def _register(self, listener: Listener) -> None:
        async def happened(body: Json) -> None:
            await listener.event(body)

        told = listener.interactions
        self.event(_ANY)(happened)
        self.command(_ANY)(_acknowledged(told.on_slash))
        self.message_shortcut(REMEMBER_THIS)(_acknowledged(told.on_shortcut))
        self.action(_ANY)(_acknowledged(told.on_pressed))
        self.view_submission(_ANY)(_answered(told.on_submitted))


def _acknowledged(tell: Callable[[Json], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def used(ack: AsyncAck, body: Json) -> None:
        await ack()
        await tell(body)

    return used


def _answered(tell: Callable[[Json], Awaitable[Mapping[str, str]]]) -> Callable[..., Awaitable[None]]:
    """https://docs.slack.dev/surfaces/modals#displaying_errors."""

    async def sent(ack: AsyncAck, body: Json) -> None:
        if errors := await tell(body):
            await ack(response_action="errors", errors=dict(errors))
        else:
            await ack()

    return sent


def _authorize(me: Me) -> Callable[..., Awaitable[AuthorizeResult]]:
    async def known(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=me.team, bot_user_id=me.user, bot_id=me.bot)

    return known


def _makes_sense(body: Any) -> bool:
    """Whether it has what Bolt takes for granted in each request, and would break over."""
    if not isinstance(body, dict) or not isinstance(body.get("event", {}), dict):
        return False
    if body.get("type") != "block_actions":
        return True
    pressed = body.get("actions")
    return isinstance(pressed, list) and all(isinstance(it, dict) and "action_id" in it for it in pressed)


def _channel_of(body: Any) -> str | None:
    event = body.get("event") if isinstance(body, dict) else None
    channel = event.get("channel") if isinstance(event, dict) else None
    return channel if isinstance(channel, str) else None


def _happened_at(body: Json) -> float:
    """When something happened, by Slack's clock; what does not say so goes first."""
    event = part_in(body, "event")
    told = next((event[name] for name in ("event_ts", "ts") if is_timestamp(event.get(name))), "0")
    return float(told)
