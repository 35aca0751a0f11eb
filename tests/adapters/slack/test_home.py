"""In the app's Home a person sees what the agent knows of them, and does something about it."""

from pathlib import Path

from adapters.slack.home import sections_of
from tests.adapters.slack.test_commands import gives
from tests.platforms.slack.served import serving
from tests.platforms.slack.things import View
from tests.platforms.slack.world import World


def text_of(view: View) -> str:
    texts = [block["text"]["text"] for block in view.body["blocks"] if block["type"] in ("section", "header")]
    return "\n".join(texts)


def labels(view: View) -> list[str]:
    rows = [block["elements"] for block in view.body["blocks"] if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row]


async def test_it_shows_what_is_known_of_the_person_alone(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember my tea is green", where=world.dm(world.ada))
        await gives(world, "/agent remember our tea is black", where=world.general)
        await world.opens_home(world.ada)
        await world.opens_home(world.bob)
        ada, bob = await world.sees_home(world.ada), await world.sees_home(world.bob)
    assert "my tea is green" in text_of(ada)
    assert "our tea is black" not in text_of(ada)
    assert "tea" not in text_of(bob)
    assert labels(ada)[-10:] == [
        "Remember something",
        "Forget something",
        "Undo the last change",
        "Follow-ups",
        "Export",
        "Status",
        "Pause memory",
        "Resume memory",
        "Reset everything",
        "Erase me",
    ]


async def test_what_shall_be_remembered_is_asked_for_in_a_form(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await world.opens_home(world.ada)
        home = await world.sees_home(world.ada)
        asked = await world.clicks(world.ada, home, "Remember something")
        await world.until(lambda: asked.views)
        await world.submits(asked, {"What shall I remember?": "my tea is green"})
        home = await world.sees_home(world.ada, after=home)
    assert text_of(home).startswith("I will remember that.")
    assert "my tea is green" in text_of(home)


async def test_a_question_is_asked_and_answered_there(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember my tea is green", where=world.dm(world.ada))
        await world.opens_home(world.ada)
        home = await world.sees_home(world.ada)
        await world.clicks(world.ada, home, "Reset everything")
        asked = await world.sees_home(world.ada, after=home)
        await world.clicks(world.ada, asked, "No")
        home = await world.sees_home(world.ada, after=asked)
        assert text_of(home).startswith("Nothing was changed.")
        assert "my tea is green" in text_of(home)
        await world.clicks(world.ada, home, "Reset everything")
        asked = await world.sees_home(world.ada, after=home)
        await world.clicks(world.ada, asked, "Yes, do it")
        home = await world.sees_home(world.ada, after=asked)
        home = await world.sees_home(world.ada, after=home)
        assert "my tea is green" not in text_of(home)


async def test_a_button_of_an_earlier_connection_is_out_of_date(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await gives(world, "/agent remember my tea is green", where=world.dm(world.ada))
        await world.opens_home(world.ada)
        home = await world.sees_home(world.ada)
        await world.clicks(world.ada, home, "Reset everything")
        asked = await world.sees_home(world.ada, after=home)
    async with serving(world, tmp_path):
        await world.clicks(world.ada, asked, "Yes, do it")
        home = await world.sees_home(world.ada, after=asked)
    assert text_of(home).startswith("That is out of date by now")
    assert "my tea is green" in text_of(home)


async def test_where_no_home_can_be_shown_nothing_breaks(world: World, tmp_path: Path) -> None:
    world.faults.refuse("views.publish", "not_enabled")
    async with serving(world, tmp_path):
        await world.opens_home(world.ada)
        await world.opens_home(world.ada, tab="messages")
        await world.until(lambda: world.calls_of("views.publish"))
        asked = await world.says(world.ada, world.dm(world.ada), "hello")
        await world.hears(world.dm(world.ada), after=asked)
    assert len(world.calls_of("views.publish")) == 1


def test_markdown_becomes_what_a_section_shows() -> None:
    (section,) = sections_of("**human** (3 of 9)\n```\n1 < 2 **x** <!here>\n```\n`**y**` & **z**")
    assert section["text"] == {
        "type": "mrkdwn",
        "text": "*human* (3 of 9)\n```\n1 &lt; 2 **x** &lt;\u2060!here&gt;\n```\n`**y**` &amp; *z*",
        "verbatim": True,
    }
    long = sections_of("\n\n".join(f"Paragraph {number}: " + "& word " * 300 for number in range(100)))
    assert len(long) == 31
    assert all(len(it["text"]["text"]) <= 3000 for it in long)
