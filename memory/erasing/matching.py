"""Whether a text speaks of what somebody names in a few words, by the terms of both (pure)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from memory.search.words import query_terms, text_terms

Item = TypeVar("Item")

ENOUGH = 0.5
"""Of the words, so many a text must hold where none holds all."""

_SHORT = 5
"""The stem of a shorter word need not stand in the word: that of `dying` is `die`."""


@dataclass(frozen=True, slots=True)
class Matching:
    """What is sought, as terms; `of` makes it. There may be none, if only common words were named."""

    terms: frozenset[str]

    @classmethod
    def of(cls, words: str) -> "Matching":
        """What somebody named."""
        return cls(frozenset(query_terms(words)))

    def share(self, text: str) -> float:
        """How much of it a text holds: from 0 to 1."""
        return len(self.terms.intersection(text_terms(text))) / len(self.terms) if self.terms else 0.0

    def is_in(self, text: str | None) -> bool:
        """Whether a text holds all of it."""
        return (
            bool(text)
            and bool(self.terms)
            and self._may_be_in(text or "")
            and self.terms.issubset(text_terms(text or ""))
        )

    def best_of(self, items: Sequence[Item], text_of: Callable[[Item], str]) -> tuple[Item, ...]:
        """Those that hold all of it; if none does, those that hold the most, which must be half of it."""
        shares = [self.share(text_of(item)) for item in items]
        most = max(shares, default=0.0)
        return tuple(item for item, share in zip(items, shares, strict=True) if share == most >= ENOUGH)

    def _may_be_in(self, text: str) -> bool:
        """False only if that can be told without taking the text apart, which costs a hundred times as much."""
        if not text.isascii():
            return True
        lowered = text.lower()
        certain = (term for term in self.terms if len(term) >= _SHORT and term.isascii() and term.isalpha())
        return all(term[:-2] in lowered for term in certain)
