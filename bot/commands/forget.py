"""/agent forget."""

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.events import local_time, speaker_of
from bot.memory_rights.forgetting import MOST_SHOWN, Findings, Item, Line
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.question import Question
from bot.text import counted, one_line
from memory.ports import Message, Passage
from memory.turns.timers import Timer

MAX_CHARS = 160
_KEEPING = re.compile(r"keep\s+(\d{1,3}(?:[\s,]+\d{1,3})*)\s*:\s*(.+)", re.IGNORECASE | re.ASCII | re.DOTALL)

TOO_COMMON = "Say in a word or two what it is about, with a word that is not in every sentence."
GOES_ALONG = (
    "With it goes what I noted because of these messages alone, what I thought and looked up about it, and every "
    "summary that tells of it."
)
STAYS = (
    "What I said in this channel, and what others wrote, stays. Documents, checkpoints, exports and backups hold what "
    "they hold."
)
IN_RESETS = "In what is kept of a reset, so that it can be undone, {count} more would go."
STAYS_DIRECT = "Documents, checkpoints, exports and backups hold what they hold."


@command(asks="What shall I forget?")
async def forget(context: CommandContext, text: str) -> str | Question:
    """Find what I know of something in core memory, notes and messages, and forget it if you say yes.

    `keep 2, 3: TEXT` forgets all that `TEXT` finds but the second and the third.
    """
    keeping = _KEEPING.fullmatch(text)
    numbers = {int(number) for number in re.findall(r"\d+", keeping[1])} if keeping else set[int]()
    about = keeping[2] if keeping else text
    forgetting, zone, person = context.parts.rights.forgetting, await context.zone(), context.origin.person.id
    if await context.parts.agents.id_of(context.scope) is None:
        return "We have not talked yet, so there is nothing to forget."

    async def find(agent: Agent) -> tuple[Findings, int]:
        found = await forgetting.find(agent, about, person, zone)
        return found, await forgetting.in_resets(agent, found.keeping(numbers), person) if found.words.terms else 0

    found, in_resets = await context.in_lane(find)
    if not found.words.terms:
        raise CommandRefused(TOO_COMMON)
    going = found.keeping(numbers)
    if not going.items and not in_resets:
        return f"I know nothing of “{one_line(about, 60)}”{' that is to go' if found.items else ''}."

    async def remove(agent: Agent) -> None:
        await forgetting.forget(agent, going, person)

    async def confirmed() -> str:
        await context.in_lane(remove)
        of_resets = [counted(in_resets, "thing") + " in what was kept of a reset"] if in_resets else []
        return f"Forgotten: {', and '.join([*([_counted(going.items)] if going.items else []), *of_resets])}."

    return Question(_question(context, going, in_resets, zone), confirmed)


def _question(context: CommandContext, going: Findings, in_resets: int, zone: ZoneInfo) -> str:
    lines = [f"- **{number}** {_shown(item, zone)}" for number, item in enumerate(going.items, 1)]
    more = [f"There is more; I forget at most {MOST_SHOWN} at once."] if going.beyond else []
    more += [IN_RESETS.format(count=counted(in_resets, "thing"))] if in_resets else []
    parts = [
        "This is what I would forget:",
        "\n".join(lines),
        *more,
        f"{GOES_ALONG} {STAYS_DIRECT if context.origin.is_direct else STAYS}",
        "If some of it is to stay, say no, and then for example `/agent forget keep 2, 3: …` with the same words. "
        "This cannot be undone. Shall I forget it?",
    ]
    return "\n\n".join(parts)


def _shown(item: Item, zone: ZoneInfo) -> str:
    if isinstance(item, Line):
        return f"core memory, {item.label}: {one_line(item.text, MAX_CHARS)}"
    if isinstance(item, Timer):
        return f"follow-up, {local_time(item.due_at, zone)}: {one_line(item.note, MAX_CHARS)}"
    when = local_time(item.created_at, zone)
    if isinstance(item, Passage):
        return f"note, {when}: {one_line(item.content, MAX_CHARS)}"
    who = speaker_of(item, person="you", agent="I")
    return f"message, {when}, {who}: {one_line(item.text or '', MAX_CHARS)}"


def _counted(items: Iterable[Item]) -> str:
    kinds = {"line of core memory": Line, "note": Passage, "follow-up": Timer, "message": Message}
    counts = {noun: sum(isinstance(item, kind) for item in items) for noun, kind in kinds.items()}
    told = [_plural(count, noun) for noun, count in counts.items() if count]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _plural(count: int, noun: str) -> str:
    return f"{count} lines of core memory" if noun.startswith("line") and count != 1 else counted(count, noun)
