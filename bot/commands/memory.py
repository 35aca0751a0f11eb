"""/agent memory."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.agent_text import told_beyond, told_pause, told_window
from bot.command import CommandContext
from bot.errors import CommandRefused
from bot.events import local_time
from bot.lines_text import told_lines
from bot.registry import command
from bot.sources import Source, sources_of
from bot.text import one_line, verbatim
from memory.core_memory import Block, person_label

SOURCES = "sources"
MAX_LINE_CHARS = 160


async def _words(context: CommandContext) -> tuple[str]:
    return (SOURCES,)


@command(suggest=_words)
async def memory(context: CommandContext, sources: str = "") -> str:
    """Show what I keep in mind and what fills my window; with the word "sources", how I know it."""
    if sources:
        return await _sources(context, sources)
    shelves, zone = context.parts.shelves, await context.zone()

    async def show(agent: Agent) -> list[str]:
        window = told_window(agent, shelves, context.parts.queue_manager)
        lines = await told_lines(
            _for_caller(agent, context),
            shelves,
            agent.id,
            zone,
            reader=context.author,
            is_own=context.is_own,
            link_to=context.link_to,
        )
        return [*told_pause(agent, zone), *lines, window, await told_beyond(agent, shelves)]

    return "\n\n".join(await context.in_lane(show))


def _for_caller(agent: Agent, context: CommandContext) -> list[Block]:
    """The blocks that are everybody's, and the caller's own."""
    own = person_label(context.origin.person.id)
    return [block for block in agent.core if not block.is_on_person or block.label == own]


async def _sources(context: CommandContext, typed: str) -> str:
    """Each line of core memory with who wrote it, and the message it came from."""
    if typed.lower() != SOURCES:
        raise CommandRefused(f"It is `memory` alone, or `memory {SOURCES}`.")
    shelves = context.parts.shelves

    async def show(agent: Agent) -> list[str]:
        shown = []
        for block in _for_caller(agent, context):
            sources = await sources_of(shelves, agent.id, block.label, block.value)
            shown.append(f"**{block.label}**\n{verbatim(_told(context, sources, agent.zone))}")
        return shown

    return "\n\n".join(await context.in_lane(show))


def _told(context: CommandContext, sources: Sequence[Source], zone: ZoneInfo) -> str:
    lines = []
    for source in sources:
        when = f", {local_time(source.edits[0].created_at, zone)}" if source.edits else ""
        lines += [one_line(source.line, MAX_LINE_CHARS), f"    {source.written_by('I')}{when}"]
        if (message := source.message) is not None and context.is_own(message):
            lines.append(f"    from message {message.id}: {one_line(message.text or '', MAX_LINE_CHARS)}")
    return "\n".join(lines) or "(empty)"
