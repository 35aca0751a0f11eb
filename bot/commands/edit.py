"""/agent edit."""

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.line_places import LinePlace, place_of, read_place
from bot.slash.question import Question
from bot.slash.undo_command import PAUSED
from bot.text import one_line, verbatim
from memory.core.core_memory import Block
from memory.ports import BlockFull
from memory.sqlite.database import Transaction

MAX_CHARS = 300

HOW = (
    "Say which line, by its block and its number there: `/agent edit human 2: the new text`, or no text to take it out."
)
NOT_THERE = "There is no such line that you may change. `/agent memory` shows what there is, with numbers."
CHANGED = "That line says something else by now, so nothing was changed. `/agent memory` shows what stands there."
SAME = "That is what it says already."
NO_ROOM = "There is no room for that: `{label}` holds {limit} tokens. Make it shorter, or take another line out."
STAYS = (
    "It can be undone. What was said of it stays in our messages, and in notes: to have all of it forgotten, for good, "
    "there is `/agent forget`."
)


@command
async def edit(context: CommandContext, line: str) -> str | Question:
    """Change a line of what I keep in mind, as in `human 2: new text`; without a text, take it out.

    What stands in a channel's persona is changed by `persona` alone.
    """
    if (read := read_place(line)) is None:
        raise CommandRefused(HOW)
    place, text = read
    if await context.parts.agents.id_of(context.scope) is None:
        raise CommandRefused(NOT_THERE)
    if text:
        before = await context.in_lane(lambda agent: _rewrite(context, agent, place, text))
        return f"Changed in {place.label}:\n{_difference(before, text)}"

    async def look(agent: Agent) -> str:
        return _line_at(context, agent, place)[1]

    before = await context.in_lane(look)
    shown = place_of(place.label, place.number, before)

    async def confirmed() -> str:
        await context.in_lane(lambda agent: _rewrite(context, agent, shown, ""))
        return f"Taken out of {place.label}:\n{_difference(before, '')}"

    return Question(f"Shall I take this out of {place.label}?\n{verbatim(_short(before))}\n{STAYS}", confirmed)


async def _rewrite(context: CommandContext, agent: Agent, place: LinePlace, text: str) -> str:
    """Put a text in the place of a line; returns what it said."""
    if agent.paused_at is not None:
        raise CommandRefused(PAUSED)
    block, before = _line_at(context, agent, place)
    if before == text:
        raise CommandRefused(SAME)
    try:
        edited = agent.core.rewrite_line(block.label, place.number, text, context.parts.shelves.counter)
    except BlockFull:
        raise CommandRefused(NO_ROOM.format(label=block.label, limit=block.limit)) from None
    undo, agents = context.parts.rights.undo, context.parts.agents

    async def forget_before(transaction: Transaction) -> None:
        await undo.forget_line(transaction, agent.id, block.label, before)

    who, reason = context.author, "/agent edit"
    await agents.edit_core(agent, block.label, edited, author=who, reason=reason, along=forget_before)
    return before


def _line_at(context: CommandContext, agent: Agent, place: LinePlace) -> tuple[Block, str]:
    """The block, and the line that stands there."""
    labels = context.parts.rights.forgetting.labels(agent, context.origin.person.id)
    block = next((block for block in agent.core if block.label == place.label and block.label in labels), None)
    lines = [line for line in (block.value if block else "").split("\n") if line.strip()]
    if block is None or place.number > len(lines):
        raise CommandRefused(NOT_THERE if place.trace is None else CHANGED)
    if not place.is_of(line := lines[place.number - 1]):
        raise CommandRefused(CHANGED)
    return block, line


def _difference(before: str, after: str) -> str:
    return verbatim("\n".join([f"- {_short(before)}", *([f"+ {_short(after)}"] if after else [])]))


def _short(line: str) -> str:
    return one_line(line, MAX_CHARS)
