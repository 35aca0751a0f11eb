"""Files that somebody is given: uploaded into their direct messages, where nobody else sees them.

https://docs.slack.dev/messaging/working-with-files/#upload
"""

import asyncio
import logging

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.answers import FILE_REFUSED
from adapters.ports.commands import AnswerFile
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.slack.errors import translated
from adapters.slack.told import part_in, text_in

logger = logging.getLogger(__name__)


async def give(client: AsyncWebClient, person: str, file: AnswerFile) -> str:
    """Give somebody a file; returns what they are to be told of that, where they asked for it. Never raises."""
    try:
        content = await asyncio.to_thread(file.path.read_bytes)
        with translated():
            opened = await client.conversations_open(users=person)
            channel = text_in(part_in(dict(opened.data), "channel"), "id") if isinstance(opened.data, dict) else ""
            await client.files_upload_v2(channel=channel, content=content, filename=file.name, title=file.name)
    except (PlatformUnavailable, DeliveryRefused, OSError) as error:
        logger.warning("a file could not be given to somebody: %s", error)
        return FILE_REFUSED.format(platform="Slack", fault=error)
    return "The file is in our direct messages."
