"""How well each message of an agent answers a query: words, meaning, speaker, date and neighbours, blended (pure).

Every part is divided by its best in this search, weighted, and added (scores, not ranks). The weights hold for chats of
two people with short lines and for long answers of an assistant alike; they were chosen on LoCoMo and BEAM together
(`benchmarks/retrieval.py`), checked across halves of the conversations.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memory.search.narrowing import Narrowed, Role
from memory.search.word_index import Postings
from memory.search.words import MAX_WORDS, fold, query_terms, query_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

WORDS = 0.3
"""BM25 of the message's own words."""
AROUND = 0.7
"""BM25 of the words of the message and the two before and after it: an answer seldom repeats the question."""
MEANING = 0.8
"""Cosine similarity of the vectors, in relation to the best, or to `ALIKE`."""
ALIKE = 0.5
"""Where nothing comes nearer than this, the nearest does not count as the full measure."""
DATE = 1.4
"""The query names the day, month, year or weekday of the message."""
SPEAKER = 0.3
"""So much more a message counts whose writer the query names."""
OWN = 0.6
"""So much more what a person said themselves counts for a query in the first person: it is about them."""
FIRST_PERSON = 0.1
"""Whoever says "I" tells of themselves."""
TELLING = 2
"""The power of a word's rarity in a query of more than `MAX_WORDS` terms: such a message tells more than it asks, and
one rare word in it says more than many common ones together. Its meaning counts the less, the longer it is."""
NEIGHBOUR = 0.15
"""Of the blended score of the messages before and after."""

INSIDE = 0.5
"""What a word counts that stands inside another."""
REACH = 2
LENGTH = 0.65
SATURATION = 1.2

MAX_UNSPOKEN = 10
"""So many messages are found beside those that hold a word: by their meaning, or next to one that does."""

MAX_BY_MEANING = 100
"""Where no message holds a word, so many are found by their meaning."""

LIKE_ENOUGH = 0.2
"""Cosine similarity from which a message counts as found by its meaning."""

_BLOCK = 4096
_EPOCH = date(1970, 1, 1).toordinal()
_I = re.compile(r"\b(?:i|my|me|mine|myself|we|our)\b", re.IGNORECASE)
_MONTHS = "january february march april may june july august september october november december".split()
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


@dataclass(frozen=True, slots=True)
class Query:
    """A query, taken apart.

    `about` is what its vector is made of: without common words and the names of speakers, near whose lines it would
    lie whatever they say.
    """

    terms: tuple[str, ...]
    about: str
    speakers: frozenset[str]
    is_first_person: bool
    days: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    weekdays: frozenset[int]

    @property
    def is_long(self) -> bool:
        """Whether it is more than a question."""
        return len(self.terms) > MAX_WORDS


@dataclass(frozen=True, slots=True)
class Told:
    """An agent's messages as they are ranked, oldest first; arrays of one length.

    `words` counts a message's terms; `speakers` are numbers into `names`, 0 being the agent; `days` are local days
    since 1970; `vectors` are whole numbers of any scale, all zero where there is none yet; `lengths` are theirs, or 1.
    """

    ids: "NDArray[np.int64]"
    words: "Floats"
    speakers: "NDArray[np.int32]"
    names: tuple[str, ...]
    says_i: "NDArray[np.bool_]"
    days: "NDArray[np.int32]"
    vectors: "NDArray[np.int8]"
    lengths: "Floats"


class Line(NamedTuple):
    """One message as `Told` takes it in; `speaker` is empty for the agent; `vector` is None where there is none."""

    id: int
    words: int
    speaker: str
    says_i: bool
    day: int
    vector: bytes | None


NOTHING_TOLD = Told(
    ids=np.empty(0, np.int64),
    words=np.empty(0, np.float32),
    speakers=np.empty(0, np.int32),
    names=("",),
    says_i=np.empty(0, np.bool_),
    days=np.empty(0, np.int32),
    vectors=np.empty((0, 0), np.int8),
    lengths=np.empty(0, np.float32),
)


def told_before_and_now(before: Told, lines: Sequence[Line], dimension: int) -> Told:
    """The same with more messages, newer than all before; `dimension` is that of their vectors."""
    return joined([before, _told_of(lines, dimension)])


def joined(parts: Sequence[Told], most: int | None = None) -> Told:
    """The newest `most` messages of parts that follow each other; their vectors are of the last one's dimension."""
    newest = slice(None if most is None else -most, None)
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    numbers = {name: number for number, name in enumerate(names)}
    speakers = [np.asarray([numbers[name] for name in part.names], np.int32)[part.speakers] for part in parts]
    shape = parts[-1].vectors.shape[1]
    vectors = [
        part.vectors if part.vectors.shape[1] == shape else np.zeros((len(part.ids), shape), np.int8) for part in parts
    ]
    return Told(
        ids=np.concatenate([part.ids for part in parts])[newest],
        words=np.concatenate([part.words for part in parts])[newest],
        speakers=np.concatenate(speakers)[newest],
        names=names,
        says_i=np.concatenate([part.says_i for part in parts])[newest],
        days=np.concatenate([part.days for part in parts])[newest],
        vectors=np.concatenate(vectors)[newest],
        lengths=np.concatenate([part.lengths for part in parts])[newest],
    )


def _told_of(lines: Sequence[Line], dimension: int) -> Told:
    names = tuple(dict.fromkeys(("", *(line.speaker for line in lines))))
    numbers = {name: number for number, name in enumerate(names)}
    vectors = np.zeros((len(lines), dimension), np.int8)
    for at, line in enumerate(lines):
        if line.vector is not None and len(line.vector) == dimension:
            vectors[at] = np.frombuffer(line.vector, np.int8)
    return Told(
        ids=np.asarray([line.id for line in lines], np.int64),
        words=np.asarray([line.words for line in lines], np.float32),
        speakers=np.asarray([numbers[line.speaker] for line in lines], np.int32),
        names=names,
        says_i=np.asarray([line.says_i for line in lines], np.bool_),
        days=np.asarray([line.day for line in lines], np.int32),
        vectors=vectors,
        lengths=_lengths(vectors),
    )


def with_vectors(told: Told, places: Sequence[int], vectors: Sequence[bytes]) -> Told:
    """The same with vectors at some places that had none."""
    filled, lengths = told.vectors.copy(), told.lengths.copy()
    for place, vector in zip(places, vectors, strict=True):
        filled[place] = np.frombuffer(vector, np.int8)
    lengths[list(places)] = _lengths(filled[list(places)])
    return replace(told, vectors=filled, lengths=lengths)


def _lengths(vectors: "NDArray[np.int8]") -> "Floats":
    lengths: Floats = np.linalg.norm(vectors.astype(np.float32), axis=1)
    return np.maximum(lengths, np.float32(1))


def understood(query: str, names: Sequence[str]) -> Query:
    """A query taken apart; `names` are those of the speakers."""
    folded = fold(query)
    speakers = {name for name in names if name and _names(name, folded)}
    spoken = {part for name in speakers for part in fold(name).split()}
    content = [word for word in query_words(query) if fold(word) not in spoken]
    numbers = [int(number) for number in re.findall(r"(?<!\w)\d{1,4}(?!\w)", folded)]
    words = set(re.findall(r"[a-z]+", folded))
    return Query(
        terms=query_terms(query, without=spoken) or query_terms(query),
        about=" ".join(content) or query,
        speakers=frozenset(speakers),
        is_first_person=bool(_I.search(query)),
        days=frozenset(number for number in numbers if 1 <= number <= 31),
        months=frozenset(at + 1 for at, month in enumerate(_MONTHS) if month in words and month != "may"),
        years=frozenset(number for number in numbers if 1970 <= number <= 2200),
        weekdays=frozenset(at for at, day in enumerate(_WEEKDAYS) if day in words),
    )


def allowed(told: Told, narrowed: Narrowed) -> "NDArray[np.bool_]":
    """Which of the messages are of the speakers, the role and the days that a query is narrowed to."""
    is_allowed = np.ones(len(told.ids), np.bool_)
    if narrowed.speakers is not None:
        is_allowed &= np.isin(told.speakers, [at for at, name in enumerate(told.names) if name in narrowed.speakers])
    if narrowed.role is not None:
        is_allowed &= (told.speakers == 0) == (narrowed.role is Role.ASSISTANT)
    if narrowed.since is not None:
        is_allowed &= told.days >= narrowed.since.toordinal() - _EPOCH
    if narrowed.until is not None:
        is_allowed &= told.days < narrowed.until.toordinal() - _EPOCH
    return is_allowed


def allowed_of(parts: Sequence[Told], narrowed: Narrowed) -> "NDArray[np.bool_]":
    """The same of parts that follow each other."""
    return np.concatenate([allowed(part, narrowed) for part in parts])


def rank(
    told: Told,
    query: Query,
    postings: Postings,
    vector: Sequence[float] | None,
    among: "NDArray[np.bool_] | None" = None,
    wholes: Mapping[int, float] | None = None,
    older: Told = NOTHING_TOLD,
) -> tuple[int, ...]:
    """Ids of the messages that answer the query, best first.

    Found are those that hold a term, and the best of the others that are near in meaning or beside one that does.

    Args:
        told: the messages.
        query: what is looked for.
        postings: by term, the ids of messages that hold it, and of those that hold it inside another word.
        vector: of what the query is about, of unit length; None for words only.
        among: which may be found, of the older ones and then of the messages; the others still speak for their
            neighbours.
        wholes: by id, what is added for identifiers (see `memory.search.identifiers`).
        older: some messages from before.
    """
    if not len(told.ids):
        return ()
    likeness = _likeness(told, vector)
    if len(older.ids):
        likeness = np.concatenate([_likeness(older, vector), likeness])
        told = joined([_without_vectors(older), _without_vectors(told)])  # which are most of what would be copied
    own, around, holds = _by_words(told, postings, power=TELLING if query.is_long else 1)
    # What was said a moment ago has no vector yet: its words speak for its meaning, too.
    likeness = np.where(told.lengths > 1, likeness, max(0, likeness.max()) * _scaled(own))
    blended = WORDS * _scaled(own) + AROUND * _scaled(around) + _meaning(query) * likeness / max(ALIKE, likeness.max())
    blended += DATE * _by_date(told, query) + FIRST_PERSON * told.says_i
    blended *= 1 + _by_speaker(told, query)
    shared = blended.copy()
    shared[1:] += NEIGHBOUR * blended[:-1]
    shared[:-1] += NEIGHBOUR * blended[1:]
    if wholes:
        for id_, score in wholes.items():
            shared[_places(told, [id_])] += score
    if among is not None:
        holds &= among
    others = ~holds & ((likeness >= LIKE_ENOUGH) | (around > 0))
    if among is not None:
        others &= among
    found = holds | _best(shared, others, MAX_UNSPOKEN if holds.any() else MAX_BY_MEANING)
    places = np.flatnonzero(found)
    # Of equals, the newer first.
    return tuple(int(id_) for id_ in told.ids[places[np.lexsort((-places, -shared[places].round(6)))]])


def _without_vectors(told: Told) -> Told:
    return replace(told, vectors=told.vectors[:, :0])


def _meaning(query: Query) -> float:
    return MEANING * MAX_WORDS / len(query.terms) if query.is_long else MEANING


def _by_words(told: Told, postings: Postings, power: int) -> "tuple[Floats, Floats, NDArray[np.bool_]]":
    """BM25 with each term counted once a message: of the message, and of the lines around it; who holds any."""
    count = len(told.ids)
    norm = (SATURATION + 1) / (1 + SATURATION * (1 - LENGTH + LENGTH * told.words / max(1.0, told.words.mean())))
    own, around, holds = np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros(count, np.bool_)
    for as_it_stands, inside in postings.values():
        held = np.zeros(count, np.float32)
        held[_places(told, inside)] = INSIDE
        held[_places(told, as_it_stands)] = 1
        holders = np.count_nonzero(held)
        rarity = np.log(1 + (count - holders + 0.5) / (holders + 0.5)) ** power
        holds |= held > 0
        weighed = held * norm * rarity
        own += weighed
        around += _spread(weighed)
    return own, around, holds


def _places(told: Told, ids: Sequence[int]) -> "NDArray[np.int64]":
    """Where messages stand; ids that are not this agent's are left out."""
    wanted = np.asarray(ids, np.int64)
    places = np.searchsorted(told.ids, wanted)
    places = places[places < len(told.ids)] if len(wanted) else places.astype(np.int64)
    return places[np.isin(told.ids[places], wanted)]


def _spread(held: "Floats") -> "Floats":
    """The most of each message and of those up to `REACH` before and after it."""
    most = held.copy()
    for step in range(1, REACH + 1):
        np.maximum(most[step:], held[:-step], out=most[step:])
        np.maximum(most[:-step], held[step:], out=most[:-step])
    return most


def _likeness(told: Told, vector: Sequence[float] | None) -> "Floats":
    if vector is None or told.vectors.shape[1] != len(vector):
        return np.zeros(len(told.ids), np.float32)
    sought, likeness = np.asarray(vector, np.float32), np.empty(len(told.ids), np.float32)
    for begin in range(0, len(told.ids), _BLOCK):  # whole arrays of floats would take four times their memory
        likeness[begin : begin + _BLOCK] = told.vectors[begin : begin + _BLOCK].astype(np.float32) @ sought
    return likeness / told.lengths


def _best(scores: "Floats", among: "NDArray[np.bool_]", most: int) -> "NDArray[np.bool_]":
    """The best of some messages."""
    candidates = np.flatnonzero(among)
    best = np.zeros(len(scores), np.bool_)
    best[candidates[np.argsort(-scores[candidates], kind="stable")[:most]]] = True
    return best


def _by_date(told: Told, query: Query) -> "Floats":
    """How much of the date that the query names is the message's own."""
    score = np.zeros(len(told.ids), np.float32)
    named = [part for part in (query.months, query.years, query.weekdays) if part]
    if not named:
        return score
    dates = told.days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    parts = [
        (query.months, months.astype(np.int64) % 12 + 1),
        (query.years, dates.astype("datetime64[Y]").astype(np.int64) + 1970),
        (query.weekdays, (told.days + 3) % 7),
        (query.days if query.months else frozenset(), (dates - months).astype(np.int64) + 1),
    ]
    asked = [(values, of_message) for values, of_message in parts if values]
    for values, of_message in asked:
        score += np.isin(of_message, list(values))
    return score / np.float32(len(asked))


def _by_speaker(told: Told, query: Query) -> "Floats":
    score = np.zeros(len(told.ids), np.float32)
    if len(query.speakers) == 1:
        (name,) = query.speakers
        score += SPEAKER * (told.speakers == told.names.index(name))
    if query.is_first_person:
        score += OWN * (told.speakers != 0)
    return score


def _scaled(scores: "Floats") -> "Floats":
    best = scores.max(initial=0)
    return scores / best if best > 0 else np.zeros_like(scores)


def _names(name: str, folded_query: str) -> bool:
    """Whether a query names a speaker, by the whole name or its first part."""
    folded = fold(name)
    forms = {folded, folded.split()[0]} if folded.split() else set()
    return any(len(form) > 1 and re.search(rf"(?<!\w){re.escape(form)}(?!\w)", folded_query) for form in forms)
