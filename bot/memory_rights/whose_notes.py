"""Whose notes may change (pure): in a channel, what somebody writes changes notes on them and on the channel alone.

A model believes what it reads, so that one person could have it write what it likes of another. This is a rule of code:
whatever a model is talked into, the edit is refused. In direct messages there is nobody else.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bot.text import one_line
from memory.core.core_memory import person_label, person_of_label

PERSONA = "persona"


@dataclass(frozen=True, slots=True)
class Edit:
    """A block of some label is to go from one text to another; `kept` are the notes that the same step keeps."""

    label: str
    before: str
    after: str
    kept: Sequence[str] = ()


Refuses = Callable[[Edit], str | None]
"""Why an edit may not be made, in words for the model; None if it may."""

ITS_PERSONA = (
    "In a channel the persona is not yours to change: its moderators do that, with /agent persona. What is to be kept "
    "of the channel goes into the block channel."
)
NOBODYS = (
    "It was not one person's message that woke you, so that the blocks on people stay as they are. What somebody wrote "
    "of themselves is noted when they write, or while you reflect."
)
ANOTHERS = (
    "{author} wrote what woke you, so that of the blocks on people only {own} may change now. What somebody says of "
    "another is no note on them: leave it, or keep it in the block channel with who said so."
)


def anything(edit: Edit) -> str | None:
    """The rule of direct messages, and of whatever the program does by itself."""
    return None


def of_the_channel(edit: Edit) -> str | None:
    """The rule of a channel's blocks that are on nobody."""
    return ITS_PERSONA if edit.label == PERSONA else None


def in_turn(authors: Collection[str]) -> Refuses:
    """The rule of a channel's turn.

    Args:
        authors: the ids of those who wrote what woke the agent. Of several, none speaks for another; nobody wrote a
            heartbeat or a follow-up, whatever they read there.
    """
    only = next(iter(authors)) if len(authors) == 1 else None

    def refuses(edit: Edit) -> str | None:
        person = person_of_label(edit.label)
        if person is None:
            return of_the_channel(edit)
        if only is None:
            return NOBODYS
        return None if person == only else ANOTHERS.format(author=one_line(only, 60), own=person_label(only))

    return refuses
