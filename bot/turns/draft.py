"""What a step is going to change; tools add to it, and the turn commits it."""

from dataclasses import dataclass
from datetime import datetime

from memory.core.change_journal import ChangeKind, begin_change
from memory.core.core_memory import CoreMemory
from memory.ports import BlockEdit, NewPassage, ResultList
from memory.sqlite.database import Transaction
from memory.stores import Stores
from memory.turns.outbox import Reaction
from memory.turns.timers import NewTimer


@dataclass(frozen=True, slots=True)
class Draft:
    """What a step is going to change; nothing of it is visible to anybody before the commit."""

    core: CoreMemory
    edits: tuple[BlockEdit, ...] = ()
    sends: tuple[str | Reaction, ...] = ()
    """What people will see, in order."""
    passages: tuple[NewPassage, ...] = ()
    replaced: tuple[int, ...] = ()
    """Notes that are to go, as others of `passages` stand for them."""
    result_lists: tuple[ResultList, ...] = ()
    follow_ups: tuple[NewTimer, ...] = ()
    cancelled: tuple[int, ...] = ()
    """Follow-ups that are to go, by their ids."""
    rests_until: datetime | None = None
    """No heartbeat before then."""
    zone: str | None = None
    """The time zone that a person has named, of whom none was known."""

    @property
    def sets_timers(self) -> bool:
        """Whether the agent is to wake at other times than before."""
        return bool(self.follow_ups or self.cancelled or self.rests_until or self.zone)


async def write_changes(
    transaction: Transaction,
    stores: Stores,
    agent_id: int,
    draft: Draft,
    kind: ChangeKind,
    turn_id: int,
    now: datetime,
) -> None:
    """Write what a step has changed in memory, if it has, as a part of its turn's one change."""
    if not (draft.edits or draft.passages):
        return
    change_id = await begin_change(transaction, agent_id, kind, now, turn_id=turn_id)
    await stores.agents.save_edits(transaction, agent_id, draft.edits, change_id)
    await stores.archival.replace(transaction, agent_id, draft.replaced, change_id, now)
    await stores.archival.insert(transaction, agent_id, draft.passages, change_id)
