"""/agent export."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from adapters.ports.commands import AnswerFile, CommandReply
from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import CONSOLE
from bot.text import clean, counted
from memory.portable.dump import dump
from memory.portable.export_parts import cut
from memory.portable.person import dump_of_person
from memory.portable.records import Record
from memory.ports import StorageUnavailable
from memory.sqlite.upkeep import Reader

logger = logging.getLogger(__name__)

NAME = "memory.zip"

MOST_PARTS = 20
"""Where a platform takes no larger file; of more, whoever runs the bot has to give it."""


@command
async def export(context: CommandContext) -> str | CommandReply:
    """Give you all that I keep of us as a file (in a channel, what you wrote and what is noted of you)."""
    agent_id = await context.parts.agents.id_of(context.scope)
    if agent_id is None:
        return "We have not talked yet, so there is nothing to export."
    origin, is_at_console = context.origin, context.origin.address.platform == CONSOLE

    def records(reader: Reader) -> AsyncIterator[Record]:
        if origin.is_direct:
            return dump(reader, agent_id, with_usage=True)
        return dump_of_person(reader, agent_id, clean(origin.person.id), context.author)

    zone = await context.zone()
    try:
        path, counts = await context.parts.rights.exports.make(context.scope, records, zone, stays=is_at_console)
    except (OSError, StorageUnavailable) as error:
        logger.warning("an export could not be written: %s", error)
        raise CommandRefused(
            "The file cannot be written here now. Whoever runs me finds the reason in the log."
        ) from None
    told = _told(counts)
    if is_at_console:
        return f"{told}\n\nThe file is `{path}`."
    return CommandReply(told, file=AnswerFile(NAME, path, partial(_cut, path)))


def _cut(path: Path, max_bytes: int) -> list[AnswerFile]:
    parts = cut(path, max_bytes, MOST_PARTS)
    return [AnswerFile(f"memory-{number}-of-{len(parts)}.zip", part) for number, part in enumerate(parts, 1)]


def _told(counts: Counter[str]) -> str:
    held = f"{counted(counts['message'], 'message')}, {counted(counts['passage'], 'note')}"
    if counts["document"]:
        held += f", {counted(counts['document'], 'document')}"
    return f"This is what I keep: {held}, core memory and how it changed. `memory.md` in it is for reading."
