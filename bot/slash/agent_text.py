"""What people are shown of an agent as it is: its blocks, its window, and what lies beyond."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.context.context_bar import context_bar
from bot.events import local_time
from bot.minds.mind import Mind
from bot.text import verbatim
from bot.turns.shelves import Shelves
from memory.core.core_memory import Block


def told_blocks(blocks: Iterable[Block], shelves: Shelves) -> list[str]:
    """Blocks of core memory, each with how full it is."""
    sizes = [(block, shelves.counter.count(block.value)) for block in blocks]
    return [
        f"**{block.label}** ({size} of {block.limit} tokens)\n{verbatim(block.value or '(empty)')}"
        for block, size in sizes
    ]


def told_window(agent: Agent, mind: Mind) -> str:
    """What fills the window."""
    window = mind.shelves.room.window
    bar = context_bar(mind.queue_manager.shares(agent), window)
    return f"**Context window** ({window} tokens)\n{verbatim(bar)}"


def told_pause(agent: Agent, zone: ZoneInfo) -> list[str]:
    """That memory is paused, if it is."""
    if agent.paused_at is None:
        return []
    return [f"Memory is **paused** since {local_time(agent.paused_at, zone)}: I keep nothing of what is said."]


async def told_beyond(agent: Agent, shelves: Shelves) -> str:
    """What can be searched."""
    messages, notes = await shelves.recall.count(agent.id), await shelves.archival.count(agent.id)
    pieces = await shelves.archival.count_pieces(agent.id)
    beyond = f", {notes} notes and {pieces} pieces of documents" if pieces else f" and {notes} notes"
    return f"Beyond that I can search {messages} messages{beyond}."
