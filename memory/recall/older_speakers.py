"""Who spoke in messages older than those at hand, and between which two of them: for `from:`, of very many messages.

They are gone through once in a process, and after that only what is new among them.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Spans = Mapping[str, tuple[int, int]]
"""By name (the agent's own is empty), the first message and the last."""

MAX_NAMES = 20_000
"""So many of an agent are known, those who spoke first."""

MAX_AGENTS = 8
"""Of so many agents it is kept who spoke."""

READ_AT_ONCE = 100_000
"""Messages: a tenth of a second."""

_NEXT = text(
    "SELECT speaker, min(message_id), max(message_id) FROM (SELECT speaker, message_id FROM message_index "
    "WHERE agent_id = :agent AND message_id > :after AND message_id < :before ORDER BY message_id LIMIT :most) "
    "GROUP BY speaker"
)


class OlderSpeakers:
    """Who spoke, of all agents; every look-up names one."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[int, Spans]] = OrderedDict()
        self._let_go: Counter[int] = Counter()
        self._emptied = 0

    async def before(self, connection: AsyncConnection, agent_id: int, message_id: int) -> Spans:
        """Who spoke before that message."""
        let_go = (self._emptied, self._let_go[agent_id])
        last, known = self._kept.get(agent_id, (0, {}))
        spans = dict(known)
        while rows := await self._next(connection, agent_id, last, message_id):
            for speaker, first, newest in rows:
                if speaker in spans or len(spans) < MAX_NAMES:
                    spans[speaker] = (spans.get(speaker, (first,))[0], newest)
            last = max(newest for _, _, newest in rows)
        if let_go == (self._emptied, self._let_go[agent_id]):  # else messages were removed while these were read
            self._kept[agent_id] = (last, spans)
            self._kept.move_to_end(agent_id)
            while len(self._kept) > MAX_AGENTS:
                self._kept.popitem(last=False)
        return spans

    def let_go(self, agent_id: int) -> None:
        """Go through an agent's messages anew: some were removed."""
        self._kept.pop(agent_id, None)
        self._let_go[agent_id] += 1

    def empty(self) -> None:
        """Go through all anew."""
        self._kept.clear()
        self._emptied += 1

    async def _next(
        self, connection: AsyncConnection, agent_id: int, after: int, before: int
    ) -> list[tuple[str, int, int]]:
        some = {"agent": agent_id, "after": after, "before": before, "most": READ_AT_ONCE}
        return [(speaker, first, last) for speaker, first, last in await connection.execute(_NEXT, some)]
