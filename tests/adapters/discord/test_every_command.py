"""On Discord every command, form, button, menu and suggestion is checked by the one rule, by who they are there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from memory.people.known import Admitted
from tests.every_command import (
    CASES,
    CHANGING,
    COMMANDS,
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
from tests.platforms.discord.served import serving
from tests.platforms.discord.things import Interaction, Kind, Message, User
from tests.platforms.discord.world import World

__all__ = ["given"]

People = Mapping[Who, User]


@asynccontextmanager
async def known(world: World, data_dir: Path, **settings: object) -> AsyncIterator[People]:
    """A bot among all who are to be told apart; the server is Ada's, who is none of them."""
    people = {who: world.person(who.name.title()) for who in Who}
    elsewhere = world.state.add_channel(Kind.TEXT, "elsewhere", world.guild)
    world.general.moderators.add(people[Who.MODERATOR])
    elsewhere.moderators.add(people[Who.ELSEWHERE])
    await decide(data_dir, f"discord:{people[Who.SHUT_OUT].id}", Admitted.DENIED)
    async with serving(world, data_dir, bot_owners=f"discord:{people[Who.OWNER].id}", **settings):
        await world.until(lambda: world.state.commands.get(None))
        yield people


def text_of(asked: Interaction) -> str:
    shown = [*([asked.original] if asked.original is not None else []), *asked.followups]
    return "\n".join(message.content for message in shown)


async def gives(world: World, person: User, case: Case, *, is_direct: bool = False) -> Interaction:
    name, argument = COMMANDS[case.name].argument, case.argument.replace(SOMEBODY_ELSE, f"discord:{world.bob.id}")
    options = {name.lower(): argument} if name is not None and argument else {}
    place = world.dm(person) if is_direct else world.general
    return await world.answered(await world.slash(person, place, f"agent {case.name}", **options))


@pytest.mark.parametrize("breaks_glass", [False, True])
async def test_each_may_what_the_table_says(world: World, tmp_path: Path, given: Given, breaks_glass: bool) -> None:
    async with known(world, tmp_path, bot_break_glass=breaks_glass) as people:

        async def give(who: Who, case: Case, is_direct: bool) -> str:
            return text_of(await gives(world, people[who], case, is_direct=is_direct))

        await check(given, [WITH_BREAK_GLASS] if breaks_glass else CASES, give)


async def test_nothing_is_done_that_the_rule_refuses(world: World, tmp_path: Path, given: Given) -> None:
    async with known(world, tmp_path) as people:
        somebody = people[Who.OWNER]
        said = await world.says(somebody, world.general, "tea is at four")
        form = await world.answered(await world.slash(somebody, world.dm(somebody), "agent remember"))
        given.is_ruled_out = True
        for case in CASES:
            assert text_of(await gives(world, somebody, case, is_direct=True)) == RULED_OUT, case
        for asked in (
            await world.uses_on(somebody, said, "Remember this"),
            await world.submits(form, {"What shall I remember?": "tea"}),
        ):
            assert text_of(await world.answered(asked)) == RULED_OUT
        for command in COMMANDS.values():
            if command.suggest is not None:
                option = (command.argument or "").lower()
                assert await world.autocomplete(somebody, world.dm(somebody), f"agent {command.name}", option, "") == []
        assert given.names == []
        given.is_ruled_out = False
        assert text_of(await world.answered(await world.uses_on(somebody, said, "Remember this"))) == DONE
        assert text_of(await world.answered(await world.submits(form, {"What shall I remember?": "tea"}))) == DONE


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
            world.general.moderators.clear()
            told = await pressed(world, asked)
            world.general.moderators.add(people[Who.MODERATOR])
            is_still = Who.MEMBER in case.in_channel or who is Who.OWNER
            assert ("yes" in given.names) == (told == DONE) == is_still, (case, told)


async def test_whoever_is_shut_out_reaches_nothing_by_any_way(world: World, tmp_path: Path, given: Given) -> None:
    async with known(world, tmp_path) as people:
        somebody = people[Who.SHUT_OUT]
        said = await world.says(somebody, world.general, "tea is at four")
        form = await world.answered(await world.slash(somebody, world.dm(somebody), "agent remember"))
        for asked in (
            await world.uses_on(somebody, said, "Remember this"),
            await world.submits(form, {"What shall I remember?": "tea"}),
        ):
            assert text_of(await world.answered(asked)).startswith(SHUT_OUT)
        assert await world.autocomplete(somebody, world.dm(somebody), "agent timezone", "zone", "lisb") == []
        assert given.names == []


async def pressed(world: World, asked: Interaction) -> str:
    """What is told after a yes."""
    question: Message | None = asked.original
    assert question is not None
    clicked = await world.clicks(asked.person, question, "Yes, do it")
    await world.until(lambda: clicked.followups)
    return clicked.followups[-1].content
