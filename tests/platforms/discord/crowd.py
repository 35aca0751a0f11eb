"""Many people who write to the bot at once, each several times, and a look at what they got."""

from tests.platforms.discord.things import Channel, User
from tests.platforms.discord.world import World
from tests.platforms.naming import named


async def all_write(world: World, people: list[User], times: int) -> None:
    """Everybody writes so many direct messages, and reads on until each is named in an answer."""
    for number in range(times):
        for person in people:
            await world.says(person, world.dm(person), f"[{person.name} {number}]")
    await world.until(lambda: all(len(named_in(world.dm(it), world.bot)) >= times for it in people), within_s=120)


def named_in(channel: Channel, bot: User) -> list[str]:
    """The messages that are named in the bot's answers there, in the order in which these are read."""
    return named(it.content for _, it in sorted(channel.messages.items()) if it.author is bot)
