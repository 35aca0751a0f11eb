"""Finding by words (pure): which words of a query count, and how well a text answers them."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

_STOP_WORDS = frozenset(
    "a about am an and are as at be been but by can could did do does for from had has have he her him his how i "
    "if in into is it its me my no not of on or our she so than that the their them then there these they this to "
    "was we were what when where which who whom why will with would you your".split()
)
# Scripts written without spaces: a run of them is searched by its pairs of characters.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
# To Python's `\w`, combining marks are no part of a word: not the vowels of Hindi and Thai, not a loose accent.
_MARKS = "".join(mark for mark in map(chr, range(0x300, 0x3100)) if unicodedata.category(mark)[0] == "M")
_LETTER = rf"(?:(?!_)[\w{_MARKS}\u200c])"
_WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*|[^\w\s]{{2,}}")
_LIKE_SPECIAL = re.compile(r"[%_\\]")
_ESCAPED = r"\\\g<0>"

MAX_WORDS = 24
MAX_WORD_CHARS = 100
"""Of a longer word its beginning is looked for: SQLite refuses a pattern of more than 50,000 bytes."""


def query_words(query: str) -> tuple[str, ...]:
    """The words of a query that are worth looking for, in lower case, each once.

    A query of nothing but common words keeps them; one without any word at all is looked for as it stands.
    """
    words: list[str] = []
    for word in _WORD.findall(query.lower()):  # not casefold(): LIKE would not find "Straße" by "strasse"
        spaced, pairs = _UNSPACED.sub(" ", word).split(), []
        for run in _UNSPACED.findall(word):
            pairs += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        words += spaced + pairs
    counting = [word for word in words if word not in _STOP_WORDS] or words or [query.lower().strip()]
    return tuple(dict.fromkeys(_stem(word)[:MAX_WORD_CHARS] for word in counting if word))[:MAX_WORDS]


def like_patterns(word: str) -> tuple[str, ...]:
    r"""SQL LIKE patterns (escape character `\`) for a word anywhere; case beyond ASCII is spelled out."""
    forms = (word,) if word.isascii() else (word, word.upper(), word.capitalize())
    composed = (unicodedata.normalize("NFC", form) for form in forms)  # "İ" lowered is an i with a mark of its own
    return tuple(f"%{_LIKE_SPECIAL.sub(_ESCAPED, form)}%" for form in dict.fromkeys((*forms, *composed)))


def rank_by_words(words: Sequence[str], texts: Mapping[int, str]) -> dict[int, float]:
    """Score texts (by id) between 0 and 1: rare words weigh more, and beginnings of words more than other parts.

    Texts with none of the words are left out.
    """
    folded = {key: _fold(text) for key, text in texts.items()}
    holders = {word: [key for key, text in folded.items() if word in text] for word in map(_fold, words)}
    weights = {word: math.log(1 + len(texts) / (1 + len(found))) for word, found in holders.items()}
    total = sum(weights.values()) or 1.0
    scores: dict[int, float] = {}
    for word, found in holders.items():
        beginning = re.compile(rf"(?<!\w){re.escape(word)}")
        for key in found:
            share = 1.0 if beginning.search(folded[key]) else 0.6
            scores[key] = scores.get(key, 0.0) + share * weights[word] / total
    return scores


def best_first(scores: Mapping[int, float]) -> tuple[int, ...]:
    """Ids by score; of equals, the newer first."""
    return tuple(sorted(scores, key=lambda key: (-round(scores[key], 6), -key)))


def blend(parts: Iterable[tuple[float, Mapping[int, float]]]) -> dict[int, float]:
    """Add scores of several kinds, each with its weight."""
    total: dict[int, float] = {}
    for weight, scores in parts:
        for key, score in scores.items():
            total[key] = total.get(key, 0.0) + weight * score
    return total


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _stem(word: str) -> str:
    """The English plural and possessive off: what is left is looked for as a part of words."""
    word = word.removesuffix("'s").removesuffix("’s")
    return word[:-1] if word.isascii() and len(word) > 3 and word.endswith("s") and word[-2] not in "su" else word
