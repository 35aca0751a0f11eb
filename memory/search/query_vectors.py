"""Vectors of queries, for people who wait: a slow or dead embedder costs a search its meaning, not its time."""

import asyncio
import logging
import time
from collections.abc import Callable

from memory.ports import Embedder, Vector

logger = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""The longest that a search waits for a vector."""

PAUSE_S = 60.0
"""How long an embedder is not asked again that gave none."""


class QueryVectors:
    """Makes the vector of a query, or does without.

    Args:
        embedder: asked for them.
        clock: seconds that only grow.
    """

    def __init__(self, embedder: Embedder, clock: Callable[[], float] = time.monotonic) -> None:
        self._embedder = embedder
        self._clock = clock
        self._silent_until = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether the embedder gave no vector a moment ago."""
        return self._clock() < self._silent_until

    def heard(self) -> None:
        """The embedder was heard elsewhere: it may be asked again."""
        self._silent_until = 0.0

    async def of(self, text: str) -> Vector | None:
        """The vector of a text; None if the embedder cannot be reached in time, or could not a moment ago."""
        if self.is_silent:
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                (vector,) = await self._embedder.embed([text])
        except (ConnectionError, TimeoutError) as error:
            logger.warning("searching by words alone: %s", error or "the embedder takes too long")
            self._silent_until = self._clock() + PAUSE_S
            return None
        return vector
