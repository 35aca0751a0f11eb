"""On Slack every command, typed or not, form, button and shortcut is checked by the one rule, by who they are there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.slack.forms import FIELD
from adapters.slack.home import PRESSED
from memory.people.known import Admitted
from tests.adapters.slack.test_home import labels
from tests.adapters.slack.test_home import text_of as shown_in
from tests.adapters.slack.test_home_lines import pressed as pressed_at
from tests.every_command import (
    CASES,
    CHANGING,
    DONE,
    RULED_OUT,
    SHUT_OUT,
    SOMEBODY_ELSE,
    WITH_BREAK_GLASS,
    Case,
    Given,
    Who,
    check,
    decide,
    given,
)
from tests.platforms.slack.served import QuickPlatform, serving
from tests.platforms.slack.things import Interaction, User
from tests.platforms.slack.world import World

__all__ = ["given"]

People = Mapping[Who, User]
QUESTION = "What shall I remember?"
ASKED = {"Remember something": QUESTION, "Forget something": "What shall I forget?"}


@asynccontextmanager
async def known(world: World, data_dir: Path, **settings: object) -> AsyncIterator[People]:
    """A bot among all who are to be told apart; an owner is a moderator here, as Slack knows none of a channel."""
    other = world.workspace("Other")
    people = {
        Who.MEMBER: world.person("Member"),
        Who.MODERATOR: world.person("Moderator", is_admin=True),
        Who.ELSEWHERE: world.person("Elsewhere", is_admin=True, workspace=other),
        Who.OWNER: world.person("Owner"),
        Who.SHUT_OUT: world.person("Out", is_admin=True),
    }
    team = world.state.workspace.id
    owner = f"slack:{team}/{people[Who.OWNER].id}"
    await decide(data_dir, f"slack:{team}/{people[Who.SHUT_OUT].id}", Admitted.DENIED)
    await decide(data_dir, f"slack:{team}/{people[Who.ELSEWHERE].id}", Admitted.ALLOWED)  # to write directly
    platform = QuickPlatform(world, moderators=[owner])
    async with serving(world, data_dir, platform=platform, bot_owners=owner, **settings):
        yield people


def text_of(asked: Interaction) -> str:
    return "\n".join(block["text"] for it in asked.answers for block in it.blocks if block["type"] == "markdown")


def line_of(world: World, case: Case) -> str:
    somebody = f"slack:{world.state.workspace.id}/{world.bob.id}"
    return f"{case.name} {case.argument.replace(SOMEBODY_ELSE, somebody)}".strip()


async def gives(world: World, person: User, case: Case, *, is_direct: bool = False) -> Interaction:
    place = world.dm(person) if is_direct else world.general
    return await world.answered(await world.slash(person, place, f"/agent {line_of(world, case)}"))


@pytest.mark.parametrize("breaks_glass", [False, True])
async def test_each_may_what_the_table_says(world: World, tmp_path: Path, given: Given, breaks_glass: bool) -> None:
    async with known(world, tmp_path, bot_break_glass=breaks_glass) as people:

        async def give(who: Who, case: Case, is_direct: bool) -> str:
            return text_of(await gives(world, people[who], case, is_direct=is_direct))

        cases = [WITH_BREAK_GLASS] if breaks_glass else CASES
        await check(given, cases, give, moderates_too=frozenset({Who.OWNER}))


async def test_what_is_typed_is_checked_as_well(world: World, tmp_path: Path, given: Given) -> None:
    async with known(world, tmp_path) as people:
        thread = await world.says(world.bob, world.general, "Tea")

        async def give(who: Who, case: Case, is_direct: bool) -> str:
            person = people[who]
            place = world.dm(person) if is_direct else world.general
            typed = f"!agent {line_of(world, case)}"
            asked = await world.says(person, place, typed, thread=None if is_direct else thread)
            told = await world.hears(place, after=asked, holds=lambda it: it.visible_to is person)
            return str(told.blocks[0]["text"])

        await check(given, CASES, give, moderates_too=frozenset({Who.OWNER}))


async def test_nothing_is_done_that_the_rule_refuses(world: World, tmp_path: Path, given: Given) -> None:
    async with known(world, tmp_path) as people:
        somebody = people[Who.OWNER]
        said = await world.says(somebody, world.general, "tea is at four")
        form = await world.slash(somebody, world.general, "/agent remember")
        await world.until(lambda: form.views)
        given.is_ruled_out = True
        for case in CASES:
            assert text_of(await gives(world, somebody, case)) == RULED_OUT, case
        assert text_of(await world.answered(await world.uses_on(somebody, said, "remember_this"))) == RULED_OUT
        sent = await world.answered(await world.submits(form, {QUESTION: "tea"}))
        assert sent.errors == {FIELD: RULED_OUT}
        assert given.names == []
        given.is_ruled_out = False
        assert text_of(await world.answered(await world.uses_on(somebody, said, "remember_this"))) == DONE


async def test_the_buttons_of_the_home_are_checked(world: World, tmp_path: Path, given: Given) -> None:
    async with known(world, tmp_path) as people:
        for who, told in ((Who.MEMBER, RULED_OUT), (Who.SHUT_OUT, SHUT_OUT)):
            given.is_ruled_out = who is Who.MEMBER
            await world.opens_home(people[who])
            home = await world.sees_home(people[who])
            assert told in shown_in(home)  # it shows what a command does
            buttons = labels(home)
            for label in buttons:
                clicked = await world.clicks(people[who], home, label)
                if label in ASKED:
                    await world.until(lambda asked=clicked: asked.views)
                    sent = await world.answered(await world.submits(clicked, {ASKED[label]: "tea"}))
                    assert sent.errors[FIELD].startswith(told), label
                    continue
                home = await world.sees_home(people[who], after=home)
                assert shown_in(home).startswith(told), label
            assert len(buttons) >= 5
            seen = home.hash
            await world.delivers("interactive", pressed_at(home, f"{PRESSED}edit human 1"))
            home = await world.sees_home(people[who], after=seen)
            assert shown_in(home).startswith(told)
            assert given.names == []


async def test_a_button_is_checked_when_it_is_pressed(world: World, tmp_path: Path, given: Given) -> None:
    """Whatever command it is that asked before; a moderator who is none any more is no moderator."""
    async with known(world, tmp_path) as people:
        given.asks()
        for case in CHANGING:
            given.names.clear()
            who = Who.MODERATOR if Who.MODERATOR in case.in_channel else Who.OWNER
            asked = await gives(world, people[who], case)
            given.is_ruled_out = True
            assert await pressed(world, asked) == f"{RULED_OUT} Nothing was changed.", case
            assert given.names == [case.name]
            given.is_ruled_out = False
            asked = await gives(world, people[who], case)
            people[Who.MODERATOR].is_admin = False
            told = await pressed(world, asked)
            people[Who.MODERATOR].is_admin = True
            is_still = Who.MEMBER in case.in_channel or who is Who.OWNER
            assert ("yes" in given.names) == (told == DONE) == is_still, (case, told)


async def pressed(world: World, asked: Interaction) -> str:
    """What is told after a yes."""
    return text_of(await world.answered(await world.clicks(asked.person, asked.answers[0], "Yes, do it")))
