"""What the bot may not do on a server: it answers as well as it can, and the owner is told what is missing."""

from pathlib import Path

from tests.platforms.discord.served import of_bot, serving, settled
from tests.platforms.discord.things import Permission
from tests.platforms.discord.world import World


async def test_where_it_may_not_read_the_history_it_answers_without_a_reference(world: World, tmp_path: Path) -> None:
    closed = world.channel("closed", denied=Permission.READ_MESSAGE_HISTORY)
    async with serving(world, tmp_path):
        for text in ("hello", "hello again"):
            asked = await world.says(world.bob, closed, text, mentions=[world.bot])
            answer = await world.hears(closed, after=asked)
            assert answer.content.startswith(f"You said: {text}")
            assert answer.reply_to is None
        await settled(world)
    (told,) = of_bot(world, world.dm(world.guild.owner))
    assert f"<#{closed.id}>" in told.content
    assert "Read Message History" in told.content
    assert "Send Messages" not in told.content
