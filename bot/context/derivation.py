"""The summary made anew, once, before it is used again: messages that it covered were deleted or edited since.

Until then an older one stands in its place, from before the first of these messages was evicted.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.agent import Agent
from bot.context.lookup_hints import Find
from bot.context.summary import Folded, Primer, Summarizer
from bot.turns.commit import Keep, whole
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.recall import compactions
from memory.recall.primers import keep_primer
from memory.recall.storage import RecallStorage
from memory.sqlite.database import Database, Transaction

logger = logging.getLogger(__name__)

MAX_RETOLD = 400
"""Messages that the model is given to summarize once more; of more, the oldest are told by an extract."""


class Derivation:
    """Makes summaries anew from what was evicted and is still there."""

    def __init__(
        self,
        database: Database,
        agents: AgentStore,
        recall: RecallStorage,
        archival: ArchivalStorage,
        summarizer: Summarizer,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agents
        self._recall = recall
        self._archival = archival
        self._summarizer = summarizer
        self._now = now

    async def derived(self, agent: Agent, find: Find, keep: Keep) -> Agent:
        """The agent with a summary that may be used: the same agent, but after changes of what the summary covers.

        Args:
            agent: as it is now.
            find: a search for what is not in its queue, for the summary's hints.
            keep: takes the agent once its new summary is written.

        Raises:
            ChangedMeanwhile: people changed messages while the summary was made.
        """
        if not agent.derive_anew:
            return agent
        async with self._database.read() as connection:
            ids = await compactions.covered_by_newest(connection, agent.id)
        left = await self._recall.get(agent.id, ids)
        logger.info("summary made anew messages=%d", len(left))
        folded, oldest = Folded(agent.summary), left[:-MAX_RETOLD]
        if oldest:
            folded = Folded(self._summarizer.extracted(folded.summary, oldest, agent.zone))
        if left:
            folded = await self._summarizer.fold(folded.summary, left[-MAX_RETOLD:], agent.zone, find)

        async def commit() -> Agent:
            async with self._database.write() as transaction:
                self._agents.check(agent.scope, agent.revision)
                await self._agents.save_summary(transaction, agent.id, folded.summary, derive_anew=False)
                await write_primer(transaction, agent.id, folded.primer, self._now())
            if folded.primer is not None:
                self._archival.index_soon()
            return replace(agent, summary=folded.summary, derive_anew=False)

        return await whole(commit(), keep)


async def write_primer(transaction: Transaction, agent_id: int, primer: Primer | None, now: datetime) -> None:
    """Keep a primer, if there is one; call `index_soon` of the archive after the commit."""
    if primer is not None:
        await keep_primer(transaction, agent_id, primer.content, primer.newest_message_id, now)
