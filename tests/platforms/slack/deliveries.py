"""How the app is told: by Socket Mode, or over HTTP once it has proved its Request URL.

https://docs.slack.dev/apis/events-api/#retries: what is not acknowledged within three seconds is told again at once,
after a minute and after five. Here that happens when a test lets the time pass, or says so.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession

from tests.platforms.slack.http_delivery import JSON, Answer, form_of, post, signed
from tests.platforms.slack.payloads import VERIFICATION
from tests.platforms.slack.socket_mode import SocketMode
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Delivery

RETRIED_AFTER = tuple(timedelta(seconds=seconds) for seconds in (3, 60, 300))
"""After which time since it was told last an event is told again, each time."""


class Deliveries:
    """See above.

    Attributes:
        all: everything that the app was to be told, in order.
        urls: where it is posted, by kind; empty with Socket Mode.
    """

    def __init__(self, state: State, socket_mode: SocketMode) -> None:
        self.all: list[Delivery] = []
        self.urls: dict[str, str] = {}
        self._state = state
        self._socket_mode = socket_mode
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        state.tell = self.tell

    @property
    def unacknowledged(self) -> list[Delivery]:
        return [it for it in self.all if not it.is_acknowledged]

    def tell(self, delivery: Delivery) -> None:
        """Tell of something for the first time."""
        self.all.append(delivery)
        self._send(delivery)

    def retry(self, *deliveries: Delivery, reason: str = "") -> None:
        """Tell again, as Slack does when it has heard nothing; without any given, all that it may."""
        for delivery in deliveries or [it for it in self.unacknowledged if _may_be_told_again(it)]:
            self._send(delivery, reason or _reason(delivery))

    def retry_what_is_due(self) -> None:
        """Tell again what was not acknowledged in time; what failed, at once."""
        now = self._state.clock.now()
        for it in filter(_may_be_told_again, self.unacknowledged):
            has_failed = it.attempts == 1 and len(it.statuses) == 1
            if has_failed or now - it.told_at >= RETRIED_AFTER[it.attempts - 1]:
                self._send(it, _reason(it))

    async def verify(self, url: str) -> Answer:
        """Let the app prove its Request URL (https://docs.slack.dev/reference/events/url_verification)."""
        challenge = uuid4().hex
        handshake = Delivery("events_api", {"token": VERIFICATION, "challenge": challenge, "type": "url_verification"})
        answer = await self.post(handshake, url)
        if answer.status == 200 and challenge in answer.text:
            self.urls = dict.fromkeys(("events_api", "slash_commands", "interactive"), url)
        return answer

    async def post(self, delivery: Delivery, url: str, *, reason: str = "", **how: Any) -> Answer:
        """Post something once, signed rightly or not, and wait for what the app says."""
        body, content_type = form_of(delivery)
        retry = {"X-Slack-Retry-Num": str(delivery.attempts - 1), "X-Slack-Retry-Reason": reason} if reason else {}
        return await self.post_text(body, url, content_type, **{**how, "headers": retry | how.get("headers", {})})

    async def post_text(
        self,
        body: str,
        url: str,
        content_type: str = JSON,
        *,
        secret: str | None = None,
        age_s: float = 0.0,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Post a text, whether it makes sense or not."""
        sent = {"Content-Type": content_type, **signed(secret or self._state.signing_secret, body, age_s=age_s)}
        assert self._session is not None, "only while the world stands"
        return await post(self._session, url, body, sent | (headers or {}))

    async def open(self) -> None:
        self._session = ClientSession()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._session is not None:
            await self._session.close()

    def _send(self, delivery: Delivery, reason: str = "") -> None:
        delivery.attempts += 1
        delivery.told_at = self._state.clock.now()
        delivery.sent_at = asyncio.get_running_loop().time()
        if delivery.kind in self.urls:
            self._start(self._post(delivery, reason))
        else:
            self._socket_mode.deliver(delivery, reason)
        self._state.stir()

    async def _post(self, delivery: Delivery, reason: str) -> None:
        answer = await self.post(delivery, self.urls[delivery.kind], reason=reason)
        delivery.statuses.append(answer.status)
        delivery.wants_no_retry = answer.headers.get("X-Slack-No-Retry") == "1"
        if 200 <= answer.status < 300 and not delivery.is_acknowledged:
            delivery.acknowledge(answer.body, asyncio.get_running_loop().time())
        self._state.stir()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _may_be_told_again(it: Delivery) -> bool:
    """Only events are, and not to an app that wants no more."""
    return it.kind == "events_api" and it.attempts <= len(RETRIED_AFTER) and not it.wants_no_retry


def _reason(it: Delivery) -> str:
    """Why it has to be told again."""
    if len(it.statuses) < it.attempts:
        return "timeout" if it.envelope_ids else "http_timeout"
    return "http_error" if it.statuses[-1] else "connection_failed"
