"""What goes wrong in the fake Slack goes wrong for slack-bolt and slack_sdk as the real one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from tests.platforms.faults import Limit
from tests.platforms.slack.echo_bot import Bot, running
from tests.platforms.slack.file_methods import LOGIN_PAGE
from tests.platforms.slack.world import World

POST = "chat.postMessage"


async def said(bot: Bot, world: World, text: str = "hello") -> str:
    """Say something; the error if it is refused."""
    try:
        await bot.client.chat_postMessage(channel=world.general.id, text=text)
    except SlackApiError as refused:
        return str(refused.response["error"])
    return ""


# ── tokens and scopes ────────────────────────────────────────────────────────────────────────────────


async def test_tokens_are_looked_at(world: World, bot: Bot) -> None:
    async def error(token: str | None, method: str = "auth.test") -> str:
        with pytest.raises(SlackApiError) as caught:
            await AsyncWebClient(token, base_url=world.api).api_call(method)
        return str(caught.value.response["error"])

    assert await error(None) == "not_authed"
    assert await error("xoxb-another") == "invalid_auth"
    assert await error(world.app_token) == "not_allowed_token_type"
    assert await error(world.token, "apps.connections.open") == "not_allowed_token_type"
    await world.revokes("account_inactive")
    assert await error(world.token) == "account_inactive"
    await world.until(lambda: bot.heard("tokens_revoked"))


async def test_a_missing_scope_is_named(world: World, bot: Bot) -> None:
    world.state.scopes = frozenset({"chat:write"})
    with pytest.raises(SlackApiError) as caught:
        await bot.client.users_info(user=world.ada.id)

    response = caught.value.response
    assert (response["error"], response["needed"], response["provided"]) == (
        "missing_scope",
        "users:read",
        "chat:write",
    )


async def test_a_file_is_read_with_the_token_only(world: World) -> None:
    notes = world.file("notes.txt", b"tea at five", "text/plain")

    async def fetched(token: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as session:
            async with session.get(notes.url, headers={"Authorization": f"Bearer {token}"}) as response:
                return response.status, response.content_type, await response.text()

    assert await fetched(world.token) == (200, "text/plain", "tea at five")
    assert await fetched("xoxb-another") == (200, "text/html", LOGIN_PAGE)
    world.state.scopes -= {"files:read"}
    assert await fetched(world.token) == (200, "text/html", LOGIN_PAGE)
    world.faults.fail("files", 500)
    assert (await fetched(world.token))[0] == 500
    assert [it.status for it in world.files.fetched] == [200, 302, 302, 500]


# ── what goes wrong with calls ───────────────────────────────────────────────────────────────────────


async def test_a_rate_limit_is_told(world: World, bot: Bot) -> None:
    world.faults.limit(POST, 30)
    with pytest.raises(SlackApiError) as caught:
        await bot.client.chat_postMessage(channel=world.general.id, text="hello")

    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "30")
    assert caught.value.response["error"] == "ratelimited"
    bot.client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    world.faults.limit(POST, 0)
    assert await said(bot, world) == ""
    assert [it.status for it in world.calls_of(POST)] == [429, 429, 200]


async def test_posts_are_limited_in_each_channel_on_its_own(world: World, bot: Bot) -> None:
    world.faults.limits[POST] = Limit(count=1, per_s=1)
    other = world.channel("other", world.ada, world.bot)

    assert [await said(bot, world) for _ in range(2)] == ["", "ratelimited"]
    await bot.client.chat_postMessage(channel=other.id, text="hello")
    world.clock.advance(1)
    assert await said(bot, world) == ""


async def test_an_answer_may_be_lost_or_late(world: World, bot: Bot) -> None:
    world.faults.lose_answer(POST)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await said(bot, world, "posted")
    world.faults.lose_request(POST)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await said(bot, world, "not posted")
    hold = world.faults.hold(POST)
    sending = asyncio.create_task(said(bot, world, "later"))
    await hold.arrived.wait()
    assert world.transcript(world.general) == "Memo: posted"
    hold.release()

    assert await sending == ""
    assert [it.status for it in world.calls_of(POST)] == [0, 0, 200]
    assert world.transcript(world.general) == "Memo: posted\nMemo: later"


async def test_what_failed_may_have_been_done(world: World, bot: Bot) -> None:
    for befall in (world.faults.fail, world.faults.fail_after):
        befall(POST, 503)
        with pytest.raises(SlackApiError):
            await bot.client.chat_postMessage(channel=world.general.id, text=befall.__name__)
    world.faults.refuse(POST, "internal_error")

    assert await said(bot, world) == "internal_error"
    assert world.transcript(world.general) == "Memo: fail_after"


async def test_a_method_that_is_not_here_is_noted(world: World, bot: Bot) -> None:
    with pytest.raises(SlackApiError, match="unknown_method"):
        await bot.client.bookmarks_list(channel_id=world.general.id)

    assert world.unknown_methods == ["bookmarks.list"]
    world.unknown_methods.clear()


# ── Socket Mode ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_bot_comes_back_when_it_is_asked_to(world: World, bot: Bot) -> None:
    for reason in ("warning", "refresh_requested"):
        before = world.socket_mode.opened
        world.socket_mode.disconnect(reason)
        await world.until(lambda before=before: world.socket_mode.opened > before and world.socket_mode.is_connected)
    asked = await world.says(world.ada, world.dm(world.ada), "still there?")

    await world.hears(world.dm(world.ada), after=asked)


async def test_a_bot_comes_back_when_it_is_cut_off(world: World) -> None:
    async with running(world, ping_s=0.5):
        world.socket_mode.cut()
        await world.says(world.ada, world.dm(world.ada), "lost?")
        assert [it.is_acknowledged for it in world.deliveries.all] == [False]
        await world.until(lambda: world.socket_mode.opened > 1 and world.socket_mode.is_connected)
        await world.retries()

        await world.hears(world.dm(world.ada))


async def test_a_retry_says_that_it_is_one(world: World, bot: Bot) -> None:
    numbers: list[tuple[Any, Any]] = []

    @bot.app.middleware
    async def note(req: Any, next: Any) -> None:
        numbers.append((req.headers.get("x-slack-retry-num"), req.headers.get("x-slack-retry-reason")))
        await next()

    await world.says(world.ada, world.general, "hello")
    await world.acknowledged()
    (told,) = world.deliveries.all
    await world.retries(told, reason="timeout")
    await world.until(lambda: len(bot.heard("message")) == 2)

    assert numbers == [(["0"], [""]), (["1"], ["timeout"])]
    assert told.attempts == 2
    assert len(set(told.envelope_ids)) == 2


async def test_what_nobody_acknowledges_is_told_four_times(world: World) -> None:
    await world.says(world.ada, world.general, "hello")
    (told,) = world.deliveries.unacknowledged
    attempts = []
    for seconds in (2.9, 0.1, 59, 1, 299, 1, 600):
        await world.passes(seconds)
        attempts.append(told.attempts)

    assert attempts == [1, 2, 2, 3, 3, 4, 4]


async def test_of_several_connections_one_is_told(world: World, bot: Bot) -> None:
    async with running(world, Bot(world)) as other:
        for number in range(4):
            await world.says(world.ada, world.general, str(number))
        await world.acknowledged()

        assert sorted(len(it.heard("message")) for it in (bot, other)) == [2, 2]


async def test_pings_are_answered(world: World, bot: Bot) -> None:
    world.socket_mode.ping()

    await world.until(lambda: world.socket_mode.pongs)


async def test_a_connection_that_is_refused_is_asked_for_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.faults.refuse("apps.connections.open", "internal_error")
    async with running(world, ping_s=0.5):
        await world.connected()

    assert [it.error for it in world.calls_of("apps.connections.open")] == ["internal_error", ""]


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[tuple[Bot, str]]:
    """A bot that is told over HTTP, and its Request URL."""
    bot = Bot(world)
    async with TestServer(bot.app.web_app("/slack/events"), host="127.0.0.1") as server:
        yield bot, str(server.make_url("/slack/events"))


async def test_over_http_everything_is_as_by_socket(world: World) -> None:
    async with serving(world) as (bot, url):
        assert (await world.serves_at(url)).status == 200

        @bot.app.command("/agent")
        async def agent(ack: Any, command: dict[str, Any]) -> None:
            await ack(f"You said {command['text']}")

        asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        used = await world.answered(await world.slash(world.ada, world.general, "/agent a & b"))
        await world.acknowledged()

        assert used.answers[0].text == "You said a & b"
        assert all(it.statuses == [200] and it.acknowledged_after_s > 0 for it in world.deliveries.all)


async def test_who_cannot_sign_is_sent_away(world: World) -> None:
    async with serving(world) as (bot, url):
        await world.says(world.ada, world.dm(world.ada), "hello")
        (told,) = world.deliveries.all

        assert (await world.posts(told, url, secret="another")).status == 401
        assert (await world.posts(told, url, age_s=600)).status == 401
        assert (await world.posts(told, url, headers={"X-Slack-Signature": "v0=00"})).status == 401
        assert bot.heard("message") == []
        assert (await world.posts("{}", url, secret="another")).status == 401
        assert (await world.posts(told, url)).status == 200
        assert len(bot.heard("message")) == 1


async def test_over_http_a_retry_has_a_number(world: World) -> None:
    async with serving(world) as (bot, url):
        numbers: list[Any] = []

        @bot.app.middleware
        async def refuse(req: Any, next: Any) -> Any:
            numbers.append(req.headers.get("x-slack-retry-num"))
            return BoltResponse(status=503) if len(numbers) == 1 else await next()

        world.deliveries.urls["events_api"] = url
        await world.says(world.ada, world.general, "hello")
        (told,) = world.deliveries.all
        await world.until(lambda: told.statuses)
        await world.passes(0)
        await world.acknowledged()

        assert (told.statuses, numbers) == ([503, 200], [None, ["1"]])


async def test_an_app_that_is_away_is_noted(world: World) -> None:
    assert (await world.serves_at("http://127.0.0.1:9/slack/events")).status == 0
    world.deliveries.urls["events_api"] = "http://127.0.0.1:9/slack/events"
    await world.says(world.ada, world.general, "hello")
    await world.until(lambda: world.deliveries.all[0].statuses == [0])


async def test_what_slack_would_never_send_can_be_sent(world: World, bot: Bot) -> None:
    await world.tells({"type": "message", "channel": world.general.id})
    await world.delivers("interactive", {"type": "nonsense"})
    world.socket_mode.send_text("no JSON")
    await world.limits_events()
    asked = await world.says(world.ada, world.dm(world.ada), "still there?")

    await world.hears(world.dm(world.ada), after=asked)
