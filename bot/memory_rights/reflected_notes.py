"""What a reflection may change of what is noted of people (pure): it reads what all have said, and tidies.

So that nobody has it write of another: new words come from who they are about, as far as words can tell, and nothing
goes that is not said anywhere else.
"""

from collections.abc import Sequence

from bot.memory_rights.whose_notes import Edit, Refuses, of_the_channel
from bot.text import one_line
from bot.timed.reflection_text import source_of
from memory.core.core_memory import person_of_label
from memory.ports import Message
from memory.search.words import text_terms

NOT_THEIR_WORDS = (
    "That does not come from what {person} wrote, and only their own words may change the block on them. Leave it out, "
    "or use their words."
)
NOT_KEPT = (
    "Lines on {person} may go only where another line of the block, or a note that you have just kept with "
    "archival_memory_insert, says the same word for word, or where a line of the same matter takes their place."
)


def in_reflection(messages: Sequence[Message], kept: Sequence[str]) -> Refuses:
    """The rule of a channel's reflection, which reads what all have said, and tidies.

    Args:
        messages: those that it has before it.
        kept: the notes that its earlier steps kept.
    """
    by = {message.id: message.author_id for message in messages}

    def refuses(edit: Edit) -> str | None:
        person = person_of_label(edit.label)
        if person is None:
            return of_the_channel(edit)
        old, new = edit.before.split("\n"), edit.after.split("\n")
        added = "\n".join(line for line in new if line not in old)
        words = {term for term in set(text_terms(added)).difference(text_terms(edit.before)) if not term.isdigit()}
        if words:  # else it says the same in another order, or with dates
            source = source_of(added, edit.before, messages)
            if source is None or by[source] != person:
                return NOT_THEIR_WORDS.format(person=one_line(person, 60))
        told_now, notes = [set(text_terms(line)) for line in new], _flat(" ".join((*kept, *edit.kept)))
        for line in old:
            told = set(text_terms(line))
            is_there = line in new or _flat(line) in notes or any(told <= now for now in told_now)
            if not (is_there or told.intersection(text_terms(added))):
                return NOT_KEPT.format(person=one_line(person, 60))
        return None

    return refuses


def _flat(text: str) -> str:
    return " ".join(text.split())
