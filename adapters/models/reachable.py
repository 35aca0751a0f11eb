"""Is anything there? A look at a server's port at start, without the second that importing an SDK takes."""

import asyncio
import os
import socket
from urllib.parse import urlsplit

from adapters.models.way_out import fault_of_way_out, proxy_of
from adapters.ports.errors import ServiceMissing

CONNECT_TIMEOUT_S = 5.0
OPENAI_URL = "https://api.openai.com/v1"


async def check_reachable(model: str, base_url: str | None) -> None:
    """Open and close a connection to the model's server; behind a proxy nothing is checked.

    Raises:
        ServiceMissing: nothing answers there, or the environment lets no call out.
    """
    try:
        url = urlsplit(base_url or OPENAI_URL)
        port = url.port or (443 if url.scheme == "https" else 80)
        if (fault := fault_of_way_out(url.geturl())) is not None:
            raise ServiceMissing(f"The model {model!r} cannot be reached: {fault}")
        if proxy_of(url.geturl()) is not None:
            return
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.hostname, port)
    except OSError as error:  # a time-out is one, too
        raise ServiceMissing(
            f"The model {model!r} cannot be reached: nothing answers at {url.scheme}://{url.hostname}:{port} "
            f"({_reason(error)}). Start the server, or correct OPENAI_BASE_URL."
        ) from error
    except ValueError as error:  # no port, or no host name that could be looked up
        raise ServiceMissing(f"The model {model!r} cannot be reached: OPENAI_BASE_URL is no URL ({error}).") from error
    writer.close()


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "unknown host"
    return os.strerror(error.errno) if error.errno else "no answer"  # asyncio's texts name all that was tried
