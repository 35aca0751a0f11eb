"""Commands, buttons and forms that no client would send: answered or passed over, and the bot lives."""

from pathlib import Path
from typing import Any

from tests.adapters.discord.bad_input import hello, tried
from tests.platforms.discord.errors import Json
from tests.platforms.discord.served import serving
from tests.platforms.discord.things import Asked, Channel, Message, User
from tests.platforms.discord.world import World


def option(name: str, *options: Json) -> Json:
    return {"type": 1, "name": name, "options": list(options)}


INTERACTIONS: dict[str, Json] = {
    "an unknown command": {"name": "vanished"},
    "an unknown command of ours": {"name": "agent", "options": [option("vanished")]},
    "a command of an old version": {
        "name": "agent",
        "options": [option("remember", {"type": 3, "name": "old", "value": "x"})],
    },
    "a group alone": {"name": "agent"},
    "a group in the place of a command": {"name": "agent", "options": [option("admin")]},
    "a value of another type": {
        "name": "agent",
        "options": [option("remember", {"type": 4, "name": "text", "value": 7})],
    },
    "a value that is null": {
        "name": "agent",
        "options": [option("remember", {"type": 3, "name": "text", "value": None})],
    },
    "a choice that is none": {
        "name": "agent",
        "options": [option("reset", {"type": 3, "name": "part", "value": "all"})],
    },
    "an option twice": {
        "name": "agent",
        "options": [option("search", *({"type": 3, "name": "query", "value": "x"},) * 2)],
    },
    "a menu that is gone": {"name": "Vanished", "type": 3, "target_id": "1"},
    "a menu at an unknown message": {
        "name": "Remember this",
        "type": 3,
        "target_id": "1",
        "resolved": {"messages": {}},
    },
    "control characters": {
        "name": "agent",
        "options": [option("remember", {"type": 3, "name": "text", "value": "\x00\ud800"})],
    },
}


async def interacts(world: World, person: User, place: Channel, kind: Asked, data: Json) -> Any:
    return await world._ask(kind, person, place, data, name="strange")


async def test_an_interaction_that_cannot_be_understood_is_answered(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        for what, data in INTERACTIONS.items():
            for place in (world.general, world.dm(world.ada)):
                told = {"id": "1", "type": 1, **data}
                asked = await world.answered(await interacts(world, world.ada, place, Asked.COMMAND, told))
                if asked.modal is None:
                    assert asked.original is not None, what
                    assert asked.original.visible_to is world.ada, what
                    assert asked.original.content, what


MALFORMED: list[tuple[Asked, Json]] = [
    (Asked.AUTOCOMPLETE, {"name": "agent", "type": 1, "options": [option("vanished")]}),
    (Asked.AUTOCOMPLETE, {"name": "agent", "type": 1, "options": [option("timezone")]}),
    (Asked.AUTOCOMPLETE, {}),
    (Asked.COMPONENT, {}),
    (Asked.COMMAND, {}),
    (Asked.COMMAND, {"name": "agent", "type": 1, "options": [{}]}),
    (Asked.MODAL, {}),
    (Asked.MODAL, {"custom_id": "form:remember"}),
]


async def test_an_interaction_that_is_malformed_is_passed_over(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path):
        for kind, data in MALFORMED:
            await interacts(world, world.ada, world.general, kind, {"id": "1", **data} if data else data)
            await hello(world, f"{kind} {data}")


STRANGE: list[tuple[Asked, Json]] = [
    (Asked.COMPONENT, {"custom_id": "old", "component_type": 2}),
    (Asked.COMPONENT, {"custom_id": "", "component_type": 99}),
    (Asked.MODAL, {"custom_id": "old", "components": [{}]}),
    (Asked.MODAL, {"custom_id": "form:", "components": [None, 7, {"components": [{"value": 3}]}]}),
    (Asked.MODAL, {"custom_id": "form:vanished", "components": []}),
]


async def test_a_button_or_form_that_is_not_known_is_answered(world: World, tmp_path: Path) -> None:
    async with tried(world, tmp_path):
        for kind, data in STRANGE:
            asked = await world.answered(await interacts(world, world.ada, world.general, kind, data))
            assert asked.original is not None
            assert asked.original.visible_to is world.ada


async def test_an_old_button_says_what_to_do(world: World, tmp_path: Path) -> None:
    place = world.dm(world.ada)
    async with serving(world, tmp_path):
        await world.until(lambda: world.state.commands.get(None))
        await world.answered(await world.slash(world.ada, place, "agent remember", text="tea is at four"))
        preview = await world.answered(await world.slash(world.ada, place, "agent reset", part="core memory"))
        buttons = with_buttons(preview)
    async with serving(world, tmp_path):
        clicked = await world.clicks(world.ada, buttons, "Yes, do it")
        await world.answered(clicked)
    assert clicked.original is not None
    assert "again" in clicked.original.content


def with_buttons(asked: Any) -> Message:
    return next(it for it in (*asked.followups[::-1], asked.original) if it and it.components)
