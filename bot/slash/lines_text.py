"""Core memory as people are shown it: each line with when it was written, by what, and because of which message."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

from adapters.ports.commands import KnownLine
from bot.context.sources import Source, sources_of
from bot.events import local_time, named
from bot.slash.line_places import place_of
from bot.text import one_line, verbatim
from bot.turns.shelves import Shelves
from memory.core.core_memory import Block
from memory.ports import Message

MAX_QUOTE_CHARS = 60
EMPTY = verbatim("(empty)")

LinkTo = Callable[[str, str | None], str | None]
"""The address of a message by the platform's name for it and the thread it stands in, where the platform has such."""


@dataclass(frozen=True, slots=True)
class ToldBlock:
    """A block of core memory as people are shown it: its lines, and of each in Markdown how it is known."""

    label: str
    heading: str
    lines: tuple[tuple[str, str], ...]

    @property
    def pieces(self) -> tuple[str | KnownLine, ...]:
        """One by one."""
        known = (
            KnownLine(str(place_of(self.label, number, line)), line, f"{verbatim(f'{number}  {line}')}\n{origin}")
            for number, (line, origin) in enumerate(self.lines, 1)
        )
        return (self.heading, *(known if self.lines else (EMPTY,)))

    @property
    def text(self) -> str:
        """In one."""
        if not self.lines:
            return f"{self.heading}\n{EMPTY}"
        shown = "\n".join(f"{number}  {line}" for number, (line, _) in enumerate(self.lines, 1))
        origins: list[str] = []
        number = 1
        for origin, group in groupby(origin for _, origin in self.lines):  # lines that came together are told so
            count = len(list(group))
            which = f"{number}" if count == 1 else f"{number}–{number + count - 1}"
            origins.append(f"- {which}: {origin}")
            number += count
        return "\n".join((self.heading, verbatim(shown), *origins))


async def told_lines(
    blocks: Iterable[Block],
    shelves: Shelves,
    agent_id: int,
    zone: ZoneInfo,
    *,
    reader: str,
    is_own: Callable[[Message], bool],
    link_to: LinkTo | None,
) -> list[ToldBlock]:
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
        ToldBlock(
            block.label,
            f"**{block.label}** ({shelves.counter.count(block.value)} of {block.limit} tokens)",
            tuple(
                (source.line, origin_of(source))
                for source in await sources_of(shelves, agent_id, block.label, block.value)
            ),
        )
        for block in blocks
    ]


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
        who = named(one_line(message.author_name or "", 60), message.author_id) if message.author_id else None
        return f", because of what {who} wrote" if who else ""
    link = link_to(message.platform_id, message.thread) if link_to is not None and message.platform_id else None
    if link is not None:
        return f", because of [your message]({link})"
    said = one_line(message.text or "", MAX_QUOTE_CHARS)
    return f", because you wrote at {local_time(message.created_at, zone)}: “{said}”"
