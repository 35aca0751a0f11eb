"""What a tool may touch: it reads the shelves, and adds to the draft what it may change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.ports.messages import Origin
from bot.agent import Agent
from bot.context.main_context import result_room
from bot.errors import ToolFailed
from bot.memory_rights.whose_notes import Edit, Refuses, anything
from bot.timed.follow_ups import FollowUps, Planned
from bot.timed.heartbeats import Allowance
from bot.turns.draft import Draft
from bot.turns.shelves import Shelves
from memory.core.core_memory import CoreMemory, person_of_label
from memory.ports import BlockEdit, Message, NewPassage, ResultList
from memory.turns.outbox import Reaction

PAUSED = (
    "Memory is paused: nothing that is said is kept, and nothing can be written until it is resumed with "
    "/agent resume. Go on without, and do not promise to remember."
)


@dataclass(slots=True)
class ToolContext:
    """What a tool may touch: read the shelves, and add to the draft."""

    agent: Agent
    event: Message
    now: datetime
    shelves: Shelves
    draft: Draft
    origin: Origin
    """Where the event came from, and replies go."""
    follow_ups: FollowUps
    allowance: Allowance | None = None
    """How many messages may come of it; None: as many as there are."""
    calls: int = 1
    """How many calls the answer makes: their results share the room."""
    takes_reactions: bool = False
    """Whether the event's platform does."""
    refuses: Refuses = anything
    """Whose notes may change."""
    for_: str | None = None
    """In a channel, whose follow-ups may be cancelled: theirs whose message woke the agent."""

    @property
    def result_room(self) -> int:
        """Tokens that the result of this call may take of the prompt."""
        return result_room(self.shelves.room, self.calls)

    @property
    def is_allowed_to_be_heard(self) -> bool:
        """Whether one more message may come of it, now or by a follow-up."""
        words = [sent for sent in self.draft.sends if isinstance(sent, str)]
        return self.allowance is None or len(words) + len(self.draft.follow_ups) < self.allowance.left

    def edit_core(self, label: str, edited: CoreMemory, reason: str) -> None:
        """Take over an edit of core memory, with its entry in the journal.

        Raises:
            ToolFailed: nothing is to be kept of this turn, or it may not change what is noted of somebody.
        """
        self._check_may(label, edited.text(label))
        self._edit_core(label, edited, reason)

    def put_away(self, label: str, note: NewPassage, reason: str) -> None:
        """Make a note of a block and empty it: upkeep, which nobody has asked for.

        Raises:
            ToolFailed: nothing is to be kept of this turn.
        """
        self._keep(note)
        self._edit_core(label, self.draft.core.rewrite(label, "", self.shelves.counter), reason)

    def _edit_core(self, label: str, edited: CoreMemory, reason: str) -> None:
        self._check_keeps()
        edit = BlockEdit(
            label=label,
            before=self.draft.core.text(label),
            after=edited.text(label),
            author="agent",
            reason=reason,
            source_message_id=self.event.id,
            created_at=self.now,
        )
        self.draft = replace(self.draft, core=edited, edits=(*self.draft.edits, edit))

    def say(self, text: str) -> None:
        """Decide on a reply."""
        self.draft = replace(self.draft, sends=(*self.draft.sends, text))

    def react(self, emoji: str) -> None:
        """Decide to react to the message that woke the agent."""
        self.draft = replace(self.draft, sends=(*self.draft.sends, Reaction(emoji)))

    def keep(self, passage: NewPassage) -> None:
        """Decide to keep a note. One that is tagged as on somebody is as a line of the block on them.

        Raises:
            ToolFailed: nothing is to be kept of this turn, or it may not note anything of somebody.
        """
        for label in (tag for tag in passage.tags if person_of_label(tag) is not None):
            self._check_may(label, f"{self.draft.core.text(label)}\n{passage.content}")
        self._keep(passage)

    def _keep(self, passage: NewPassage) -> None:
        self._check_keeps()
        self.draft = replace(self.draft, passages=(*self.draft.passages, passage))

    def replace_notes(self, ids: Sequence[int], passage: NewPassage) -> None:
        """Decide to keep a note in the place of others.

        Raises:
            ToolFailed: nothing is to be kept of this turn.
        """
        self.keep(passage)
        self.draft = replace(self.draft, replaced=(*self.draft.replaced, *ids))

    def follow_up(self, planned: Planned) -> None:
        """Decide to come back to something.

        Raises:
            ToolFailed: nothing is to be kept of this turn.
        """
        self._check_keeps()
        zone = planned.zone or self.draft.zone
        self.draft = replace(self.draft, follow_ups=(*self.draft.follow_ups, planned.timer), zone=zone)

    def cancel_follow_up(self, id_: int) -> None:
        """Decide to come back to something no more."""
        self._check_keeps()
        self.draft = replace(self.draft, cancelled=(*self.draft.cancelled, id_))

    def rest_until(self, moment: datetime) -> None:
        """Decide to have no heartbeat before a moment."""
        self._check_keeps()
        self.draft = replace(self.draft, rests_until=moment)

    def keep_results(self, results: ResultList) -> None:
        """Decide to keep a list of results, so that a cursor can name it."""
        self.draft = replace(self.draft, result_lists=(*self.draft.result_lists, results))

    def _check_may(self, label: str, after: str) -> None:
        kept = [note.content for note in self.draft.passages]
        if (refusal := self.refuses(Edit(label, self.draft.core.text(label), after, kept))) is not None:
            raise ToolFailed(refusal)

    def _check_keeps(self) -> None:
        if not self.agent.keeps(self.event):
            raise ToolFailed(PAUSED)
