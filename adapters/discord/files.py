"""Files that came with messages: fetched from where Discord keeps them, and from nowhere else."""

from pathlib import Path

import aiohttp

from adapters.discord.endpoints import Endpoints
from adapters.ports import Attachment, DocumentUnreadable, PlatformUnavailable

TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
_PIECE = 1 << 16


async def download(attachment: Attachment, into: Path, max_bytes: int, endpoints: Endpoints) -> None:
    """Write an attachment to a file; see `adapters.ports.HasFiles`."""
    if not endpoints.may_download(attachment.url):
        raise DocumentUnreadable("it is not kept on Discord's own hosts")
    if attachment.size > max_bytes:
        raise DocumentUnreadable(too_large(max_bytes))
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(attachment.url, allow_redirects=False) as response,
        ):
            if response.status >= 500 or response.status == 429:
                raise PlatformUnavailable(f"the file cannot be fetched now ({response.status})")
            if response.status != 200:
                raise DocumentUnreadable("Discord does not have it any more")
            await _write(response, into, max_bytes)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PlatformUnavailable(f"the file cannot be fetched now ({type(error).__name__})") from error


async def _write(response: aiohttp.ClientResponse, into: Path, max_bytes: int) -> None:
    """What Discord says of the size is not taken on trust."""
    size = 0
    with into.open("wb") as file:
        async for piece in response.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > max_bytes:
                raise DocumentUnreadable(too_large(max_bytes))
            file.write(piece)


def too_large(max_bytes: int) -> str:
    """Why a file is refused."""
    return f"it is larger than {max_bytes // 1_000_000} MB"
