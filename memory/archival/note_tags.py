"""Tags that come to a note which is kept already, and go again with the messages that brought them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select, update

from memory.sqlite.database import Transaction
from memory.sqlite.tables import passages

Added = list[dict[str, Any]]
"""As it stands in a note's row: for each message that brought tags, {"message": its id, "tags": […]}, in order."""


async def add_tags(
    transaction: Transaction, agent_id: int, passage_id: int, tags: Sequence[str], source_message_id: int | None
) -> tuple[str, ...]:
    """Unite tags with those of a note, and remember which message brought those that are new: these are returned."""
    kept = (await transaction.execute(_note(agent_id, passage_id))).one()
    new = list(dict.fromkeys(tag for tag in tags if tag not in kept.tags))
    if not new:
        return ()
    added: Added | None = kept.tags_added
    if source_message_id is not None:
        added = [*(added or ()), {"message": source_message_id, "tags": new}]
    await _set(transaction, agent_id, passage_id, [*kept.tags, *new], added)
    return tuple(new)


async def take_tags(transaction: Transaction, agent_id: int, passage_id: int, tags: Collection[str]) -> None:
    """Take some of its tags from a note, whoever brought them."""
    kept = (await transaction.execute(_note(agent_id, passage_id))).one()
    added: Added = [
        {"message": of["message"], "tags": [tag for tag in of["tags"] if tag not in tags]}
        for of in kept.tags_added or ()
    ]
    left = [of for of in added if of["tags"]]
    await _set(transaction, agent_id, passage_id, [tag for tag in kept.tags if tag not in tags], left or None)


async def take_tags_back(transaction: Transaction, agent_id: int, source_message_ids: Collection[int]) -> int:
    """Take from an agent's notes the tags that these messages brought; returns how many notes those were."""
    added_to = select(passages.c.id, passages.c.tags, passages.c.tags_added)
    of_agent = (passages.c.agent_id == agent_id, passages.c.tags_added.is_not(None))
    count = 0
    for note in (await transaction.execute(added_to.where(*of_agent))).all():
        left = [added for added in note.tags_added if added["message"] not in source_message_ids]
        if len(left) < len(note.tags_added):
            gone = {tag for added in note.tags_added if added not in left for tag in added["tags"]}
            await _set(transaction, agent_id, note.id, [tag for tag in note.tags if tag not in gone], left or None)
            count += 1
    return count


def _note(agent_id: int, passage_id: int) -> Any:
    which = (passages.c.agent_id == agent_id, passages.c.id == passage_id)
    return select(passages.c.tags, passages.c.tags_added).where(*which)


async def _set(
    transaction: Transaction, agent_id: int, passage_id: int, tags: Sequence[str], added: Added | None
) -> None:
    """Tags stand in the index of vectors, too: it is to be made anew."""
    values = {"tags": list(tags), "tags_added": added, "indexed_at": None, "embedder": None}
    which = (passages.c.agent_id == agent_id, passages.c.id == passage_id)
    await transaction.execute(update(passages).where(*which).values(values))
