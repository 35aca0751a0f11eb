"""Showing that an answer is on its way."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.ports.messages import Address
from adapters.ports.platform import ChatPlatform

logger = logging.getLogger(__name__)


@asynccontextmanager
async def showing_work(platforms: Mapping[str, ChatPlatform], address: Address) -> AsyncIterator[None]:
    """Show it while something is done; a platform that cannot costs nobody the answer."""
    try:
        working = platforms[address.platform].working(address)
        await working.__aenter__()
    except Exception:
        logger.exception("cannot show that an answer is on its way")
        yield
        return
    try:
        yield
    finally:
        try:
            await working.__aexit__(None, None, None)
        except Exception:
            logger.exception("cannot show that the answer is there")
