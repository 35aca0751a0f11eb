"""Nested keys and values (MemGPT, section 3.2.2): a value may be a key of its own, to be looked up in its turn."""

import random
from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

from benchmarks.memory.case import Case, Question
from bot.testing import Bot
from memory.ports import NewPassage

PAIRS = 140
LEVELS = 5
"""From a value that is no key, to a chain of four keys behind the first."""

Pair = tuple[str, str]


def nested_pairs(seed: int) -> tuple[list[Pair], list[list[str]]]:
    """Pairs in no order, and for each level its chain: the key that is asked for, those behind it, the last value."""
    source = random.Random(seed)

    def uuid() -> str:
        return str(UUID(int=source.getrandbits(128), version=4))

    chains = [[uuid() for _ in range(level + 2)] for level in range(LEVELS)]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    pairs += [(uuid(), uuid()) for _ in range(PAIRS - len(pairs))]
    source.shuffle(pairs)
    return pairs, chains


def note_of(pair: Pair) -> str:
    """A pair as the archive keeps it."""
    return f"key: {pair[0]}, value: {pair[1]}"


def nested_keys(seed: int) -> Case:
    """An agent with all pairs in its archive, asked once at each level."""
    pairs, chains = nested_pairs(seed)

    async def fill(bot: Bot, person: str) -> None:
        await keep_notes(bot, person, [note_of(pair) for pair in pairs])

    questions = [Question(_asked(chain[0]), (chain[-1],), f"level {level}") for level, chain in enumerate(chains)]
    return Case("keys", fill, tuple(questions))


async def keep_notes(bot: Bot, person: str, notes: Sequence[str]) -> None:
    """Put notes into an agent's archival storage."""
    agent, archival = await bot.agent(person=person), bot.app.shelves.archival
    new = [NewPassage(content=note, created_at=bot.clock()) for note in notes]
    async with bot.app.stores.database.write() as transaction:
        await archival.insert(transaction, agent.id, new)
    await archival.index_pending()


def _asked(key: str) -> str:
    return (
        f"Your archival storage holds notes of the form 'key: …, value: …'. What is the value of the key {key}? "
        "If that value is itself the key of another note, look that one up as well, and so on, until you have a value "
        "that is no key of any note. Tell me that last value and nothing else."
    )
