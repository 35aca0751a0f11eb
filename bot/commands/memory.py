"""/agent memory."""

import re
from collections.abc import Sequence
from contextlib import aclosing
from zoneinfo import ZoneInfo

from adapters.ports.commands import CommandReply
from bot.agent import Agent
from bot.context.sources import Source, sources_of
from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.agent_text import told_beyond, told_pause, told_window
from bot.slash.changes_text import told_change, told_source
from bot.slash.command import CommandContext
from bot.slash.lines_text import told_lines
from bot.text import one_line, verbatim
from memory.core.change_journal import MemoryChange
from memory.core.core_memory import Block

SOURCES, CHANGES = "sources", "changes"
MAX_LINE_CHARS = 160
_CHANGES = re.compile(r"changes(?: +([1-9]\d{0,5}))?", re.IGNORECASE | re.ASCII)
SHOWN = 10
"""Changes on one page."""


async def _words(context: CommandContext) -> tuple[str, ...]:
    return (SOURCES, CHANGES)


@command(suggest=_words)
async def memory(context: CommandContext, what: str = "") -> str | CommandReply:
    """Show what I keep in mind; with "sources" how I know it, with "changes" what changed in it, and when.

    Older changes stand on further pages: `changes 2`.
    """
    if page := _CHANGES.fullmatch(what):
        return await _changes(context, int(page[1] or 1))
    if what:
        return await _sources(context, what)
    shelves, zone = context.parts.shelves, await context.zone()

    async def show(agent: Agent) -> CommandReply:
        window = told_window(agent, context.parts.minds.of(agent))
        blocks = await told_lines(
            _for_caller(agent, context),
            shelves,
            agent.id,
            zone,
            reader=context.author,
            is_own=context.is_own,
            link_to=context.link_to,
        )
        above, below = told_pause(agent, zone), (window, await told_beyond(agent, shelves))
        text = "\n\n".join((*above, *(block.text for block in blocks), *below))
        return CommandReply(text, pieces=(*above, *(piece for block in blocks for piece in block.pieces), *below))

    return await context.in_lane(show)


def _for_caller(agent: Agent, context: CommandContext) -> list[Block]:
    """The blocks that are everybody's, and the caller's own."""
    return [block for block in agent.core if context.shows_block(block.label)]


async def _changes(context: CommandContext, page: int) -> str:
    """What changed in core memory and among the notes, the newest first."""
    agent_id, zone = await context.parts.agents.id_of(context.scope), await context.zone()
    changes: list[MemoryChange] = []
    if agent_id is not None:
        async with aclosing(context.parts.stores.memory_changes.newest_first(agent_id)) as newest_first:
            async for change in newest_first:
                if any(context.shows_edit(edit) for edit in change.all_edits):
                    changes.append(change)
                if len(changes) > page * SHOWN:
                    break
    shown = changes[(page - 1) * SHOWN : page * SHOWN]
    if agent_id is None or not shown:
        return "There are no older changes." if page > 1 else "Nothing has changed in my memory yet."
    named = {id_ for change in shown for edit in change.all_edits if (id_ := edit.source_message_id) is not None}
    said = await context.parts.shelves.recall.get(agent_id, sorted(named))
    messages = {message.id: message for message in said}
    told = [
        told_change(change, zone, messages, context.shows_edit, context.author, reads=context.is_own)
        for change in shown
    ]
    if len(changes) > page * SHOWN:
        told.append(f"Older changes: `/agent memory {CHANGES} {page + 1}`.")
    return "\n\n".join(told)


async def _sources(context: CommandContext, typed: str) -> str:
    """Each line of core memory with who wrote it, and the message it came from."""
    if typed.lower() != SOURCES:
        raise CommandRefused(f"It is `memory` alone, `memory {SOURCES}` or `memory {CHANGES}`.")
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
        if source.message is not None:
            lines += told_source(source.message, context.is_own)
    return "\n".join(lines) or "(empty)"
