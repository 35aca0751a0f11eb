"""Words that tell of whoever alone has used them: rare ones, which no other agent and no document has.

A common word is nobody's: that only one person happened to use it on this bot proves nothing of what else holds it.
"""

import asyncio
import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import text

from memory.ports import TokenCounter
from memory.search.word_index import escaped, span
from memory.sqlite.database import Database
from memory.sqlite.tables import MESSAGE_WORDS, PASSAGE_WORDS

COMMON_TOKENS = 2
"""A word of so few tokens is common: a tokenizer has a token for what is often written, or for most of it."""

MIN_CHARS = 4
"""A shorter word tells nothing, unless a digit is in it, or it is of a script that needs few characters."""


class Telling:
    """Asks the indexes of words."""

    def __init__(self, database: Database, counter: TokenCounter, *, is_beside: bool = False) -> None:
        """`is_beside`: whoever asks means agents of another database, and none of them is in this one."""
        self._database = database
        self._counter = counter
        self._is_beside = is_beside

    def from_beside(self) -> "Telling":
        """The same for whoever works on another database."""
        return Telling(self._database, self._counter, is_beside=True)

    async def among(self, terms: Collection[str], own_agents: Collection[int]) -> set[str]:
        """Of some terms those that are rare, and that agents other than a person's own have not heard."""
        rare = await asyncio.to_thread(self._rare, terms)
        return rare - await self.held(rare, () if self._is_beside else own_agents)

    async def held(self, terms: Collection[str], but_by: Collection[int] = ()) -> set[str]:
        """Which of these terms stand in any index, but for those of some agents."""
        if not terms:
            return set()
        of_term = {escaped(term): term for term in terms}
        spans = {f"own{at}": span(agent_id) for at, agent_id in enumerate(but_by)}
        outside = " AND ".join(f"NOT (term >= :{name}_from AND term < :{name}_to)" for name in spans) or "true"
        values: dict[str, Any] = {"terms": json.dumps(sorted(of_term))}
        for name, own in spans.items():
            values |= {f"{name}_from": own["from_"], f"{name}_to": own["to"]}
        word = "substr(term, instr(term, ':') + 1)"
        found: set[str] = set()
        async with self._database.read() as connection:
            for index in (MESSAGE_WORDS, PASSAGE_WORDS):
                statement = (
                    f"SELECT DISTINCT {word} FROM {index}_vocabulary WHERE {outside} "
                    f"AND {word} IN (SELECT value FROM json_each(:terms))"
                )
                found.update(of_term[each] for each in await connection.scalars(text(statement), values))
        return found

    def _rare(self, terms: Collection[str]) -> set[str]:
        return {term for term in terms if self._is_rare(term)}

    def _is_rare(self, term: str) -> bool:
        if not term.isascii() or any(map(str.isdigit, term)):
            return True
        return len(term) >= MIN_CHARS and self._counter.count(f" {term}") > COMMON_TOKENS
