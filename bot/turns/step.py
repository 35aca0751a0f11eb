"""What becomes of a step: what the person hears, what is kept, and whether the turn goes on (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.ports.progress import StepReport, ToolReport
from bot.agent import Agent
from bot.events import system_alert
from bot.text import cut_off
from bot.tiers.ports import Answer
from bot.turns.executor import ToolResult
from memory.ports import Kind, NewMessage, ToolUse
from memory.turns.turn_journal import IS_PROMISED, LEAVES_NOTHING

EMPTY_ANSWER = "Your last answer was empty. Call a tool; to speak, call send_message."
CUT_ANSWER = (
    "Your last answer was cut at the token limit, and nobody has heard it. Say it in fewer words; what is long to say, "
    "say in several messages, one answer each, with request_heartbeat."
)
NOT_HEARD = "The person has heard nothing from you yet. Answer with send_message."
NOT_DECIDED = "Nobody has heard anything. Call send_message, or stay_silent if nothing is to be said."

SILENCE = "stay_silent"
"""The tool by which a model says that nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a turn stands after a step."""

    agent: Agent
    is_verified: bool = True
    """Whether the next words may be heard unchecked."""
    has_spoken: bool = False
    has_reacted: bool = False
    """Whether the person sees a reaction; they need no words then."""
    was_reminded: bool = False
    takes_cut: bool = False
    """Whether what is cut is taken as it is: the model was told once, or there is no step left to say it again."""
    steps: int = 0
    faulty_steps: int = 0
    goes_on: bool = True
    leaves_nothing: bool = False
    """Whether nothing of the turn is kept once it is over: memory was paused."""
    has_files: bool = False
    """Whether files came with its messages."""
    is_promised: bool = False
    """Whether it is about a follow-up, on which somebody counts."""

    def to_json(self) -> dict[str, Any]:
        """What the journal keeps of it: all but the agent, and that it goes on."""
        return {name: getattr(self, name) for name in _WRITTEN}

    @classmethod
    def of_json(cls, agent: Agent, written: Mapping[str, Any]) -> "Progress":
        """What the journal kept, with the agent as it is now."""
        return cls(agent, **{name: written[name] for name in _WRITTEN if name in written})


_WRITTEN = (
    "is_verified",
    "has_spoken",
    "has_reacted",
    "was_reminded",
    "takes_cut",
    "steps",
    "faulty_steps",
    LEAVES_NOTHING,
    "has_files",
    IS_PROMISED,
)


def judge(
    before: Progress,
    answer: Answer,
    results: tuple[ToolResult, ...],
    *,
    speaks: bool,
    reacts: bool,
    is_awaited: bool,
) -> Progress:
    """Whether the turn goes on: for a failed call, for a requested heartbeat, for a person unanswered.

    Where nobody waits for an answer an empty one is silence, and no fault.
    """
    has_spoken, has_reacted = before.has_spoken or speaks, before.has_reacted or reacts
    is_told_of_cut = _is_told_of_cut(before, answer)
    is_faulty = (
        is_told_of_cut
        or _says_nothing(answer, before, is_awaited=is_awaited)
        or (bool(results) and all(result.failed for result in results))
    )
    goes_on = is_faulty or any(result.failed or result.wants_heartbeat for result in results)
    was_reminded = before.was_reminded
    if not goes_on and is_awaited and not (has_spoken or has_reacted) and not was_reminded:
        goes_on = was_reminded = True  # once a turn: models forget that nobody hears them think
    return replace(
        before,
        has_spoken=has_spoken,
        has_reacted=has_reacted,
        is_verified=before.is_verified or has_spoken,
        was_reminded=was_reminded,
        takes_cut=before.takes_cut or is_told_of_cut,
        steps=before.steps + (0 if answer.is_by_code else 1),
        faulty_steps=before.faulty_steps + 1 if is_faulty else 0,
        goes_on=goes_on,
    )


def judge_promised(before: Progress, answer: Answer, results: tuple[ToolResult, ...], *, speaks: bool) -> Progress:
    """As `judge`, of a follow-up: the model owes words, or the decision that there are none, which counts too."""
    is_silent = any(result.call.name == SILENCE and not result.failed for result in results)
    if answer.is_by_code:  # a model that only writes text
        before = replace(before, was_reminded=True)
    return judge(before, answer, results, speaks=speaks or is_silent, reacts=False, is_awaited=True)


def bare_reply(before: Progress, answer: Answer) -> tuple[str, ...]:
    """Of an answer without calls, what the person hears who waits for one: its text, if nothing was said yet."""
    if not answer.text or _is_afterthought(before, answer) or _is_told_of_cut(before, answer):
        return ()
    return (cut_off(answer.text) if answer.is_cut else answer.text,)


def _is_told_of_cut(before: Progress, answer: Answer) -> bool:
    """Whether the model is to say again, shorter, what was cut."""
    return answer.is_cut and not answer.calls and not before.takes_cut and not _is_afterthought(before, answer)


def _is_afterthought(before: Progress, answer: Answer) -> bool:
    """Whether a bare text is no reply, as the person has heard one in this turn."""
    return before.has_spoken and bool(answer.text) and not answer.is_addressed


def _says_nothing(answer: Answer, before: Progress, *, is_awaited: bool) -> bool:
    """Whether an answer is empty where one is owed; who has spoken already may simply stop."""
    return is_awaited and not answer.calls and not answer.text and not (before.has_spoken or before.has_reacted)


def alert_of(
    before: Progress, progress: Progress, answer: Answer, *, is_awaited: bool, unheard: str = NOT_HEARD
) -> str | None:
    """What the model is to be told about its answer, if anything; `unheard` if it owes one and has given none."""
    if progress.takes_cut and not before.takes_cut:
        return CUT_ANSWER
    if _says_nothing(answer, before, is_awaited=is_awaited):
        return EMPTY_ANSWER
    return unheard if progress.was_reminded and not before.was_reminded else None


def kept_messages(
    answer: Answer, results: tuple[ToolResult, ...], said: tuple[str, ...], alert: str | None, now: datetime
) -> tuple[NewMessage, ...]:
    """The step as recall storage keeps it."""
    new: list[NewMessage] = []
    if answer.text or answer.calls:
        is_bare_reply = bool(said) and not answer.calls
        new.append(
            NewMessage(
                kind=Kind.ASSISTANT,
                created_at=now,
                text="\n\n".join(said) or None,
                thoughts=None if is_bare_reply else answer.text,
                tool_uses=tuple(ToolUse(it.call.id, it.call.name, it.call.arguments) for it in results),
            )
        )
    new += [
        NewMessage(kind=Kind.TOOL_RESULT, created_at=now, text=result.text, tool_use_id=result.call.id)
        for result in results
    ]
    return (*new, system_alert(alert, now)) if alert else tuple(new)


def report_of(answer: Answer, results: tuple[ToolResult, ...], said: tuple[str, ...]) -> StepReport:
    """The step for people who watch their agent work."""
    tools = tuple(ToolReport(result.call.name, result.call.arguments, result.text) for result in results)
    return StepReport(None if said and not answer.calls else answer.text, tools)
