"""The recursive summary: what stays in the window of messages that left it.

Written by the model, in chunks that fit its window; if that fails (or the model is too small to be trusted with it),
an extract without a model takes its place. The messages themselves stay in recall storage either way, and the summary's
last line says what to search it for (`bot.context.lookup_hints`).
"""

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from string import Template
from zoneinfo import ZoneInfo

from adapters.ports.errors import ModelError
from adapters.ports.model import ChatMessage, LanguageModel
from bot.context import lookup_hints
from bot.context.lookup_hints import Find
from bot.context.window import MIN_QUEUE_TOKENS, Room, Window
from bot.events import local_time, speaker_of
from bot.reasoning import without_reasoning
from bot.text import clean, defuse, one_line
from memory.ports import Kind, Message, TokenCounter

logger = logging.getLogger(__name__)

TOKENS_PER_WORD = 1.4

MAX_SAID_CHARS = 2000
"""Of one message, what the model is given to summarize."""

MAX_EXTRACT_CHARS = 160
"""Of one message, what an extract keeps."""

HINTS_SHARE = 4
"""Of the summary's room, hints take at most the fourth part; of that, new ones at most half."""

_TELLING = re.compile(r"\d|\b(?:I|my|mine|we|our|ich|mein|je|mon|yo|mi)\b|[A-Z][a-z]+ [A-Z][a-z]+|https?:|@|#")
_IDENTIFIER = re.compile(r"\d|[@#/_\\]|[A-Z]{2}|\w\.\w")


@dataclass(frozen=True, slots=True)
class Primer:
    """What primes an agent for messages that left its window, and the newest of them (see `memory.recall.primers`)."""

    content: str
    newest_message_id: int


@dataclass(frozen=True, slots=True)
class Folded:
    """The new summary; and, in a style that makes one, the primer of what was evicted."""

    summary: str
    primer: Primer | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said, on one line."""

    moment: str
    speaker: str
    text: str

    def __str__(self) -> str:
        return f"{self.moment} {self.speaker}: {self.text}"


class Summarizer:
    """Folds evicted messages into a summary that tells of them; `model` None means extracts only.

    `bot.context.priming` has the one that lists statements.
    """

    def __init__(self, model: LanguageModel | None, prompt: Template, counter: TokenCounter, window: Window) -> None:
        self._model = model
        self._prompt = prompt
        self._counter = counter
        self._window = window

    @property
    def _room(self) -> Room:
        return self._window.room

    @property
    def _material(self) -> int:
        """Tokens that can be summarized at once: the model's own window may be another than the agent's."""
        room = self._room
        if self._model is None:
            return room.material
        return max(MIN_QUEUE_TOKENS, min(room.material, self._model.context_window // 2 - 2 * room.summary))

    @property
    def _most(self) -> int:
        """Tokens that a summary may take without its hints."""
        return self._room.summary - self._room.summary // HINTS_SHARE

    def extract(self, summary: str, evicted: Sequence[Message], zone: ZoneInfo) -> Folded:
        """The same as `fold` without asking or searching anything: an extract, and the hints that there were."""
        earlier, hints = lookup_hints.parted(summary)
        lines = lines_of(evicted, zone)
        told = lookup_hints.joined(self._extract(earlier, lines), self._fitting(hints))
        return Folded(told, self._primer(evicted, self._statements(lines), zone))

    async def fold(self, summary: str, evicted: Sequence[Message], zone: ZoneInfo, find: Find) -> Folded:
        """The new summary, at most `room.summary` tokens long. Never fails for what a model does.

        Args:
            summary: the one so far.
            evicted: the messages that leave the window now.
            zone: for the times.
            find: looks up hints, so that only those are kept which lead somewhere.
        """
        earlier, hints = lookup_hints.parted(summary)
        lines = lines_of(evicted, zone)
        told, proposed, statements = await self._folded(earlier, lines)
        ids = {message.id for message in evicted}
        new = await self._holding(told, proposed, find, ids)
        if not new:  # a model that proposes nothing, or only what was never said
            new = await self._holding(told, terms_of(lines), find, ids)
        hints = lookup_hints.renewed(await lookup_hints.holding(hints, find), new)
        return Folded(lookup_hints.joined(told, self._fitting(hints)), self._primer(evicted, statements, zone))

    def extracted(self, summary: str, evicted: Sequence[Message], zone: ZoneInfo) -> str:
        """A summary without a model; of its hints, those of the one so far."""
        earlier, hints = lookup_hints.parted(summary)
        return lookup_hints.joined(self._extract(earlier, lines_of(evicted, zone)), hints)

    def _fitting(self, hints: Sequence[str]) -> tuple[str, ...]:
        return lookup_hints.fitting(hints, self._counter, self._room.summary - self._most - 1)

    def _statements(self, lines: Sequence[Said]) -> tuple[str, ...]:
        """What an extract says of some lines that can be said again without them: of this style nothing."""
        return ()

    def _primer(self, evicted: Sequence[Message], statements: Sequence[str], zone: ZoneInfo) -> Primer | None:
        return None

    async def _folded(self, summary: str, lines: Sequence[Said]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """The summary without its hints, what might become new ones, and the statements of a primer."""
        if self._model is None:
            return self._extract(summary, lines), (), ()
        terms: list[str] = []
        chunks = self._chunks(lines)
        for at, chunk in enumerate(chunks):
            try:
                summary, proposed = await self._ask(self._model, summary, chunk)
            except ModelError as error:
                logger.warning("summary without the model: %s", error.detail)
                left = [line for rest in chunks[at:] for line in rest]
                return self._extract(summary, left), (*terms, *terms_of(left)), ()
            terms += proposed
        return summary, tuple(terms), ()

    async def _holding(self, told: str, terms: Sequence[str], find: Find, evicted: Collection[int]) -> tuple[str, ...]:
        """New hints, the best last: such as find one of the messages, sooner those that the summary does not tell."""
        summary = told.casefold()
        unsaid_first = sorted(terms, key=lambda term: term.casefold() in summary)[: lookup_hints.MAX_PROPOSED]
        held = await lookup_hints.holding(unsaid_first, find, evicted)
        return lookup_hints.fitting(held[::-1], self._counter, (self._room.summary - self._most) // 2)

    async def _ask(self, model: LanguageModel, summary: str, lines: Sequence[Said]) -> tuple[str, tuple[str, ...]]:
        text, terms = await self._asked(model, summary, lines)
        if not text:
            return self._extract(summary, lines), terms_of(lines)
        return self._bounded(text, self._most), terms

    async def _asked(self, model: LanguageModel, summary: str, lines: Sequence[Said]) -> tuple[str, tuple[str, ...]]:
        """What the model makes of some lines, without its hints; nothing if that cannot be used."""
        words = int(self._most / TOKENS_PER_WORD)
        material = "\n".join(str(line) for line in lines)
        earlier = f"Earlier summary:\n{summary}\n\n" if summary else ""
        answer = await model.complete(
            [
                ChatMessage("system", self._prompt.substitute(words=words, hints=lookup_hints.MAX_PROPOSED)),
                ChatMessage("user", f"{earlier}Messages:\n{material}\n\nThe new summary:"),
            ]
        )
        said = "" if answer.is_refusal else without_reasoning(clean(answer.text or ""))
        text, terms = lookup_hints.parted(said)
        # Twice what was asked for is no summary, but a model that repeats itself or its material.
        if not text or self._counter.count(text) > 2 * self._room.summary:
            logger.warning("summary without the model: its own has %d characters", len(text))
            return "", ()
        return text, terms

    def _chunks(self, lines: Sequence[Said]) -> list[list[Said]]:
        """Lines in groups that leave the window room for prompt, earlier summary and answer."""
        most = self._material
        chunks: list[list[Said]] = []
        size = most
        for line in lines:
            tokens = self._counter.count(str(line)) + 1
            if tokens > most:  # in a small window; a letter takes four bytes at most, and a token at least one
                line = replace(line, text=gist(line.text, most // 8))
                tokens = self._counter.count(str(line)) + 1
            if size + tokens > most:
                chunks.append([])
                size = 0
            chunks[-1].append(line)
            size += tokens
        return chunks

    def _extract(self, summary: str, lines: Sequence[Said]) -> str:
        """What fits of the earlier summary, and the most telling lines behind it; the newest are kept longest."""
        left = self._most - min(self._counter.count(summary) + 1, self._most // 3)
        kept: list[str] = []
        for line in reversed([line for line in lines if _TELLING.search(line.text)]):
            short = f"{line.moment[:10]} {line.speaker}: {gist(line.text, MAX_EXTRACT_CHARS)}"
            if not kept:
                short = self._bounded(short, left)
            left -= self._counter.count(short) + 1
            if left < 0:
                break
            kept.append(short)
        earlier = summary.splitlines()
        room = self._most - sum(self._counter.count(line) + 1 for line in kept)
        while len(earlier) > 1 and self._counter.count("\n".join(earlier)) > room:
            del earlier[0]
        parts = [self._bounded("\n".join(earlier), room), *reversed(kept)]
        return self._bounded("\n".join(part for part in parts if part), self._most)

    def _bounded(self, text: str, max_tokens: int) -> str:
        while text and self._counter.count(text) > max_tokens:
            text = _cut_between_words(text, len(text) * 4 // 5)
        return text


def gist(text: str, max_chars: int) -> str:
    """A long text, cut to the words around what a summary must not lose: numbers, names, addresses (pure)."""
    words = text.split()
    if len(text := " ".join(words)) <= max_chars:
        return text
    if len(words) > 1:  # one endless word must not push all others out
        words = [word if len(word) <= max_chars * 3 // 4 else f"{word[: max_chars // 4]}…" for word in words]
        text = " ".join(words)
    telling = [at for at, word in enumerate(words) if _IDENTIFIER.search(word) or (at and _is_name(words, at))]
    for reach in (12, 6, 3, 1, 0) if telling else ():
        near = sorted({at for word in telling for at in range(max(0, word - reach), min(len(words), word + reach + 1))})
        gaps = ["… " if at and before != at - 1 else "" for before, at in pairwise([-1, *near])]
        text = " ".join(f"{gap}{words[at]}" for gap, at in zip(gaps, near, strict=True))
        if len(text) <= max_chars:
            return text
    return _cut_between_words(text, max_chars)


def _is_name(words: Sequence[str], at: int) -> bool:
    return len(words[at]) > 1 and words[at][0].isupper() and not words[at - 1].endswith((".", "!", "?", ":"))


def _cut_between_words(text: str, max_chars: int) -> str:
    """The beginning and the end of a text; half an identifier would be worse than none."""
    if max_chars < 40:
        return text[:max_chars]
    head, tail = text[: max_chars * 3 // 4], text[len(text) - max_chars // 5 :]
    head = head[: head.rfind(" ")] if " " in head else head
    tail = tail[tail.find(" ") + 1 :] if " " in tail else ""
    return f"{head} … {tail}" if tail else head


def terms_of(lines: Sequence[Said]) -> tuple[str, ...]:
    """Terms by which some lines are found again; the best first."""
    return lookup_hints.telling_terms([line.text for line in lines])


def lines_of(messages: Sequence[Message], zone: ZoneInfo) -> list[Said]:
    """What people and the agent said to each other in some messages, a line each."""
    return [said for message in messages if (said := _said(message, zone))]


def _said(message: Message, zone: ZoneInfo) -> Said | None:
    if message.kind not in (Kind.USER_MESSAGE, Kind.ASSISTANT) or not message.text:
        return None
    text = defuse(gist(message.text, MAX_SAID_CHARS))
    return Said(local_time(message.created_at, zone), one_line(speaker_of(message, agent="I"), 60), text)
