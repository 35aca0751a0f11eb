"""How the agent knows what stands in its core memory: each line with who wrote it, and the message it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.turns.shelves import Shelves
from memory.core.provenance import SourcedLine, sourced_lines
from memory.ports import BlockEdit, Message


@dataclass(frozen=True, slots=True)
class Source:
    """Where a line comes from: the edits that made it, and the newest message that is known to be behind one."""

    line: str
    edits: tuple[BlockEdit, ...]
    message: Message | None

    def written_by(self, agent: str) -> str:
        """Who wrote the line last, and how; the words for the agent are as the reader needs them."""
        if not self.edits:
            return "there from the beginning"
        edit = self.edits[0]
        return agent if edit.author == "agent" else f"{edit.author} ({edit.reason})"


async def sources_of(
    shelves: Shelves, agent_id: int, label: str, value: str, drafted: Sequence[BlockEdit] = ()
) -> tuple[Source, ...]:
    """The lines of a block with their sources.

    Args:
        shelves: where the journal and the messages are.
        agent_id: whose block it is; a message of anybody else is never shown.
        label: the block.
        value: what stands in it now.
        drafted: edits that are not yet in the journal.
    """
    edits = (*await shelves.agents.edits_of(agent_id, label), *(edit for edit in drafted if edit.label == label))
    lines = sourced_lines(value, edits)
    named = {id_ for line in lines for id_ in _message_ids(line)}
    messages = {message.id: message for message in await shelves.recall.get(agent_id, sorted(named))}
    return tuple(Source(line.text, line.edits, _newest(line, messages)) for line in lines)


def _message_ids(line: SourcedLine) -> list[int]:
    return [edit.source_message_id for edit in line.edits if edit.source_message_id is not None]


def _newest(line: SourcedLine, messages: dict[int, Message]) -> Message | None:
    return next((messages[id_] for id_ in _message_ids(line) if id_ in messages), None)
