"""Fetching a file from where a platform keeps it, within limits."""

from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp

from adapters.ports.errors import DocumentUnreadable, PlatformUnavailable

TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
_PIECE = 1 << 16


async def download(
    url: str,
    into: Path,
    max_bytes: int,
    *,
    gone: str,
    headers: Mapping[str, str] | None = None,
    fault_of: Callable[[aiohttp.ClientResponse], str | None] = lambda response: None,
) -> None:
    """Write what is kept at a URL to a file; no other place that it may point to is asked.

    Args:
        url: one that may be asked.
        into: the file.
        max_bytes: the most that is taken.
        gone: what is told if it is not there.
        headers: what goes with the request.
        fault_of: why an answer is not the file; None if it is.

    Raises:
        DocumentUnreadable: it is too large, or not there.
        PlatformUnavailable: it may be tried again.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status >= 500 or response.status == 429:
                raise PlatformUnavailable(f"the file cannot be fetched now ({response.status})")
            if response.status != 200:
                raise DocumentUnreadable(gone)
            if (fault := fault_of(response)) is not None:
                raise DocumentUnreadable(fault)
            await write(response, into, max_bytes)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise PlatformUnavailable(f"the file cannot be fetched now ({type(error).__name__})") from error


async def write(response: aiohttp.ClientResponse, into: Path, max_bytes: int) -> None:
    """Write an answer to a file; what is said of its size is not taken on trust.

    Raises:
        DocumentUnreadable: it is too large.
    """
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
