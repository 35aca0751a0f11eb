"""Words at hand: a search finds by them what it would find in SQLite, and what was added since."""

import asyncio
from collections.abc import Sequence

import pytest

from memory.search.word_index import WordIndex
from memory.search.words import text_terms
from memory.search.words_at_hand import WordsAtHand
from memory.sqlite.database import Database
from memory.sqlite.tables import PASSAGE_WORDS

TEXTS = ["the Gartenhaus and its garden", "a Hausboot", "foo_bar-baz und Haus", "Straßenhaus: häuslich", "猫と犬"]
PARTS = ["haus", "hausboot", "garten", "garten_haus", "bar", "_", "a", "猫", "nothing"]


async def add(database: Database, words: WordsAtHand, owner: int, *texts: tuple[int, str]) -> None:
    cut = [(id_, text_terms(text)) for id_, text in texts]
    async with database.write() as transaction:
        await words.add(transaction, [(owner, *text) for text in cut])
    words.added(owner, cut)


async def holding(database: Database, words: WordIndex, owner: int, *parts: str) -> list[str]:
    async with database.read() as connection:
        return sorted(await words.words_holding(connection, owner, parts))


async def ids(database: Database, words: WordIndex, owners: Sequence[int], term: str) -> set[int]:
    async with database.read() as connection:
        found = await words.holding(connection, owners, [term])
    return {id_ for some in found[term] for id_ in some}


@pytest.mark.parametrize("owner", [7, -7])
async def test_the_same_words_are_found_as_in_sqlite(database: Database, owner: int) -> None:
    words = WordsAtHand(PASSAGE_WORDS)
    await add(database, words, owner, *enumerate(TEXTS, start=1))
    await add(database, words, 77, (9, "Hausmeister"))
    for part in PARTS:
        plain = await holding(database, WordIndex(PASSAGE_WORDS), owner, part)
        for _ in range(2):  # the second time from what is at hand
            assert await holding(database, words, owner, part) == plain
    assert await holding(database, words, owner, "haus", "boot") == await holding(
        database, WordIndex(PASSAGE_WORDS), owner, "haus", "boot"
    )
    assert await holding(database, words, 5, "haus") == []


async def test_what_is_added_later_is_found_inside_other_words(database: Database) -> None:
    words = WordsAtHand(PASSAGE_WORDS)
    assert await ids(database, words, [7], "haus") == set()
    await add(database, words, 7, (1, "Gartenhaus"))
    assert await ids(database, words, [7], "haus") == {1}
    await add(database, words, 7, (2, "Gartenhaus Baumhaus"))
    await add(database, words, 8, (3, "Treibhaus"))
    assert await ids(database, words, [7], "haus") == {1, 2}
    assert await ids(database, words, [7, 8], "haus") == {1, 2, 3}
    async with database.write() as transaction:
        await words.remove(transaction, [1, 2])
    assert await ids(database, words, [7], "haus") == set()


async def test_words_that_are_added_while_others_are_read_are_not_missed(database: Database) -> None:
    words = WordsAtHand(PASSAGE_WORDS)
    await add(database, words, 7, (1, "Gartenhaus"))
    for number in range(2, 30):
        words = WordsAtHand(PASSAGE_WORDS)
        await asyncio.gather(
            holding(database, words, 7, "haus"),
            add(database, words, 7, (number, f"Haus{'abcdefgh'[number % 8]}{number}")),
        )
        assert await holding(database, words, 7, "haus") == await holding(database, WordIndex(PASSAGE_WORDS), 7, "haus")


async def test_everything_forgotten_is_found_no_more(database: Database) -> None:
    words = WordsAtHand(PASSAGE_WORDS)
    await add(database, words, 7, (1, "Gartenhaus"))
    assert await ids(database, words, [7], "haus") == {1}
    async with database.write() as transaction:
        await words.empty(transaction)
    assert await holding(database, words, 7, "haus") == []


async def test_with_room_for_little_everything_is_still_found(database: Database) -> None:
    words = WordsAtHand(PASSAGE_WORDS, most=20)
    for owner in range(1, 6):
        await add(database, words, owner, (owner, f"Gartenhaus{owner} und Baumhaus"))
    for owner in (1, 2, 1, 5, 1):
        assert await ids(database, words, [owner], "haus") == {owner}
