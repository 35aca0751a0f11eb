"""Core memory as people are shown it: each line with when it was written, by what, and because of which message."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from zoneinfo import ZoneInfo

from bot.events import local_time
from bot.executor import Shelves
from bot.sources import Source, sources_of
from bot.text import one_line, verbatim
from memory.core_memory import Block
from memory.ports import Message

MAX_QUOTE_CHARS = 60

LinkTo = Callable[[str, str | None], str | None]
"""The address of a message by the platform's name for it and the thread it stands in, where the platform has such."""


async def told_lines(
    blocks: Iterable[Block],
    shelves: Shelves,
    agent_id: int,
    zone: ZoneInfo,
    *,
    reader: str,
    is_own: Callable[[Message], bool],
    link_to: LinkTo | None,
) -> list[str]:
    """Blocks of core memory, each with how full it is and where its lines come from.

    Args:
        blocks: what is shown.
        shelves: where the journal and the messages are.
        agent_id: whose blocks they are.
        zone: for times.
        reader: who reads it, as the journal names people.
        is_own: whether they may read a message.
        link_to: see `LinkTo`; None where there are no links.
    """

    def origin_of(source: Source) -> str:
        because = "" if source.message is None else _because_of(source.message, zone, link_to, is_own)
        return f"{_by(source, reader)}{_when(source, zone)}{because}"

    return [
        _told(block, shelves, await sources_of(shelves, agent_id, block.label, block.value), origin_of)
        for block in blocks
    ]


def _told(block: Block, shelves: Shelves, sources: Sequence[Source], origin_of: Callable[[Source], str]) -> str:
    heading = f"**{block.label}** ({shelves.counter.count(block.value)} of {block.limit} tokens)"
    if not sources:
        return f"{heading}\n{verbatim('(empty)')}"
    shown = "\n".join(f"{number}  {source.line}" for number, source in enumerate(sources, 1))
    origins: list[str] = []
    number = 1
    for origin, group in groupby(sources, origin_of):  # lines that came together are told of together
        count = len(list(group))
        which = f"{number}" if count == 1 else f"{number}–{number + count - 1}"
        origins.append(f"- {which}: {origin}")
        number += count
    return "\n".join((heading, verbatim(shown), *origins))


def _by(source: Source, reader: str) -> str:
    if not source.edits:
        return "there from the beginning"
    edit = source.edits[0]
    if edit.author == "agent":
        return f"by me, {'while I reflected, ' if edit.is_reflection else ''}with {edit.reason}"
    return f"by {'you' if edit.author == reader else edit.author}, with {edit.reason}"


def _when(source: Source, zone: ZoneInfo) -> str:
    return f", {local_time(source.edits[0].created_at, zone)}" if source.edits else ""


def _because_of(message: Message, zone: ZoneInfo, link_to: LinkTo | None, is_own: Callable[[Message], bool]) -> str:
    if not is_own(message):
        return f", because of what {one_line(message.author_name, 60)} wrote" if message.author_name else ""
    link = link_to(message.platform_id, message.thread) if link_to is not None and message.platform_id else None
    if link is not None:
        return f", because of [your message]({link})"
    said = one_line(message.text or "", MAX_QUOTE_CHARS)
    return f", because you wrote at {local_time(message.created_at, zone)}: “{said}”"
