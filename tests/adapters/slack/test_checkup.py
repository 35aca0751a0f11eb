"""What is looked at on Slack before anything goes wrong there: tokens and scopes; and what an app is made of."""

import json
from pathlib import Path

import pytest

from adapters.ports.checkup import Finding
from adapters.slack.comparison import NotAManifest, missing_in, read_manifest
from adapters.slack.manifest import EVENTS, TO_ANSWER, USED_FOR, manifest
from tests.command_line import CommandLine
from tests.platforms.slack.served import QuickPlatform
from tests.platforms.slack.world import World


async def found(world: World, *, over_http: bool = False) -> dict[str, Finding]:
    return {finding.about: finding for finding in await QuickPlatform(world, over_http=over_http).examine(())}


async def test_all_is_well_and_nothing_was_changed(world: World) -> None:
    findings = await found(world)
    assert {finding.verdict for finding in findings.values()} == {"ok"}
    assert list(findings) == ["slack", "slack scopes", "slack connection", "slack app"]
    team = world.state.workspace.id
    assert findings["slack"].told == f"SLACK_BOT_TOKEN is the token of memo in Book club (team {team})"
    assert {call.method for call in world.calls} == {"auth.test", "apps.connections.open"}
    assert not world.socket_mode.opened


async def test_over_http_it_says_where_it_waits(world: World) -> None:
    findings = await found(world, over_http=True)
    assert "/slack/events" in findings["slack connection"].told
    assert {call.method for call in world.calls} == {"auth.test"}


@pytest.mark.parametrize("scope", USED_FOR)
async def test_every_scope_that_is_missing_is_named_with_what_it_is_for(world: World, scope: str) -> None:
    world.state.scopes -= {scope}
    finding = (await found(world))["slack scopes"]
    assert finding.verdict == ("fail" if scope in TO_ANSWER else "warn")
    assert f"missing: {scope} ({USED_FOR[scope]})" in finding.told


@pytest.mark.parametrize(("token", "named"), [("token", "SLACK_BOT_TOKEN"), ("app_token", "SLACK_APP_TOKEN")])
async def test_a_token_that_slack_does_not_know_is_a_failure(world: World, token: str, named: str) -> None:
    platform = QuickPlatform(world)
    setattr(world.state, token, "xoxb-another")
    findings = {it.verdict: it for it in (await platform.account()).findings}
    assert named in findings["fail"].told
    assert "a-bot-token" not in str(findings)


async def test_slack_that_cannot_be_reached_is_a_failure(world: World) -> None:
    world.faults.fail("auth.test", 503)
    assert (await found(world))["slack"].verdict == "fail"


async def test_the_manifest_is_for_socket_mode_or_for_an_address(tmp_path: object, command_line: CommandLine) -> None:
    code, out, _ = await command_line.run("slack-manifest")
    assert (code, json.loads("\n".join(out))) == (0, manifest())
    code, out, _ = await command_line.run("slack-manifest", "--url", "https://bot.example.org/")
    told = json.loads("\n".join(out))
    assert (code, told) == (0, manifest("https://bot.example.org/slack/events"))
    address = "https://bot.example.org/slack/events"
    assert not told["settings"]["socket_mode_enabled"]
    assert told["settings"]["event_subscriptions"]["request_url"] == address
    assert told["settings"]["interactivity"]["request_url"] == address
    assert told["features"]["slash_commands"][0]["url"] == address


def test_the_manifest_keeps_to_what_slack_takes() -> None:
    made = manifest()
    assert made["settings"]["socket_mode_enabled"]
    assert made["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert made["features"]["app_home"]["messages_tab_enabled"]
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    assert set(made["oauth_config"]["scopes"]["bot"]) == set(USED_FOR)


async def test_what_an_app_lacks_is_named(tmp_path: Path, command_line: CommandLine) -> None:
    assert missing_in(manifest()) == []
    assert missing_in(manifest("https://b.example"), "https://b.example") == []
    assert "Socket Mode is off; without it, give --url" in missing_in(manifest("https://b.example"))
    assert len(missing_in(manifest(), "https://b.example")) == 3
    bare = missing_in({"display_information": {}, "oauth_config": [], "settings": {"event_subscriptions": 7}})
    assert len([it for it in bare if it.startswith("scope missing")]) == len(USED_FOR)
    assert [it for it in bare if it.startswith("event missing")] == [f"event missing: {event}" for event in EVENTS]

    told = manifest()
    told["settings"]["event_subscriptions"]["bot_events"].remove("message.im")
    told["features"]["app_home"]["messages_tab_enabled"] = False
    (tmp_path / "app.json").write_text(json.dumps(told), encoding="utf-8")
    code, out, _ = await command_line.run("slack-manifest", "--compare", str(tmp_path / "app.json"))
    assert (code, out[0]) == (69, "event missing: message.im")
    assert out[1].startswith("the Messages tab is off")
    for text in ("", "{", "[]", "7", "{}", '{"display_information": 7}', "[" * 100_000):
        (tmp_path / "app.json").write_text(text, encoding="utf-8")
        with pytest.raises(NotAManifest):
            read_manifest(text)
    code, _, err = await command_line.run("slack-manifest", "--compare", str(tmp_path / "app.json"))
    assert (code, len(err)) == (2, 1)
    code, _, err = await command_line.run("slack-manifest", "--compare", str(tmp_path / "nowhere"))
    assert (code, len(err)) == (2, 1)
