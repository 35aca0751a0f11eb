"""The client of Slack's Web API, as patient as is good for us."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.ports.errors import ServiceMissing
from adapters.slack.errors import APP_TOKEN_NOT_KNOWN, BOT_TOKEN_NOT_KNOWN, TOKEN_FAULTS, Refusal, code_of, translated
from adapters.slack.me import Me
from adapters.slack.pace import Pace

SLACK_API_URL = AsyncWebClient.BASE_URL
TIMEOUT_S = 20.0
LONGEST_RATE_LIMIT_S = 30.0
"""What must wait longer is put off by whoever asked, who keeps it on disk."""

MOST_WAITS = 3

Wait = Callable[[float], Awaitable[None]]


class Patience(AsyncRateLimitErrorRetryHandler):
    """Waits as long as Slack asks, if that is not long, and asks again."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(max_retry_count=MOST_WAITS)
        self._wait = wait

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        return response is not None and response.status_code == 429 and _asked_for(response) <= LONGEST_RATE_LIMIT_S

    async def prepare_for_next_attempt_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Let the time pass."""
        state.next_attempt_requested = True
        await self._wait(_asked_for(response) if response is not None else 1.0)
        state.increment_current_attempt()


class Paced(AsyncWebClient):
    """A client that says no more in one channel than Slack takes, whoever has it say something.

    Args:
        pace: says when it is time.
        options: those of the library.
    """

    def __init__(self, pace: Pace, **options: Any) -> None:
        super().__init__(**options)
        self._pace = pace

    async def api_call(self, api_method: str, **what: Any) -> AsyncSlackResponse:
        """Call a method, when it is time."""
        told = what.get("json") or what.get("params") or {}
        channel = told.get(_SAYS_IN.get(api_method, ""))
        if not channel:
            return await super().api_call(api_method, **what)
        async with self._pace.next_in(str(channel)):
            return await super().api_call(api_method, **what)


_SAYS_IN = {"chat.postMessage": "channel", "files.completeUploadExternal": "channel_id"}
"""The methods by which something is said for all, and their argument that says where."""


@asynccontextmanager
async def web_client(
    token: str, api_url: str | None, wait: Wait = asyncio.sleep, pace: Pace | None = None
) -> AsyncIterator[AsyncWebClient]:
    """A client that asks again after a rate limit and never otherwise: it cannot know whether a message was posted.

    (The library itself would, when a connection ends without an answer; and it would open one for each request.)
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        yield Paced(
            pace or Pace(wait, time.monotonic),
            token=token,
            base_url=f"{(api_url or SLACK_API_URL).rstrip('/')}/",
            session=session,
            retry_handlers=[Patience(wait)],
        )


async def who_am_i(client: AsyncWebClient) -> Me:
    """Whose the client's token is.

    Raises:
        ServiceMissing: Slack does not know the token.
        PlatformUnavailable: Slack cannot be asked.
    """
    with _of_operator(BOT_TOKEN_NOT_KNOWN):
        told = await client.auth_test()
    scopes = str(told.headers.get("x-oauth-scopes") or "")
    return Me(
        team=str(told.get("team_id") or ""),
        user=str(told.get("user_id") or ""),
        bot=str(told.get("bot_id") or ""),
        name=str(told.get("user") or ""),
        team_name=str(told.get("team") or ""),
        scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        url=str(told.get("url") or ""),
    )


async def new_connection(client: AsyncWebClient, app_token: str) -> str:
    """The address at which a connection can be opened, once.

    Raises:
        ServiceMissing: Slack does not open connections with the token.
        PlatformUnavailable: Slack cannot be asked.
    """
    with _of_operator(APP_TOKEN_NOT_KNOWN):
        return str((await client.apps_connections_open(app_token=app_token))["url"])


@contextmanager
def _of_operator(not_known: str) -> Iterator[None]:
    """Whatever Slack refuses here, the operator has to mend it."""
    try:
        with translated():
            try:
                yield
            except SlackApiError as error:
                if code_of(error) in TOKEN_FAULTS:
                    raise ServiceMissing(not_known.format(error=code_of(error))) from error
                raise
    except Refusal as refusal:
        raise ServiceMissing(not_known.format(error=refusal.error)) from refusal


def _asked_for(response: HttpResponse) -> float:
    named = {name.lower(): values for name, values in response.headers.items()}
    try:
        return max(0.0, float(named["retry-after"][0]))
    except (KeyError, IndexError, ValueError):
        return 1.0
