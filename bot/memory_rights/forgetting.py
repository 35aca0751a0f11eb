"""What a person can have forgotten: what matches their words is found, shown with numbers, and removed on their yes.

In their direct messages that is all that their agent knows. In a channel it is what the channel's agent keeps of the
channel and of themselves, and the messages that they wrote.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.agents import Agents
from bot.events import system_alert
from bot.inbound.changes import Changes
from bot.memory_rights.reset_undo import ResetUndo
from bot.origins import of_json
from bot.text import clean
from memory.core.core_memory import person_label, person_of_label
from memory.erasing.forgetting import Doomed, ForgettingStore
from memory.erasing.matching import Matching
from memory.erasing.undoable_resets import UndoableReset
from memory.portable.laid_out import LaidOut
from memory.portable.records import BlockText, KeptFollowUp, KeptMessage, KeptPassage, Record, to_line
from memory.ports import Kind, Message, Passage, PassageKind
from memory.search.narrowing import narrowed
from memory.sqlite.database import finish
from memory.stores import Stores
from memory.turns.timers import Timer

MOST_SHOWN = 100
"""So much at most is forgotten at once, that somebody may look through it before they say yes."""

MOST_LOOKED_AT = 2000
"""Of what a search finds, best first."""

CHANNEL = "channel"
"""The label of the block on a channel itself."""

ALERT = (
    "Somebody who may wanted something forgotten: it is gone from your memory, with what you had thought, noted and "
    "said of it. Do not speak of it from memory, and do not ask what it was."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of core memory."""

    label: str
    text: str


Item = Line | Passage | Message | Timer


@dataclass(frozen=True, slots=True)
class Findings:
    """What matches, in the order in which it is numbered: lines, notes, follow-ups, messages.

    Attributes:
        words: what was sought.
        items: what goes.
        kept: what matches, and is to stay.
        beyond: what matches as well, and is too much to be shown.
    """

    words: Matching
    items: tuple[Item, ...]
    kept: tuple[Item, ...] = ()
    beyond: tuple[Item, ...] = ()

    def keeping(self, numbers: Collection[int]) -> "Findings":
        """The same, but that some stay, by their numbers from 1."""
        numbered = list(enumerate(self.items, 1))
        going = tuple(item for number, item in numbered if number not in numbers)
        kept = tuple(item for number, item in numbered if number in numbers)
        return Findings(self.words, going, kept, self.beyond)


class Forgetting:
    """Finds and forgets, for all agents; to be called in the lane of each only."""

    def __init__(
        self,
        agents: Agents,
        stores: Stores,
        forgotten: ForgettingStore,
        changes: Changes,
        reset_undo: ResetUndo,
        now: Callable[[], datetime],
    ) -> None:
        self._agents = agents
        self._stores = stores
        self._forgotten = forgotten
        self._changes = changes
        self._reset_undo = reset_undo
        self._now = now

    async def find(self, agent: Agent, text: str, person: str, zone: ZoneInfo) -> Findings:
        """What an agent knows of something, as far as a person may have it forgotten.

        Args:
            agent: whose memory; of a channel, what is somebody else's is left out.
            text: a few words about it; `after:`, `before:`, `on:` and `from:` narrow what is found of notes and
                messages.
            person: the id of who asks.
            zone: theirs, for days.
        """
        words = Matching.of(narrowed(text).words)
        lines = [
            Line(block.label, line)
            for block in agent.core
            if block.label in self.labels(agent, person)
            for line in block.value.split("\n")
            if line.strip()
        ]
        found: tuple[Item, ...] = (
            *words.best_of(lines, lambda line: line.text),
            *words.best_of(await self._notes(agent, text, person, zone), lambda note: note.content),
            *words.best_of(await self._follow_ups(agent, person), lambda timer: timer.note),
            *words.best_of(await self._messages(agent, text, person, zone), lambda message: message.text or ""),
        )
        return Findings(words, found[:MOST_SHOWN], beyond=found[MOST_SHOWN:])

    async def in_resets(self, agent: Agent, findings: Findings, person: str) -> int:
        """How much of it is kept of resets, so that these can be undone: it goes along."""
        found = 0
        async for _, records in self._reset_undo.kept(agent):
            doomed, timers = await asyncio.to_thread(self._in_records, agent, records, findings, person)
            found += len(doomed.lines) + len(doomed.notes) + len(doomed.heard) + len(doomed.said) + len(timers)
        return found

    async def forget(self, agent: Agent, findings: Findings, person: str) -> None:
        """Remove what was found, in one transaction; afterwards `Agents.get` has the new agent.

        Args:
            agent: as it is now; what is no longer there is passed over.
            findings: what goes.
            person: the id of who asks.
        """
        messages = [item for item in findings.items if isinstance(item, Message)]
        stays = (*findings.kept, *findings.beyond)
        doomed = Doomed(
            findings.words,
            self.labels(agent, person),
            lines=tuple((item.label, item.text) for item in findings.items if isinstance(item, Line)),
            notes=tuple(item.id for item in findings.items if isinstance(item, Passage)),
            follow_ups=tuple(item.id for item in findings.items if isinstance(item, Timer)),
            heard=tuple(message.id for message in messages if message.kind is Kind.USER_MESSAGE),
            said=tuple(message.id for message in messages if message.kind is Kind.ASSISTANT),
            spared=tuple((item.label, item.text) for item in stays if isinstance(item, Line)),
            everywhere=agent.is_direct and not stays,
        )
        async for reset, records in self._reset_undo.kept(agent):
            await finish(self._forget_in(agent, reset, records, findings, person))
        await finish(self._commit(agent, doomed))

    def labels(self, agent: Agent, person: str) -> frozenset[str]:
        """The blocks that are theirs: all of their own agent's; a channel's own, and what it knows of them."""
        if agent.is_direct:
            return frozenset(block.label for block in agent.core)
        return frozenset({CHANNEL, person_label(person)})

    async def _forget_in(
        self, agent: Agent, reset: UndoableReset, records: Sequence[Record], findings: Findings, person: str
    ) -> None:
        """Forget the same in what is kept of a reset."""
        doomed, timers = await asyncio.to_thread(self._in_records, agent, records, findings, person)
        if not (doomed.lines or doomed.notes or doomed.heard or doomed.said or timers or doomed.everywhere):
            return

        async def forget(beside: LaidOut) -> None:
            set_ = await beside.stores.timers.follow_ups(beside.agent_id)
            going = tuple(timer.id for timer in set_ if (timer.set_at, timer.note) in timers)
            await beside.forgetting.forget(beside.scope, beside.agent_id, replace(doomed, follow_ups=going), None)

        await self._reset_undo.rewrite(reset, records, forget)

    def _in_records(
        self, agent: Agent, records: Sequence[Record], findings: Findings, person: str
    ) -> tuple[Doomed, set[tuple[datetime, str]]]:
        """What is to go of an agent as it was, as far as a person may have that; and which of its follow-ups."""
        stays = {_text_of(item) for item in (*findings.kept, *findings.beyond)}
        goes = {_text_of(item) for item in findings.items}

        def is_to_go(text: str | None) -> bool:
            return bool(text) and text not in stays and (text in goes or findings.words.is_in(text))

        labels, is_direct, own = self.labels(agent, person), agent.is_direct, person_label(person)
        lines, notes, heard, said, timers = list[tuple[str, str]](), [], [], [], set[tuple[datetime, str]]()
        for record in records:
            if isinstance(record, BlockText) and (is_direct or record.label in labels):
                lines += [(record.label, line) for line in record.value.split("\n") if is_to_go(line)]
            elif isinstance(record, KeptPassage) and record.kind is PassageKind.NOTE and record.id is not None:
                of_others = [tag for tag in record.tags if person_of_label(tag) is not None and tag != own]
                notes += [record.id] if is_to_go(record.content) and (is_direct or not of_others) else []
            elif isinstance(record, KeptMessage) and is_to_go(record.text):
                is_own = record.kind is Kind.USER_MESSAGE and (is_direct or record.author_id == clean(person))
                heard += [record.id] if is_own else []
                said += [record.id] if is_direct and record.kind is Kind.ASSISTANT else []
            elif isinstance(record, KeptFollowUp) and is_to_go(record.note):
                is_theirs = is_direct or of_json(record.origin).person.id == person
                timers |= {(record.set_at, record.note)} if is_theirs else set()
        labels |= frozenset(label for label, _ in lines)
        spared = tuple((item.label, item.text) for item in (*findings.kept, *findings.beyond) if isinstance(item, Line))
        everywhere = is_direct and not stays and any(findings.words.is_in(to_line(record)) for record in records)
        doomed = Doomed(
            findings.words, labels, tuple(lines), tuple(notes), (), tuple(heard), tuple(said), spared, everywhere
        )
        return doomed, timers

    async def _commit(self, agent: Agent, doomed: Doomed) -> None:
        try:
            changed = await self._forgotten.forget(
                agent.scope, agent.id, doomed, lambda: system_alert(ALERT, self._now())
            )
        finally:
            self._agents.let_go(agent.scope)
        await self._changes.follow(agent.id, changed)

    async def _notes(self, agent: Agent, text: str, person: str, zone: ZoneInfo) -> list[Passage]:
        archival = self._stores.archival
        found = (await archival.find(agent.id, text, zone=zone)).ids[:MOST_LOOKED_AT]
        notes = [
            note
            for note in await archival.get(agent.id, found)
            if note.document is None and note.kind is PassageKind.NOTE
        ]
        if agent.is_direct:
            return notes
        own = person_label(person)
        return [note for note in notes if all(tag == own for tag in note.tags if person_of_label(tag) is not None)]

    async def _follow_ups(self, agent: Agent, person: str) -> list[Timer]:
        """Those of whoever asks, whether they wait or have fired."""
        found = await self._stores.timers.follow_ups(agent.id)
        return [timer for timer in found if agent.is_direct or of_json(timer.origin).person.id == person]

    async def _messages(self, agent: Agent, text: str, person: str, zone: ZoneInfo) -> list[Message]:
        recall = self._stores.recall
        ids = (await recall.find(agent.id, text, zone=zone)).ids
        if not agent.is_direct:
            own = await recall.ids_of(agent.id, clean(person))
            ids = tuple(id_ for id_ in ids if id_ in own)
        found = await recall.get(agent.id, ids[:MOST_LOOKED_AT])
        return sorted(found, key=lambda message: message.id)


def _text_of(item: Item) -> str:
    if isinstance(item, Passage):
        return item.content
    return item.note if isinstance(item, Timer) else item.text or ""
