"""Is anything there? A look at a server's port at start, without the second that importing an SDK takes."""

import asyncio
from urllib.parse import urlsplit
from urllib.request import getproxies

from adapters.ports import ServiceMissing

CONNECT_TIMEOUT_S = 5.0
OPENAI_URL = "https://api.openai.com/v1"


async def check_reachable(model: str, base_url: str | None) -> None:
    """Open and close a connection to the model's server; behind a proxy nothing is checked.

    Raises:
        ServiceMissing: nothing answers there.
    """
    url = urlsplit(base_url or OPENAI_URL)
    if getproxies().get(url.scheme):
        return
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.hostname, port)
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise ServiceMissing(
            f"The model {model!r} cannot be reached: nothing answers at {url.scheme}://{url.hostname}:{port} "
            f"({reason}). Start the server, or correct OPENAI_BASE_URL."
        ) from error
    writer.close()
