"""In the app's Home each line that is known of somebody can be changed or taken out, by them alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.commands import KnownLine
from adapters.slack.home import COMMANDS, EDITED, MAX_BLOCKS, PRESSED, view_of
from tests.adapters.slack.test_commands import gives
from tests.adapters.slack.test_home import text_of
from tests.platforms.slack.served import QuickPlatform, serving
from tests.platforms.slack.things import Interaction, View
from tests.platforms.slack.world import World

FIELD = "What shall it say?"
TOO_MUCH = "🜁 " * 1400


def button_below(view: View, line: str, label: str) -> str:
    """The action of a button that stands below a line."""
    blocks = view.body["blocks"]
    at = next(at for at, it in enumerate(blocks) if it["type"] == "section" and line in it["text"]["text"])
    found = {it["text"]["text"]: it["action_id"] for it in blocks[at + 1]["elements"]}
    return str(found[label])


async def opens(world: World) -> View:
    """Ada's Home, with a line of hers."""
    await gives(world, "/agent remember my tea is green", where=world.dm(world.ada))
    before = world.state.homes.get(world.ada.id)
    seen = before.hash if before else None
    await world.opens_home(world.ada)
    return await world.sees_home(world.ada, after=seen)


async def edits(world: World, home: View, line: str = "my tea is green") -> Interaction:
    """Presses the button below a line; there is a form then."""
    asked = await world.clicks(world.ada, home, button_below(home, line, "Edit"))
    await world.until(lambda: asked.views)
    return asked


@pytest.mark.parametrize("over_http", [False, True])
async def test_a_line_is_changed_in_a_form_and_taken_out_on_a_yes(
    world: World, tmp_path: Path, over_http: bool
) -> None:
    direct = world.dm(world.ada)
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=over_http)):
        home = await opens(world)
        asked = await edits(world, home)
        assert "my tea is green" in world.shown(asked.views[-1])
        seen = home.hash
        sent = await world.answered(await world.submits(asked, {FIELD: "my tea\nis <!here> black"}))
        assert not sent.errors
        home = await world.sees_home(world.ada, after=seen)
        assert text_of(home).startswith("Changed in human:")
        assert button_below(home, "1  my tea is &lt;\u2060!here&gt; black", "Forget")

        seen = home.hash
        await world.clicks(world.ada, home, button_below(home, "1  my tea is", "Forget"))
        home = await world.sees_home(world.ada, after=seen)
        assert text_of(home).startswith("Shall I take this out of human?")
        seen = home.hash
        await world.clicks(world.ada, home, "No")
        home = await world.sees_home(world.ada, after=seen)
        assert "1  my tea is" in text_of(home)
        for label in (button_below(home, "1  my tea is", "Forget"), "Yes, do it"):
            seen = home.hash
            await world.clicks(world.ada, home, label)
            home = await world.sees_home(world.ada, after=seen)
        await world.until(lambda: text_of(home).startswith("Taken out of human:"))
        assert "1  my tea is" not in text_of(home)

        changes = await gives(world, "/agent memory changes", where=direct)
        assert changes.count("by you (/agent edit)") == 2
        await gives(world, "/agent undo", where=direct)
        await gives(world, "/agent undo", where=direct)
        assert "my tea is green" in await gives(world, "/agent memory", where=direct)


async def test_what_is_wrong_is_said_in_the_form(world: World, tmp_path: Path) -> None:
    direct = world.dm(world.ada)
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=True)):
        asked = await edits(world, await opens(world))
        for text, told in (
            ("  \n ", "Write something"),
            (TOO_MUCH, "There is no room for that"),
            ("my tea is green", "That is what it says already"),
        ):
            sent = await world.answered(await world.submits(asked, {FIELD: text}))
            assert list(sent.errors) == ["argument"], text
            assert told in sent.errors["argument"]
        await gives(world, "/agent edit human 1: my tea is black", where=direct)
        sent = await world.answered(await world.submits(asked, {FIELD: "my tea is white"}))
        assert "says something else by now" in sent.errors["argument"]
        assert "my tea is black" in await gives(world, "/agent memory", where=direct)

        home = world.home(world.ada)  # it shows the line as it was
        seen = home.hash
        await world.clicks(world.ada, home, button_below(home, "my tea is green", "Forget"))
        home = await world.sees_home(world.ada, after=seen)
        assert text_of(home).startswith("That line says something else by now")
        assert "my tea is black" in text_of(home)

        world.faults.refuse("views.open", "expired_trigger_id")
        seen = home.hash
        await world.clicks(world.ada, home, button_below(home, "my tea is black", "Edit"))
        home = await world.sees_home(world.ada, after=seen)
        assert text_of(home).startswith("Something went wrong on my side")


async def test_a_home_shows_in_the_end_what_was_found_out_last(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        home = await opens(world)
        hold = world.faults.hold("views.publish")
        await world.opens_home(world.ada)
        await hold.arrived.wait()
        seen = home.hash
        await gives(world, "/agent edit human 1: my tea is black", where=world.dm(world.ada))
        await world.opens_home(world.ada)
        hold.release()
        home = await world.sees_home(world.ada, after=seen)
        await world.until(lambda: "my tea is black" in text_of(home))
        assert len(world.calls_of("views.publish")) == 3


async def test_a_form_that_says_anything_else_changes_nothing(world: World, tmp_path: Path) -> None:
    forged: list[dict[str, Any]] = [{"channel": "C0GENERAL"}, {"thread": "1.000001"}, {"kind": "channel"}]
    forged += [{"kind": None}, {"channel": 7}, {"thread": []}, {"seal": None}, {"seal": "é" * 64}]
    async with serving(world, tmp_path):
        asked = await edits(world, await opens(world))
        view = asked.views[-1]
        told = json.loads(view.body["private_metadata"])
        for metadata in (*(json.dumps(told | it) for it in forged), "", "{", "[]", "7", "null"):
            view.body["private_metadata"] = metadata
            sent = await world.answered(await world.submits(asked, {FIELD: "x"}))
            assert "out of date" in sent.errors["argument"], metadata
        assert "my tea is green" in await gives(world, "/agent memory", where=world.dm(world.ada))


async def test_what_is_another_persons_cannot_be_named(world: World, tmp_path: Path) -> None:
    """Neither by a form that was made for them, nor by the place of a line of theirs."""
    async with serving(world, tmp_path):
        asked = await edits(world, await opens(world))
        view, bobs = asked.views[-1], world.dm(world.bob)
        await gives(world, "/agent remember bob likes tea", who=world.bob, where=bobs)
        asked.person = world.bob
        sent = await world.answered(await world.submits(asked, {FIELD: "x"}))
        assert "out of date" in sent.errors["argument"]
        asked.person = world.ada
        view.body["callback_id"] = "reset everything"
        sent = await world.answered(await world.submits(asked, {FIELD: "x"}))
        assert "out of date" in sent.errors["argument"]

        home = world.home(world.ada)
        for action in (
            f"{PRESSED}edit person:{world.bob.id} 1",
            f"{PRESSED}edit slack:dm:{world.state.workspace.id}/{world.bob.id} 1",
            f"{PRESSED}edit",
            PRESSED,
            EDITED,
            f"{EDITED}human 9#00000000",
        ):
            payload = pressed(home, action)
            await world.delivers("interactive", payload)
        await world.acknowledged()
        assert "my tea is green" in await gives(world, "/agent memory", where=world.dm(world.ada))
        assert "bob likes tea" in await gives(world, "/agent memory", who=world.bob, where=bobs)


def pressed(home: View, action: str) -> dict[str, Any]:
    """A button of the Home that never was there."""
    return {
        "type": "block_actions",
        "user": {"id": home.person.id},
        "team": {"id": home.person.workspace.id},
        "trigger_id": f"{home.person.id} {action}",
        "view": {"id": home.id, "type": "home"},
        "actions": [{"action_id": action, "type": "button", "value": "x"}],
    }


async def test_what_takes_longer_than_slack_waits_is_told_in_the_home(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.slack.commands.ANSWERED_IN_FORM_S", 0.0)
    async with serving(world, tmp_path):
        home = await opens(world)
        asked, seen = await edits(world, home), home.hash
        sent = await world.answered(await world.submits(asked, {FIELD: TOO_MUCH}))
        assert not sent.errors
        home = await world.sees_home(world.ada, after=seen)
        assert text_of(home).startswith("There is no room for that")
        assert "my tea is green" in text_of(home)


def test_a_home_takes_as_much_as_goes_in() -> None:
    lines = [KnownLine(f"human {n}#00000000", "x" * n, f"```\n{'x' * n}\n```\nby me") for n in range(1, 3000, 60)]
    view = view_of(["**human**", *lines, "beyond"], "told " * 2000, [], [])
    assert len(view["blocks"]) <= MAX_BLOCKS
    assert any("There is more" in str(it) for it in view["blocks"])
    longest = view_of([KnownLine("human 1#00000000", "x" * 2500, "```\nx\n```")], "", [], [])
    assert [it["text"]["text"] for it in longest["blocks"][2]["elements"]] == ["Forget"]
    assert len(COMMANDS) <= 25
