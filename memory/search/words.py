"""Words of texts and of queries, in any script: what an index holds and what a search looks for (pure).

A *term* is a word as the index knows it: in lower case, without accents, without its ending. Scripts that are written
without spaces, and Korean, are indexed by pairs of characters.

Whatever changes the terms of a text needs a migration that has old texts indexed anew (see `0008_terms_anew`).
"""

import re
import unicodedata
from collections.abc import Callable, Container, Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

_STOP_WORDS = frozenset(
    "a about am an and any are as at be been but by can could d did do does for from had has have he her him his how i "
    "if in into is it its ll m me my no not of on or our re s she so t than that the their them then there these they "
    "this to us ve was we were what when where which who whom why will with would you your yours".split()
)
# Scripts without spaces, and Korean, whose words carry their particles: runs of them are taken by pairs of characters.
_PAIRED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af"
    r"\uf900-\ufaff\U00020000-\U0003ffff]+"
)
# To Python's `\w`, combining marks are no part of a word: not the vowels of Hindi and Thai, not a loose accent.
_MARKS = "".join(mark for mark in map(chr, range(0x300, 0x3100)) if unicodedata.category(mark)[0] == "M")
_LETTER = rf"(?:(?!_)[\w{_MARKS}\u200c])"
_EMOJI = r"[\u00a2-\u00a9\u20a0-\u20bf\u2100-\u2bff\U0001f000-\U0001faff]"
_WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*|{_EMOJI}|[^\w\s]{{2,}}")
# The same where there is nothing but ASCII, as in most texts: in half the time.
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\w\s]{2,}")
_AS_ONE = re.compile(rf"(?<![^\W_])(?<![{_MARKS}\u200c]){_LETTER}++(?:[-\u2010-\u2013_./:#@+\\]{_LETTER}++)++")
_ELISION = re.compile(r"^(?!o')[^\W\d_]{1,2}'(?=\w)")  # French and Italian: l'été, d'oro; but Irish: O'Brien
_GROUPED = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")
_IN_GROUPS = re.compile(r",\d{3}")  # begins with a letter to look for, so that most texts cost nothing
_ACCENTS = re.compile(
    r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640\u200c]"
)
# Letters that no normal form takes apart. A Turkish i is one, with or without a dot.
_PLAIN = str.maketrans(
    {"ł": "l", "đ": "d", "ð": "d", "ø": "o", "ı": "i", "ħ": "h", "ŧ": "t", "œ": "oe", "æ": "ae", "þ": "th"}
)
_SKIN_TONE = re.compile(r"[\U0001f3fb-\U0001f3ff\ufe0f\u200d]")
_ENDINGS = (
    (re.compile(r"[a-z]+"), "english"),
    (re.compile(r"[\u0400-\u04ff]+"), "russian"),
    (re.compile(r"[\u0600-\u06ff]+"), "arabic"),
    (re.compile(r"[\u0900-\u097f]+"), "hindi"),
)

MAX_WORDS = 24
"""Of a longer query, the rarest so many words count (see `word_index.py`), and the first so many for its meaning."""

MAX_TERMS = 96
"""Of so many terms of a query it is looked up how rare they are; of more, the longest."""

MAX_AS_ONE = 8
"""So many identifiers of a query are looked for as they are written, none of them longer than `MAX_AS_ONE_CHARS`."""

MAX_AS_ONE_CHARS = 200
MAX_QUERY_CHARS = 20_000
MAX_TERM_CHARS = 64
MAX_TEXT_CHARS = 200_000
"""Of a longer text, so much is indexed."""


class AsOne(NamedTuple):
    """What a query writes as one though it is several terms; `parts` are its words as they stand."""

    parts: tuple[str, ...]
    terms: tuple[str, ...]


def query_words(query: str) -> tuple[str, ...]:
    """The words of a query that are worth looking for, in lower case, each once.

    A query of nothing but common words keeps them; one without any word at all is looked for as it stands.
    """
    words = list(dict.fromkeys(_words(query[:MAX_QUERY_CHARS])))
    counting = [word for word in words if word not in _STOP_WORDS] or words or [query.lower().strip()]
    return tuple(word for word in counting if word)[:MAX_WORDS]


def query_terms(query: str, without: Container[str] = ()) -> tuple[str, ...]:
    """The terms of a query, each once; none if it holds nothing but common words and signs.

    Args:
        query: what is looked for.
        without: folded words to be left out.
    """
    words = dict.fromkeys(_words(query[:MAX_QUERY_CHARS]))
    counting = [word for word in words if word not in _STOP_WORDS and not (without and fold(word) in without)]
    terms = list(dict.fromkeys(map(_term, counting)))
    if len(terms) > MAX_TERMS:
        longest = set(sorted(terms, key=len, reverse=True)[:MAX_TERMS])  # of equals, the first
        terms = [term for term in terms if term in longest]
    return tuple(terms)


def written_as_one(query: str) -> tuple[AsOne, ...]:
    """The identifiers in a query: words with a sign between and a digit in one, such as ORD-55-17 or 192.168.1.17."""
    found: list[AsOne] = []
    for written in dict.fromkeys(_AS_ONE.findall(query[:MAX_QUERY_CHARS].lower())):
        terms = query_terms(written)
        if len(terms) > 1 and len(written) <= MAX_AS_ONE_CHARS and any(map(str.isdigit, written)):
            found.append(AsOne(tuple(re.findall(f"{_LETTER}+", written)), terms))
    return tuple(found[:MAX_AS_ONE])


def text_terms(text: str) -> list[str]:
    """The terms of a text, in order, as often as they stand there; not the common words."""
    terms: dict[str, str] = {}  # a text repeats its words
    for word in dict.fromkeys(words := list(_words(text[:MAX_TEXT_CHARS]))):
        if word not in _STOP_WORDS:
            terms[word] = _term(word)
    return [terms[word] for word in words if word in terms]


def fold(text: str) -> str:
    """A text in the form in which words are compared: lower case, no accents, one form for each letter."""
    if text.isascii():
        return text.lower()
    lowered = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", lowered)).translate(_PLAIN))


def _words(text: str) -> Iterator[str]:
    # An ellipsis stays one sign: taken apart it would be a word of three.
    lowered = (text if text.isascii() else unicodedata.normalize("NFKC", text.replace("…", " "))).lower()
    is_ascii = lowered.isascii()
    if _IN_GROUPS.search(lowered):  # 1,000 is 1000, too; but in a list each stands for itself
        yield from (grouped.replace(",", "") for grouped in _GROUPED.findall(lowered))
    for word in _ASCII_WORD.findall(lowered) if is_ascii else _WORD.findall(_SKIN_TONE.sub("", lowered)):
        if word.isascii() and word.isalnum():  # the most of most texts, made short
            yield word
            continue
        if not _PAIRED.search(word):
            yield _ELISION.sub("", word.replace("’", "'")).removesuffix("'s")
            continue
        yield from _PAIRED.sub(" ", word).split()
        for run in _PAIRED.findall(word):
            yield from (run[at : at + 2] for at in range(max(1, len(run) - 1)))


@lru_cache(maxsize=50_000)
def _term(word: str) -> str:
    folded = fold(word).replace("'", "")[:MAX_TERM_CHARS]
    for script, language in _ENDINGS:
        if script.fullmatch(folded):
            return str(_stemmer(language)(folded))
    return folded


@cache
def _stemmer(language: str) -> Callable[[str], Any]:
    import Stemmer

    return Stemmer.Stemmer(language).stemWord  # type: ignore[no-any-return]
