"""How a turn begins, or goes on: events are taken out of the inbox and into the agent's queue, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot import events as words
from bot.agent import Agent
from bot.agents import Agents
from bot.documents.reading import FilesOf
from bot.events import message_of
from bot.metering.metrics import NO_METRICS, Metrics
from bot.minds.mind import Minds
from bot.origins import of_json
from bot.turns.commit import Keep, whole
from bot.turns.open_turn import OpenTurn, open_turn
from bot.turns.step import Progress
from bot.turns.woken import Woken
from memory.ports import Kind, Message, NewMessage
from memory.stores import Stores
from memory.turns.inbox import WaitingEvent
from memory.turns.turn_journal import TurnRecord


class Opening:
    """Opens turns."""

    def __init__(
        self,
        stores: Stores,
        agents: Agents,
        minds: Minds,
        *,
        long_absence: timedelta,
        verifies_first: bool,
        now: Callable[[], datetime],
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """`long_absence`: whoever was away for so long is back when they write."""
        self._stores = stores
        self._agents = agents
        self._minds = minds
        self._long_absence = long_absence
        self._verifies_first = verifies_first
        self._now = now
        self._metrics = metrics

    async def open(self, woken: Woken) -> OpenTurn | None:
        """The turn that is about what woke an agent; that it goes on is counted first. None if its events are gone."""
        agent = await self._agents.get(woken.scope)
        if woken.record is None:
            return await self.begin(agent, woken.events, self._agents.keep)
        await self._stores.journal.resume(woken.record.id)
        self._metrics.retried("turn")
        return await self._resumed(agent, woken.record)

    async def again(self, scope: str, turn_id: int) -> OpenTurn | None:
        """A turn that is under way as it stands now; None if its events are gone."""
        agent, record = await self._agents.get(scope), await self._stores.journal.find(turn_id)
        return await self._resumed(agent, record) if record is not None else None

    async def begin(self, agent: Agent, events: Sequence[WaitingEvent], keep: Keep) -> OpenTurn | None:
        """Take events out of the inbox and into the agent's queue: the beginning of a turn. None if they are gone."""
        is_new = not agent.summary and not any(queued.message.kind is Kind.ASSISTANT for queued in agent.queue)
        is_passing = agent.paused_at is not None or events[0].kind is Kind.REFLECTION
        progress = Progress(
            agent,
            is_verified=not (self._verifies_first and is_new),
            leaves_nothing=is_passing,
            has_files=any(event.attachments for event in events),
            is_promised=events[0].kind is Kind.FOLLOW_UP,
        )
        first = events[0]
        begun: list[tuple[int, tuple[Message, ...], tuple[FilesOf, ...]]] = []

        async def commit() -> Agent:
            async with self._stores.database.write() as transaction:
                taken = sorted(await self._stores.inbox.take(transaction, events), key=lambda event: event.id)
                if not taken:
                    return agent
                new = [message_of(event) for event in taken]
                back = () if is_passing else self._back(agent, new)
                all_ = await self._stores.recall.append(
                    transaction, agent.id, None, (*back, *new), is_passing=is_passing
                )
                turn_id, messages = all_[0].id, all_[len(back) :]
                self._stores.journal.begin(
                    transaction,
                    agent.id,
                    turn_id=turn_id,
                    origin=first.origin,
                    is_timed=first.is_timed,
                    message_ids=[message.id for message in messages],
                    progress=progress.to_json(),
                    now=self._now(),
                )
                self._stores.inbox.give(transaction, taken, turn_id)
            files = _files_of([(event.id, event.attachments) for event in taken], [it.id for it in messages])
            begun.append((turn_id, messages, files))
            passing = agent.passing | {turn_id} if is_passing else agent.passing
            return self._minds.of(agent).compiler.with_queued(replace(agent, passing=passing, images={}), all_)

        agent = await whole(commit(), keep)
        if not begun:
            return None
        ((turn_id, messages, files),) = begun
        return open_turn(turn_id, messages, of_json(first.origin), replace(progress, agent=agent), files)

    async def _resumed(self, agent: Agent, record: TurnRecord) -> OpenTurn | None:
        """Go on with a turn where its last step left it; None if its events are gone."""
        messages = await self._stores.recall.get(agent.id, record.message_ids)
        if not messages:
            return None
        progress = Progress.of_json(agent, record.progress)
        files: tuple[FilesOf, ...] = ()
        if progress.has_files and not agent.images:  # else the agent at hand has seen them in this turn
            files = _files_of(await self._stores.inbox.files_of(record.id), record.message_ids)
        return open_turn(record.id, messages, of_json(record.origin), progress, files)

    def _back(self, agent: Agent, new: Sequence[NewMessage]) -> tuple[NewMessage, ...]:
        """That somebody is back who was away for long, of a message to their own agent; it joins the turn of that."""
        if not agent.is_direct or new[0].kind is not Kind.USER_MESSAGE:
            return ()
        seen = (it.message.created_at for it in reversed(agent.queue) if it.message.kind is Kind.USER_MESSAGE)
        last_seen, comes = next(seen, None), new[0].created_at
        if last_seen is None or comes - last_seen < self._long_absence:
            return ()
        return (words.back(new[0].author_name or "", last_seen, comes),)


def _files_of(
    events: Sequence[tuple[int, Sequence[Mapping[str, Any]]]], message_ids: Sequence[int]
) -> tuple[FilesOf, ...]:
    """What came with the events of a turn, whose messages are in the same order."""
    both = zip(events, message_ids, strict=True)
    return tuple(FilesOf(event_id, message_id, files) for (event_id, files), message_id in both if files)
