"""Who is let in on Discord: strangers by a code, members of a role together."""

from pathlib import Path

from tests.adapters.discord.test_slash import text_of
from tests.platforms.discord.served import of_bot, serving
from tests.platforms.discord.world import World


async def test_who_shares_no_server_with_the_bot_needs_a_code_though_all_are_let_in(
    world: World, tmp_path: Path
) -> None:
    """Who has installed it for themselves can write to it and give commands; that is at somebody else's expense."""
    stranger, place = world.person("Sam", in_guild=False), None
    async with serving(world, tmp_path, bot_owners=f"discord:{world.ada.id}") as served:
        await world.until(lambda: world.state.commands.get(None))
        place = world.dm(stranger)
        asked = await world.says(stranger, place, "my word is quokka")
        told = await world.hears(place, after=asked)
        assert "I do not know you yet" in told.content
        code = told.content.split("`")[1]
        given = await world.answered(await world.slash(stranger, place, "agent memory"))
        assert code in text_of(given)
        assert "quokka" not in str(served.model.requests)
        asked = await world.says(world.bob, world.dm(world.bob), "hello")
        assert (await world.hears(world.dm(world.bob), after=asked)).content.startswith("You said: hello")
        allowed = await world.answered(
            await world.slash(world.ada, world.dm(world.ada), "agent admin allow", person=code)
        )
        assert "may use me now" in text_of(allowed)
        asked = await world.says(stranger, place, "hello")
        assert (await world.hears(place, after=asked)).content.startswith("You said: hello")
        looked_up = [it for it in world.requests if "/members/" in it.route]
        assert len([it for it in looked_up if "GET" in it.route]) <= 4, "once for each of them"


async def test_who_has_a_role_is_let_in_with_all_who_have_it(world: World, tmp_path: Path) -> None:
    owner = f"discord:{world.bob.id}"
    async with serving(world, tmp_path, bot_owners=owner, bot_admission="allowlist"):
        await world.until(lambda: world.state.commands.get(None))
        world.guild.admins.add(world.ada)
        role = f"discord:role:{world.guild.id}/{world.guild.id + 1}"
        await world.says(world.ada, world.general, "hello", mentions=[world.bot])
        await settled_without(world)
        assert of_bot(world, world.general) == []
        await world.answered(await world.slash(world.bob, world.dm(world.bob), "agent admin allow", person=role))
        asked = await world.says(world.ada, world.general, "hello again", mentions=[world.bot])
        await world.hears(world.general, after=asked)


async def settled_without(world: World) -> None:
    """As `settled`, by somebody who is let in."""
    asked = await world.says(world.bob, world.dm(world.bob), "are you there?")
    await world.hears(world.dm(world.bob), after=asked)
