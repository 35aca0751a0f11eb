"""The owner of a server is told what the bot lacks in it: nobody else may know that something is wrong."""

import logging

from adapters.discord.client import Client
from adapters.discord.permissions import USED_FOR, shown
from adapters.ports.intake import ToldOnce
from adapters.ports.messages import Address

logger = logging.getLogger(__name__)


async def tell_owner(client: Client, address: Address, missing: str | None, told_once: ToldOnce) -> None:
    """Tell, once in a while, that one permission is missing in a place, or that the bot cannot answer there at all.

    Whatever becomes of that, the reply that it is about has its own end: so nothing is raised.
    """
    guild = getattr(client.get_channel(int(address.channel)), "guild", None)
    if guild is None or guild.owner_id is None:
        return
    try:
        if await told_once(f"{guild.owner_id}: {missing or 'to answer'} in {address.channel}"):
            owner = await client.fetch_user(guild.owner_id)
            await owner.send(_text(f"<#{address.channel}> of {guild.name}", missing))
    except Exception as error:
        logger.warning("the owner of a server could not be told of a missing right: %s", error)


def _text(where: str, missing: str | None) -> str:
    if missing is None:
        needed = ", ".join(map(shown, USED_FOR))
        return (
            f"I was spoken to in {where}, and may not answer there. Please give me these permissions in it: {needed}."
        )
    return (
        f"In {where} I lack the permission {shown(missing)}, which I need {USED_FOR[missing]}. Without it I answer "
        "there as well as I can."
    )
