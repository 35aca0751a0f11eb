"""Many people who write to the bot at once, each several times, and a look at what they got."""

import re

from adapters.testing import Reply, Request, answer, says
from tests.platforms.discord.things import Channel, User
from tests.platforms.discord.world import World

_NAMED = re.compile(r"\[[^\[\]]+ \d+\]")


def names(request: Request) -> Reply:
    """An answer that names each message since the last answer, and no other."""
    if not request.get("tools"):
        return answer("A summary.")
    named: list[str] = []
    for entry in reversed(request["messages"]):
        if entry["role"] == "assistant":
            break
        named = [*_NAMED.findall(str(entry["content"])), *named] if entry["role"] == "user" else named
    return says(f"I heard {' '.join(named)}.")


async def all_write(world: World, people: list[User], times: int) -> None:
    """Everybody writes so many direct messages, and reads on until each is named in an answer."""
    for number in range(times):
        for person in people:
            await world.says(person, world.dm(person), f"[{person.name} {number}]")
    await world.until(lambda: all(len(named_in(world.dm(it), world.bot)) >= times for it in people), within_s=120)


def named_in(channel: Channel, bot: User) -> list[str]:
    """The messages that are named in the bot's answers there, in the order in which these are read."""
    said = [it.content for _, it in sorted(channel.messages.items()) if it.author is bot]
    return [name for content in said for name in _NAMED.findall(content)]
