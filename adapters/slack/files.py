"""Files that came with messages: fetched with our token, from where Slack keeps them and from nowhere else."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.download import download, too_large
from adapters.ports.errors import DeliveryRefused, DocumentUnreadable, PlatformUnavailable
from adapters.ports.messages import Attachment
from adapters.slack.errors import translated
from adapters.slack.told import Json, is_id, listed_in, part_in, text_in

logger = logging.getLogger(__name__)

FILE_HOST = "files.slack.com"
ASKED_WITHIN_S = 1.0
"""Slack waits three seconds until an event is acknowledged."""

MOST_ASKED = 10
_ASK = "check_file_info"
"""What an event says of a file of which it tells the id alone."""

GONE = "Slack does not have it any more, or does not let me see it"
LOGIN_PAGE = "Slack showed its login page instead: the app may lack the scope files:read"


def may_download(url: str, api_url: str | None) -> bool:
    """Whether our token may be sent there: to the host of Slack's files, or to that of the settings."""
    asked, given = urlsplit(url), urlsplit(api_url or "")
    if asked.scheme == "https" and asked.netloc == FILE_HOST:
        return True
    return api_url is not None and (asked.scheme, asked.netloc) == (given.scheme, given.netloc)


async def fetch(attachment: Attachment, into: Path, max_bytes: int, *, token: str, api_url: str | None) -> None:
    """Write an attachment to a file; see `adapters.ports.HasFiles`."""
    if not may_download(attachment.url, api_url):
        raise DocumentUnreadable("it is not kept on Slack's own hosts")
    if attachment.size > max_bytes:
        raise DocumentUnreadable(too_large(max_bytes))

    def fault_of(response: aiohttp.ClientResponse) -> str | None:
        is_page = response.content_type == "text/html" and attachment.content_type != "text/html"
        return LOGIN_PAGE if is_page else None

    headers = {"Authorization": f"Bearer {token}"}
    await download(attachment.url, into, max_bytes, gone=GONE, headers=headers, fault_of=fault_of)


async def with_files_known(client: AsyncWebClient, message: Json, channel: str) -> Json:
    """A message with all that can be told of its files.

    Of those of other workspaces an event tells the id alone (https://docs.slack.dev/apis/slack-connect/#files). That of
    a mention may name its files in its blocks alone, and come before the one that has them, which then is known already
    (https://github.com/NousResearch/hermes-agent/pull/77141). Blocks can name files that stand elsewhere, too.
    """
    is_told = "files" in message or message.get("type") != "app_mention"
    files = listed_in(message, "files") if is_told else [_stub(id_) for id_ in _named_in(message.get("blocks"))]
    unknown = [file for file in files if file.get("file_access") == _ASK][:MOST_ASKED]
    if not unknown:
        return message
    try:
        async with asyncio.timeout(ASKED_WITHIN_S):
            told = await asyncio.gather(*(_info(client, text_in(file, "id")) for file in unknown))
    except TimeoutError:
        return message
    known = {text_in(file, "id"): file for file in told}
    found = [known.get(text_in(file, "id"), file) for file in files]
    return {**message, "files": [it for it in found if is_told or _is_shared(it, channel, text_in(message, "ts"))]}


def _stub(id_: str) -> Json:
    return {"id": id_, "file_access": _ASK}


def _named_in(blocks: object) -> Iterator[str]:
    """The files that stand in rich text."""
    if isinstance(blocks, list):
        for it in blocks:
            yield from _named_in(it)
    elif isinstance(blocks, dict):
        if blocks.get("type") == "file" and is_id(blocks.get("file_id")):
            yield str(blocks["file_id"])
        yield from _named_in(blocks.get("elements"))


def _is_shared(file: Json, channel: str, timestamp: str) -> bool:
    """Whether a file came with a message (https://docs.slack.dev/reference/objects/file-object)."""
    places = [part_in(part_in(file, "shares"), kind) for kind in ("public", "private")]
    return any(share.get("ts") == timestamp for place in places for share in listed_in(place, channel))


async def _info(client: AsyncWebClient, id_: str) -> Mapping[str, object]:
    try:
        with translated():
            file = (await client.files_info(file=id_)).get("file")
    except (PlatformUnavailable, DeliveryRefused) as error:
        logger.info("of a file nothing more can be told: %s", error)
        return {}
    return file if isinstance(file, dict) else {}
