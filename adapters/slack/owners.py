"""Those who run the bot are told where it may not answer: nobody else may know that something is wrong."""

import logging
from collections.abc import Collection

from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import ToldOnce
from adapters.ports.messages import Address
from adapters.slack.errors import MAY_NOT_WRITE, Refusal, translated
from adapters.slack.inbound import PLATFORM, is_direct
from adapters.slack.me import Me

logger = logging.getLogger(__name__)

TOLD = "I was spoken to in <#{channel}>, and cannot answer there: {why}."


async def tell_owners(
    client: AsyncWebClient, me: Me, owners: Collection[str], address: Address, refusal: Refusal, told_once: ToldOnce
) -> None:
    """Tell, once in a while, that the bot may not write in a place: in the log, and each owner directly.

    Whatever becomes of that, the reply that it is about has its own end: so nothing is raised.
    """
    if refusal.error not in MAY_NOT_WRITE or is_direct(address.channel):
        return
    try:
        if not await told_once(f"to answer in {me.team}/{address.channel}"):
            return
        logger.warning("the bot may not write in a channel channel=%s: %s", address.channel, refusal)
        for owner in sorted(owners):
            team, _, user = owner.removeprefix(f"{PLATFORM}:").partition("/")
            if owner.startswith(f"{PLATFORM}:") and team == me.team:
                text = TOLD.format(channel=address.channel, why=MAY_NOT_WRITE[refusal.error])
                with translated():
                    await client.chat_postMessage(channel=user, text=text)
    except (PlatformUnavailable, DeliveryRefused) as error:
        logger.warning("an owner could not be told where the bot may not write: %s", error)
    except Exception:
        logger.exception("an owner could not be told where the bot may not write")
