"""What Slack tells is acknowledged once it is kept, and the connection comes back, or says why it does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.errors import PlatformUnavailable, ServiceMissing
from adapters.ports.intake import Intake
from adapters.ports.messages import InboundMessage
from adapters.slack.app import App, Listener
from adapters.slack.commands import NOT_NOW
from adapters.slack.credentials import Credentials
from adapters.slack.left_out import OVER_AFTER_S
from adapters.slack.me import Me
from adapters.slack.people import ASKED_WITHIN_S
from adapters.slack.platform import SlackPlatform
from tests.platforms.slack import payloads
from tests.platforms.slack.served import LONG_S, QuickPlatform, of_bot, serving
from tests.platforms.slack.things import Delivery
from tests.platforms.slack.world import World


@pytest.fixture(autouse=True)
def told_alone(world: World) -> None:
    """What the bot would find by itself as well a keeper that knows nothing of that keeps twice."""
    world.state.scopes -= {"im:read"}


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


async def test_who_typed_a_command_that_broke_is_told_so(world: World) -> None:
    async with run(QuickPlatform(world), Keeper()):  # it takes no commands
        first = await world.says(world.bob, world.general, "hello", subtype="channel_topic")
        asked = await world.says(world.ada, world.general, "!agent help", thread=first)
        told = await world.hears(world.general, after=asked)
    assert (told.text, told.visible_to, told.thread_ts) == (NOT_NOW, world.ada, first.ts)


async def test_of_all_who_write_in_a_channel_it_is_asked_at_once_who_they_are(world: World) -> None:
    """Else the last of many strangers would wait for one answer of Slack's after the other."""
    keeper = Keeper()
    keeper.may_keep.set()
    hold = world.faults.hold("users.info", times=10)
    async with run(QuickPlatform(world), keeper):
        begun = asyncio.get_running_loop().time()
        for number in range(10):
            await world.says(world.person(f"P{number}"), world.general, str(number))
        await world.acknowledged()
        assert asyncio.get_running_loop().time() - begun < 5 * ASKED_WITHIN_S
        hold.release()
    assert [it.text for it in keeper.kept] == [str(number) for number in range(10)]


async def test_of_requests_that_wait_what_happened_first_is_handed_on_first() -> None:
    told, may_go_on = list[str](), asyncio.Event()

    async def event(body: Mapping[str, Any]) -> None:
        told.append(body["event"]["ts"])
        await may_go_on.wait()

    def request(ts: str) -> AsyncBoltRequest:
        happened = {"type": "message", "channel": "C1", "ts": ts, "event_ts": ts}
        return AsyncBoltRequest(mode="socket_mode", body={"type": "event_callback", "event": happened})

    nobody: Any = SimpleNamespace(on_slash=event, on_shortcut=event, on_pressed=event, on_submitted=event)
    app = App(Me("T1", "UBOT", "BBOT"), Listener(event, nobody, lambda body: None, lambda body: None))
    told_at_once = [asyncio.create_task(app.async_dispatch(request(ts))) for ts in ("1.000001", "1.000003", "1.000002")]
    await asyncio.sleep(0)
    may_go_on.set()
    assert [it.status for it in await asyncio.gather(*told_at_once)] == [200] * 3
    assert told == ["1.000001", "1.000002", "1.000003"]


async def test_what_is_told_to_the_app_in_another_workspace_is_passed_over(world: World) -> None:
    keeper = Keeper()
    keeper.may_keep.set()
    message = {"type": "message", "channel": "D0THEIRS", "user": "U0THEIRS", "text": "hi", "ts": "1772366400.000100"}
    async with run(QuickPlatform(world), keeper) as task:
        for event in (message, {"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0THEM"]}}):
            for authorizations in ([{"team_id": "T0THEIRS", "user_id": "U0THEM", "is_bot": True}], []):
                payload = payloads.event_callback(world.state, event, None)
                payload |= {"team_id": "T0THEIRS", "authorizations": authorizations}
                await world.delivers("events_api", payload)
        payload = payloads.event_callback(world.state, message | {"text": "of a shared channel"}, None)
        await world.delivers("events_api", payload | {"team_id": "T0THEIRS"})
        await world.acknowledged()
        assert not task.done()
    assert [it.text for it in keeper.kept] == ["of a shared channel"]


@pytest.mark.parametrize("over_http", [False, True])
async def test_what_slack_leaves_out_is_read_when_that_is_over(world: World, tmp_path: Path, over_http: bool) -> None:
    may_go_on = asyncio.Event()

    async def wait(seconds: float) -> None:
        await (may_go_on.wait() if seconds == OVER_AFTER_S else asyncio.sleep(seconds if seconds > LONG_S else 0))

    dm = world.dm(world.ada)
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=over_http, wait=wait)):
        asked = await world.says(world.ada, dm, "hello")
        await world.hears(dm, after=asked)
        await world.limits_events()
        await world.acknowledged()
        events, world.state.subscriptions = world.state.subscriptions, frozenset()
        unheard = await world.says(world.ada, dm, "is this heard?")
        world.state.subscriptions = events
        await world.limits_events()  # the next minute, too
        more = await world.says(world.ada, dm, "and this?")
        await world.hears(dm, after=more, holds=lambda it: "and this?" in it.text)
        may_go_on.set()
        await world.hears(dm, after=unheard, holds=lambda it: "is this heard?" in it.text)
    assert [it.text.splitlines()[0].removeprefix("You said: ") for it in of_bot(world, dm)] == [
        "hello",
        "and this?",
        "is this heard?",
    ]


async def test_whose_name_slack_does_not_tell_is_called_by_their_id(world: World) -> None:
    keeper = Keeper()
    keeper.may_keep.set()
    world.faults.refuse("users.list", "missing_scope")
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
            while not (platform.is_connected and keeper.connections >= 2):
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
