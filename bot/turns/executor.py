"""The function executor: checks a call's arguments, runs the tool, and turns what comes of it into its result.

Tools change nothing themselves. They add to a draft (core memory, replies, notes), which the turn commits in one
transaction after the step; a tool that fails leaves the draft as it found it. So no transaction is open while a tool
works, and one failing tool undoes only itself.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from adapters.models.model_json import read_arguments
from adapters.ports.messages import Origin
from adapters.ports.model import ToolCall
from bot.agent import Agent
from bot.context.main_context import MAX_CALLS, result_room
from bot.context.window import Room, Window
from bot.errors import ToolFailed
from bot.memory_rights.whose_notes import Edit, Refuses, anything
from bot.registry import Tool
from bot.text import clean, defuse_json, one_line
from bot.timed.follow_ups import FollowUps, Planned
from bot.timed.heartbeats import Allowance
from memory.archival.storage import ArchivalStorage
from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeKind, begin_change
from memory.core.core_memory import CoreMemory, person_of_label
from memory.ports import BlockEdit, CoreMemoryFault, Message, NewPassage, ResultList, TokenCounter
from memory.recall.storage import RecallStorage
from memory.search.result_lists import ResultLists
from memory.sqlite.database import Transaction
from memory.turns.outbox import Reaction
from memory.turns.timers import NewTimer

logger = logging.getLogger(__name__)


CUT_CALL = (
    "Your answer was cut at the token limit within this call, so it was not run. Make it shorter; what is long to say, "
    "say in several messages, one answer each, with request_heartbeat."
)


PAUSED = (
    "Memory is paused: nothing that is said is kept, and nothing can be written until it is resumed with "
    "/agent resume. Go on without, and do not promise to remember."
)


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


@dataclass(frozen=True, slots=True)
class Shelves:
    """The stores and measures that tools read."""

    agents: AgentStore
    recall: RecallStorage
    archival: ArchivalStorage
    result_lists: ResultLists
    counter: TokenCounter
    window: Window

    @property
    def room(self) -> Room:
        """How the model's window is shared out now."""
        return self.window.room


async def write_changes(
    transaction: Transaction,
    shelves: Shelves,
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
    await shelves.agents.save_edits(transaction, agent_id, draft.edits, change_id)
    await shelves.archival.replace(transaction, agent_id, draft.replaced, change_id, now)
    await shelves.archival.insert(transaction, agent_id, draft.passages, change_id)


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


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one call; `text` is JSON for the model."""

    call: ToolCall
    text: str
    failed: bool
    wants_heartbeat: bool


class Executor:
    """Runs tool calls in the order in which the model wrote them."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    async def execute(
        self, calls: Sequence[ToolCall], context: ToolContext, allowed: Collection[str], *, is_cut: bool = False
    ) -> tuple[ToolResult, ...]:
        """Run the calls; what they decide is in `context.draft`. Never raises for what a model wrote.

        Args:
            calls: as the model made them.
            context: what the tools may touch.
            allowed: names of the tools that the agent is given; empty for all.
            is_cut: the answer ran into the token limit, so that its last call may be half a call.
        """
        names = allowed or self._tools
        results = [await self._run(call, context, names, is_cut) for call in calls[:MAX_CALLS]]
        too_many = _json({"status": "error", "message": f"At most {MAX_CALLS} calls in one answer."})
        return (*results, *(ToolResult(call, too_many, True, True) for call in calls[MAX_CALLS:]))

    def accepts(self, call: ToolCall, allowed: Collection[str]) -> bool:
        """Whether a call can work: it is of a tool that there is, with the arguments that it needs, not all blank."""
        try:
            _, arguments = self._checked(_mended(call), allowed)
        except (ToolFailed, RecursionError):
            return False
        needed = [getattr(arguments, name) for name, of in type(arguments).model_fields.items() if of.is_required()]
        return not needed or any(str(value).strip() for value in needed)

    async def _run(self, call: ToolCall, context: ToolContext, allowed: Collection[str], is_cut: bool) -> ToolResult:
        before = context.draft
        try:
            if is_cut and not _is_json(call.arguments):
                raise ToolFailed(CUT_CALL)
            call = _mended(call)
            tool, arguments = self._checked(call, allowed)
            values = {name: _cleaned(getattr(arguments, name)) for name in type(arguments).model_fields}
            wants_heartbeat = bool(values.pop("request_heartbeat"))
            result = await tool.run(context, **values)
        except (ToolFailed, CoreMemoryFault) as failure:
            context.draft = before
            logger.info("tool failed tool=%s", self._logged(call))
            return ToolResult(call, _json({"status": "error", "message": str(failure)}), True, True)
        except Exception:  # a tool with a fault of its own must not cost the person the turn
            context.draft = before
            logger.exception("tool broke tool=%s", self._logged(call))
            fault = "The tool is broken; go on without it."
            return ToolResult(call, _json({"status": "error", "message": fault}), True, True)
        return ToolResult(call, _json({"status": "ok", **(result or {})}), False, wants_heartbeat)

    def _logged(self, call: ToolCall) -> str:
        """How the log names a call: what else a model writes may be words of people."""
        return call.name if call.name in self._tools else "(unknown)"

    def _checked(self, call: ToolCall, allowed: Collection[str]) -> tuple[Tool, BaseModel]:
        tool = self._tools.get(call.name)
        if tool is None or call.name not in allowed:
            raise ToolFailed(f"There is no tool {one_line(call.name, 60)!r}. The tools are: {', '.join(allowed)}.")
        try:
            return tool, tool.arguments.model_validate_json(call.arguments)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in error.errors()
            )
            raise ToolFailed(f"Wrong arguments: {one_line(faults, 400)}. Correct the call and try again.") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _mended(call: ToolCall) -> ToolCall:
    """A call whose arguments are nearly JSON, as it was meant; so the model sees it from now on as well."""
    is_object = call.arguments.lstrip().startswith("{") and _is_json(call.arguments)
    meant = None if is_object else read_arguments(call.arguments)
    return call if meant is None else replace(call, arguments=json.dumps(meant, ensure_ascii=False))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def _json(result: Mapping[str, Any]) -> str:
    return defuse_json(json.dumps(result, ensure_ascii=False))
