"""An index of words that keeps the words of owners at hand.

SQLite counts the texts of each word that it goes through, which took most of a search among 10,000 notes.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from memory.search.word_index import WordIndex, escaped, span
from memory.sqlite.database import Transaction

MAX_AT_HAND = 4_000_000
"""Characters of all words at hand together; 10,000 notes have some 200,000 of them."""

_BREAK = "\n"


class WordsAtHand(WordIndex):
    """The same index; whoever adds to it says so after the commit.

    A word may be at hand whose last text is gone: it is looked up, and found nowhere.
    """

    def __init__(self, name: str, most: int = MAX_AT_HAND) -> None:
        super().__init__(name)
        self._most = most
        self._held: OrderedDict[int, str] = OrderedDict()
        """By owner, its words without their mark, with a break before and after each."""
        self._changes = 0
        self._all_words = text(
            f"SELECT group_concat(substr(term, :begin), char(10)) FROM {name}_vocabulary "
            "WHERE term >= :from_ AND term < :to"
        )

    def added(self, owner: int, texts: Iterable[tuple[int, Sequence[str]]]) -> None:
        """After the commit: these texts were added."""
        self._changes += 1
        held = self._held.get(owner)
        if held is None:
            return
        words = dict.fromkeys(escaped(term) for _, terms in texts for term in terms)
        self._held[owner] = held + "".join(word + _BREAK for word in words if f"{_BREAK}{word}{_BREAK}" not in held)

    async def empty(self, transaction: Transaction) -> None:
        """Forget everything."""
        self._held.clear()
        await super().empty(transaction)

    async def words_holding(self, connection: AsyncConnection, owner: int, parts: Sequence[str]) -> list[str]:
        """See `WordIndex`."""
        held = self._held.get(owner)
        if held is None:
            held = await self._read(connection, owner)
        else:
            self._held.move_to_end(owner)
        return list(dict.fromkeys(word for part in parts for word in _lines_with(held, part)))

    async def _read(self, connection: AsyncConnection, owner: int) -> str:
        changes = self._changes
        words = await connection.scalar(self._all_words, span(owner))
        held = f"{_BREAK}{words}{_BREAK}" if words else _BREAK
        if changes == self._changes:  # else a word may have come that was not seen
            self._held[owner] = held
            size = sum(map(len, self._held.values()))
            while size > self._most:
                size -= len(self._held.popitem(last=False)[1])
        return held


def _lines_with(lines: str, part: str) -> Iterable[str]:
    at = lines.find(part)
    while at >= 0:
        end = lines.index(_BREAK, at)
        yield lines[lines.rindex(_BREAK, 0, at) + 1 : end]
        at = lines.find(part, end)
