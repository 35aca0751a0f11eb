"""The summary made anew, once, before it is used again: messages that it covered were deleted or edited since.

Until then an older one stands in its place, from before the first of these messages was evicted.
"""

import logging
from dataclasses import replace

from bot.agent import Agent
from bot.commit import Keep, whole
from bot.lookup_hints import Find
from bot.summary import Summarizer
from memory import compactions
from memory.agents import AgentStore
from memory.database import Database
from memory.recall import RecallStorage

logger = logging.getLogger(__name__)

MAX_RETOLD = 400
"""Messages that the model is given to summarize once more; of more, the oldest are told by an extract."""


class Derivation:
    """Makes summaries anew from what was evicted and is still there."""

    def __init__(self, database: Database, agents: AgentStore, recall: RecallStorage, summarizer: Summarizer) -> None:
        self._database = database
        self._agents = agents
        self._recall = recall
        self._summarizer = summarizer

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
        summary, oldest = agent.summary, left[:-MAX_RETOLD]
        if oldest:
            summary = self._summarizer.extracted(summary, oldest, agent.zone)
        if left:
            summary = await self._summarizer.fold(summary, left[-MAX_RETOLD:], agent.zone, find)

        async def commit() -> Agent:
            async with self._database.write() as transaction:
                self._agents.check(agent.scope, agent.revision)
                await self._agents.save_summary(transaction, agent.id, summary, derive_anew=False)
            return replace(agent, summary=summary, derive_anew=False)

        return await whole(commit(), keep)
