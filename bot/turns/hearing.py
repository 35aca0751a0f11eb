"""What is said in an agent's presence and wants no turn: it is taken note of."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.agent import Agent
from bot.events import heard
from bot.minds.mind import Minds
from bot.origins import of_json
from bot.turns.clocks import Clocks
from bot.turns.commit import Keep, whole
from memory.ports import Message
from memory.stores import Stores
from memory.turns.inbox import WaitingEvent


class Hearing:
    """Takes note of events."""

    def __init__(
        self,
        stores: Stores,
        minds: Minds,
        clocks: Clocks,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._minds = minds
        self._clocks = clocks
        self._now = now

    async def hear(self, agent: Agent, events: Sequence[WaitingEvent], keep: Keep) -> None:
        """Take note of what was said in the agent's presence; it stands in queue and recall, and no turn begins.

        The queue stays short enough for the next turn, without a call of the model. Of what is said in the presence of
        one that is paused, nothing is left.
        """
        due: list[datetime] = []

        async def commit() -> Agent:
            due.clear()
            async with self._stores.database.write() as transaction:
                taken = await self._stores.inbox.take(transaction, events)
                if agent.paused_at is not None:
                    await self._stores.inbox.let_pass(transaction, taken)
                    return agent
                if not taken:
                    return agent
                messages: tuple[Message, ...] = ()
                for event in taken:  # each by itself, so that the queue may be cut between them
                    messages += await self._stores.recall.append(transaction, agent.id, None, [heard(event)])
                self._stores.inbox.give(transaction, taken, messages[0].id)
                await self._stores.inbox.finish(transaction, messages[0].id)
                due.extend(await self._clocks.people_talked(transaction, agent, of_json(taken[-1].origin), self._now()))
            self._stores.recall.index_soon()
            return self._minds.of(agent).compiler.with_queued(agent, messages)

        heard_by = await whole(commit(), keep)
        self._clocks.expect(due)
        await self._minds.of(heard_by).queue_manager.bound(heard_by, keep)
