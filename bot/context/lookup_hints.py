"""Lookup hints: the last line of the recursive summary, which names what to search recall storage for.

A summary leaves most of what it replaces out; a hint leads back to it. So that no hint leads nowhere, each is looked up
before it is kept, at every eviction anew: it must find a message that is no longer in the window.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from memory.ports import Message, TokenCounter
from memory.search.words import query_words

HEADING = "Look up:"
MAX_HINT_CHARS = 60
MAX_HINTS = 24
"""Each costs a search at every eviction."""

MAX_PROPOSED = 12
"""At one eviction, so that the hints of earlier ones are not all pushed out at once."""

MAX_PER_MESSAGE = 3

Find = Callable[[str], Awaitable[Sequence[Message]]]
"""What recall storage finds first for a term, of the messages that are not in the window any more."""

_LINE = re.compile(rf"^[^\w\n]*{HEADING[:-1].replace(' ', '[ -]?')}[^\w\n:]*:", re.IGNORECASE | re.MULTILINE)
_MARKUP = " \t*_`•.,\"'“”‘’"
_PLAIN = re.compile(r"^[^\w#@+]+|[^\w#+]+$")
_IDENTIFIER = re.compile(r"\d|[@#/_\\]|[A-Z]{2}|\w\.\w")
# A sentence of Chinese or Japanese is one word to `split`: its nouns are what stands between the small words.
_UNSPACED = re.compile(r"([\u3000-\u9fff\uff00-\uff0f]+)")
_UNSPACED_NOUN = re.compile(r"[\u30a0-\u30ff]{2,10}|[\u4e00-\u9fff]{2,4}")
_SMALL_WORDS = re.compile("[的了是在我你他她它们和有不这那也就都要会去到说叫个很]")


def parted(summary: str) -> tuple[str, tuple[str, ...]]:
    """A summary without its hints, and the hints: of our own form, or of any that a model makes of it."""
    found = list(_LINE.finditer(summary))
    if not found:
        return summary, ()
    body, said = summary[: found[-1].start()].rstrip(), summary[found[-1].end() :]
    terms = re.split(r"[;；\n]" if re.search(r"[;；\n]", said.strip()) else r",\s|[、，]", said)
    return body, _each_once(term.strip(_MARKUP).removeprefix("- ").strip(_MARKUP) for term in terms)


def joined(body: str, hints: Sequence[str]) -> str:
    """The summary that `parted` takes apart."""
    return "\n".join(part for part in (body, f"{HEADING} {'; '.join(hints)}" if hints else "") if part)


def telling_terms(texts: Sequence[str]) -> tuple[str, ...]:
    """The words of some texts by which they are found again: identifiers, names, rare words; the best first."""
    terms = [dict(sorted(_weighed(text).items(), key=lambda term: -term[1])) for text in texts]
    frequency = Counter(term.casefold() for own in terms for term in own)
    ranked = [
        (weight / frequency[term.casefold()] / (1 + place // MAX_PER_MESSAGE), -number, term)
        for number, own in enumerate(terms)
        for place, (term, weight) in enumerate(own.items())
        if frequency[term.casefold()] <= max(2, len(texts) // 4)
    ]
    return _each_once(term for _, _, term in sorted(ranked, reverse=True))[: 2 * MAX_PROPOSED]


async def holding(terms: Iterable[str], find: Find, among: Collection[int] | None = None) -> tuple[str, ...]:
    """Those of the terms that lead back to a message out of the window.

    Args:
        terms: what might be searched for.
        find: looks a term up.
        among: ids of messages, one of which a term must find; None: whichever.
    """
    return tuple([term for term in terms if any(_is_about(term, message, among) for message in await find(term))])


def fitting(hints: Sequence[str], counter: TokenCounter, max_tokens: int) -> tuple[str, ...]:
    """The last of the hints, as many as there is room for: the oldest drop out first."""
    kept = list(hints[-MAX_HINTS:])
    while kept and counter.count(joined("", kept)) > max_tokens:
        del kept[0]
    return tuple(kept)


def renewed(earlier: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Earlier hints and new ones behind them; one that is given again counts as new."""
    given = {hint.casefold() for hint in new}
    return (*(hint for hint in earlier if hint.casefold() not in given), *new)


def _is_about(term: str, message: Message, among: Collection[int] | None) -> bool:
    """Whether a message that a search found really holds the term, or most of it, and is not merely like it."""
    words, text = query_words(term), (message.text or "").lower()
    return (among is None or message.id in among) and 2 * sum(word in text for word in words) >= len(words)


def _each_once(terms: Iterable[str]) -> tuple[str, ...]:
    fitting = (term for term in terms if len(term) <= MAX_HINT_CHARS and ";" not in term and re.search(r"\w", term))
    return tuple({term.casefold(): term for term in fitting}.values())


def _weighed(text: str) -> dict[str, int]:
    """Terms of one text, with how well each tells it from others."""
    weighed: dict[str, int] = {}
    name: list[str] = []
    begins = True  # a sentence: there every word has a capital
    for word in [*_UNSPACED.sub(r" \1 ", text).split(), ""]:
        plain = _PLAIN.sub("", word)
        is_identifier = len(plain) > 2 and _IDENTIFIER.search(plain) is not None
        is_name = not begins and not is_identifier and plain[:1].isupper() and re.split("['’]", plain)[0] != "I"
        if name and not is_name:
            weighed.setdefault(" ".join(name[:4]), 2)
            name = []
        if is_name:
            name.append(plain)
        elif is_identifier:
            weighed.setdefault(plain, 3)
        elif len(plain) > 6 and plain.islower():
            weighed.setdefault(plain, 1)
        nouns = [noun for part in _SMALL_WORDS.split(plain) for noun in _UNSPACED_NOUN.findall(part)]
        weighed.update(dict.fromkeys(nouns, 1))
        if name and word.endswith((",", ";")):
            weighed.setdefault(" ".join(name[:4]), 2)
            name = []
        # "Dr." and the like end none.
        begins = word.endswith(("!", "?", ":")) or (word.endswith(".") and not (len(word) < 5 and word[0].isupper()))
    return weighed
