"""What Slack tells is acknowledged once it is kept, and the connection comes back, or says why it does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.ports import CommandCall, CommandReply, InboundMessage, Intake, PlatformUnavailable, ServiceMissing
from adapters.slack.credentials import Credentials
from adapters.slack.platform import SlackPlatform
from tests.adapters.slack.served import QuickPlatform, of_bot, serving
from tests.platforms.slack.things import Delivery
from tests.platforms.slack.world import World


@dataclass
class Keeper:
    """Keeps what it is told when it may, or fails."""

    may_keep: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[InboundMessage] = field(default_factory=list)
    failures: int = 0
    connections: int = 0

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        self.asked.set()
        await self.may_keep.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        self.kept.append(message)
        over = asyncio.get_running_loop().create_future()
        over.set_result(None)
        return over

    async def command(self, call: CommandCall) -> CommandReply:
        raise AssertionError

    def connected(self, name: str) -> None:
        self.connections += 1


@asynccontextmanager
async def run(platform: SlackPlatform, keeper: Keeper) -> AsyncIterator["asyncio.Task[None]"]:
    is_there = asyncio.Event()

    def connected(name: str) -> None:
        keeper.connected(name)
        is_there.set()

    task = asyncio.create_task(platform.run(Intake(keeper.receive, keeper.command, connected=connected)))
    waiting = asyncio.create_task(is_there.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        yield task
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.wait([task, waiting])


@pytest.mark.parametrize("over_http", [False, True])
async def test_an_event_is_kept_before_slack_is_told_that_it_arrived(world: World, over_http: bool) -> None:
    keeper, platform = Keeper(), QuickPlatform(world, over_http=over_http)
    async with run(platform, keeper):
        if over_http:
            await world.serves_at(f"http://127.0.0.1:{platform.port}/slack/events")
        await world.says(world.ada, world.dm(world.ada), "hello")
        await keeper.asked.wait()
        (delivery,) = world.deliveries.all
        assert not delivery.is_acknowledged
        keeper.may_keep.set()
        await world.acknowledged()
    assert [it.text for it in keeper.kept] == ["hello"]


@pytest.mark.parametrize("over_http", [False, True])
async def test_what_could_not_be_kept_is_told_again(world: World, over_http: bool) -> None:
    keeper, platform = Keeper(failures=1), QuickPlatform(world, over_http=over_http)
    keeper.may_keep.set()
    async with run(platform, keeper):
        if over_http:
            await world.serves_at(f"http://127.0.0.1:{platform.port}/slack/events")
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.until(lambda: not keeper.failures or world.deliveries.all[0].statuses)
        await world.says(world.ada, world.dm(world.ada), "are you there?")
        await world.until(lambda: world.deliveries.all[1].is_acknowledged)
        assert not world.deliveries.all[0].is_acknowledged
        await world.retries()
        await world.acknowledged()
    assert [it.text for it in keeper.kept] == ["are you there?", "hello"]
    assert len({it.event_id for it in keeper.kept}) == 2


async def test_what_happens_in_a_channel_is_handed_on_in_its_order(world: World) -> None:
    keeper = Keeper()
    async with run(QuickPlatform(world), keeper):
        for number in range(10):
            await world.says(world.person(f"P{number}"), world.general, str(number))
        keeper.may_keep.set()
        await world.acknowledged()
    assert [it.text for it in keeper.kept] == [str(number) for number in range(10)]
    assert [it.origin.person.name for it in keeper.kept] == [f"P{number}" for number in range(10)]


async def test_whose_name_slack_does_not_tell_is_called_by_their_id(world: World) -> None:
    keeper = Keeper()
    keeper.may_keep.set()
    world.faults.refuse("users.info", "user_not_found")
    async with run(QuickPlatform(world), keeper):
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.acknowledged()
    assert keeper.kept[0].origin.person.name == world.ada.id


@pytest.mark.parametrize("happens", ["refresh_requested", "warning", "cut", "close"])
async def test_a_connection_that_ends_comes_back(world: World, happens: str) -> None:
    keeper = Keeper()
    keeper.may_keep.set()
    platform = QuickPlatform(world, ping_s=0.3)
    async with run(platform, keeper) as task:
        if happens in ("cut", "close"):
            getattr(world.socket_mode, happens)()
        else:
            world.socket_mode.disconnect(happens)
        await world.until(lambda: world.socket_mode.opened >= 2)
        async with asyncio.timeout(5):
            while not (platform.is_connected and keeper.connections >= 2):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.retries()
        await world.until(lambda: keeper.kept)
        assert not task.done()
    assert not platform.is_connected


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda world: setattr(world.state, "token_error", "token_revoked"), "SLACK_BOT_TOKEN"),
        (lambda world: setattr(world.state, "token", "xoxb-another"), "SLACK_BOT_TOKEN"),
        (lambda world: setattr(world.state, "app_token_error", "invalid_auth"), "SLACK_APP_TOKEN"),
        (lambda world: setattr(world.state, "app_token", "xapp-another"), "SLACK_APP_TOKEN"),
        (lambda world: world.faults.refuse("apps.connections.open", "forbidden_team"), "SLACK_APP_TOKEN"),
    ],
)
async def test_a_token_that_slack_does_not_know_is_named(
    world: World, break_it: Callable[[World], Any], named: str
) -> None:
    platform = QuickPlatform(world)
    break_it(world)
    async with run(platform, Keeper()) as task:
        with pytest.raises(ServiceMissing, match=named):
            await task


async def test_a_token_that_is_revoked_meanwhile_ends_it(world: World) -> None:
    async with run(QuickPlatform(world), Keeper()) as task:
        world.state.app_token_error = "token_revoked"
        world.socket_mode.disconnect()
        with pytest.raises(ServiceMissing, match="SLACK_APP_TOKEN"):
            await task


@pytest.mark.parametrize("over_http", [False, True])
async def test_an_app_that_is_taken_out_of_the_workspace_ends(world: World, over_http: bool) -> None:
    platform = QuickPlatform(world, over_http=over_http)
    async with run(platform, Keeper()) as task:
        if over_http:
            await world.serves_at(f"http://127.0.0.1:{platform.port}/slack/events")
        world.state.tell_event("app_uninstalled", {"type": "app_uninstalled"})
        with pytest.raises(ServiceMissing, match="taken out"):
            await task


async def test_slack_that_is_down_is_tried_again_later(world: World) -> None:
    world.faults.fail("auth.test", 503)
    async with run(QuickPlatform(world), Keeper()) as task:
        with pytest.raises(PlatformUnavailable):
            await task
    nowhere = SlackPlatform(Credentials("xoxb", "xapp", None, "http://127.0.0.1:9/api/"))
    async with run(nowhere, Keeper()) as task:
        with pytest.raises(PlatformUnavailable):
            await task


async def test_events_that_make_no_sense_are_passed_over(world: World) -> None:
    keeper = Keeper()
    keeper.may_keep.set()
    async with run(QuickPlatform(world), keeper) as task:
        for frame in ("", "nonsense", "[]", "{", '{"type":"hello"}', '{"type":"disconnected"}', '{"envelope_id":"1"}'):
            world.socket_mode.send_text(frame)
        for event in (None, 7, [], {}, {"type": "message"}, {"type": 7}, {"type": "message", "channel": 7, "ts": "x"}):
            payload = {"type": "event_callback", "event_id": "Ev", "event": event}
            world.deliveries.tell(Delivery("events_api", payload))
        await world.says(world.ada, world.dm(world.ada), "hello")
        await world.until(lambda: keeper.kept)
        assert not task.done()


async def test_what_was_told_before_a_restart_and_again_after_it_is_answered_once(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        await world.hears(world.dm(world.ada), after=asked)
    async with serving(world, tmp_path):
        await world.retries(*world.deliveries.all)
        more = await world.says(world.ada, world.dm(world.ada), "and now?")
        await world.hears(world.dm(world.ada), after=more)
    assert len(of_bot(world, world.dm(world.ada))) == 2


# ── signed requests ──────────────────────────────────────────────────────────────────────────────────


async def test_only_what_slack_signed_lately_is_taken(world: World) -> None:
    keeper, platform = Keeper(), QuickPlatform(world, over_http=True)
    keeper.may_keep.set()
    async with run(platform, keeper):
        url = f"http://127.0.0.1:{platform.port}/slack/events"
        verified = await world.serves_at(url)
        assert verified.status == 200
        world.deliveries.urls.clear()
        await world.says(world.ada, world.dm(world.ada), "hello")
        (delivery,) = world.deliveries.all
        signature = "X-Slack-Signature"
        for how in (
            {"secret": "another"},
            {"age_s": 600},
            {"age_s": -600},
            {"headers": {signature: "v0=é"}},
            {"headers": {signature: ""}},
            {"headers": {"X-Slack-Request-Timestamp": "now"}},
            {"headers": {"X-Slack-Request-Timestamp": "9" * 30}},
        ):
            assert (await world.posts(delivery, url, **how)).status == 401
        assert not keeper.kept
        assert (await world.posts(delivery, url)).status == 200
        assert (await world.posts(delivery, url.replace("events", "other"))).status == 404
    assert [it.text for it in keeper.kept] == ["hello"]


async def test_a_port_that_is_taken_is_named(world: World) -> None:
    async with run(QuickPlatform(world, over_http=True), Keeper()):
        first = QuickPlatform(world, over_http=True)
        async with run(first, Keeper()):
            credentials = Credentials(world.token, None, world.signing_secret, world.api, port=first.port or 0)
            async with run(SlackPlatform(credentials), Keeper()) as task:
                with pytest.raises(ServiceMissing, match="SLACK_PORT"):
                    await task
