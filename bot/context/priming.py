"""The summary as a list of statements that prime the agent for what left its window: a sparse priming representation.

What a narrative tells anew at each eviction is here only added to: the model writes of the messages that leave now, and
of what stood before the oldest statements drop out. Nothing is lost with them, as each eviction's statements are kept
in archival storage, too (`memory.recall.primers`), where a search finds them by their meaning.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from adapters.ports.errors import ModelError
from bot.context.summary import Primer, Said, Summarizer, gist, lines_of, terms_of
from bot.text import one_line
from memory.ports import Kind, Message

logger = logging.getLogger(__name__)

MAX_STATEMENT_CHARS = 240

MAX_EXTRACT_CHARS = 120
"""Of one sentence, what an extract keeps."""

_SENTENCES = re.compile(r"(?<=[.!?…。！？])[\"'”’)]*\s+|\n+")
_MARK = re.compile(r"^\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_TELLING = re.compile(r"\d|\b(?:my|mine|our|mein|mon|mi)\b|(?<=\w )[A-Z][\w'’-]+|https?:|@|#", re.ASCII)
_FILLING = re.compile(
    r"^(?:(?:oh|ah|hey|hi|hello|well|so|ok|okay|yes|yeah|no|also|anyway|actually|by the way|and|but)\b[\s,!.–-]*)+",
    re.IGNORECASE,
)


class PrimingSummarizer(Summarizer):
    """Folds evicted messages into a list of statements; see `Summarizer`."""

    async def prime(self, evicted: Sequence[Message], zone: ZoneInfo) -> Primer | None:
        """The primer of messages that left the window earlier; None if there is nothing to state of them."""
        _, statements = await self._stated("", lines_of(evicted, zone))
        return self._primer(evicted, statements, zone)

    async def _folded(self, summary: str, lines: Sequence[Said]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        terms, statements = await self._stated(summary, lines)
        return self._merged(summary, statements), terms, statements

    async def _stated(self, summary: str, lines: Sequence[Said]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Terms that might become hints, and the new statements."""
        terms: list[str] = []
        statements: tuple[str, ...] = ()
        if self._model is None:
            return (), self._statements(lines)
        chunks = self._chunks(lines)
        for at, chunk in enumerate(chunks):
            try:
                text, proposed = await self._asked(self._model, self._merged(summary, statements), chunk)
            except ModelError as error:
                logger.warning("statements without the model: %s", error.detail)
                left = [line for rest in chunks[at:] for line in rest]
                return (*terms, *terms_of(left)), renewed(statements, self._statements(left))
            statements = renewed(statements, stated(text.splitlines()) if text else self._statements(chunk))
            terms += proposed
        return tuple(terms), statements

    def _extract(self, summary: str, lines: Sequence[Said]) -> str:
        return self._merged(summary, self._statements(lines))

    def _merged(self, summary: str, new: Sequence[str]) -> str:
        """The earlier statements with new ones behind them; the oldest make room."""
        kept = list(renewed(stated(summary.splitlines()), new))
        sizes = [self._counter.count(f"- {statement}\n") for statement in kept]
        left, first = self._most, len(kept)
        while first and left >= sizes[first - 1]:
            first -= 1
            left -= sizes[first]
        return self._bounded("\n".join(f"- {statement}" for statement in kept[first:]), self._most)

    def _statements(self, lines: Sequence[Said]) -> tuple[str, ...]:
        """The telling sentences of some lines, each with who said it; the day where it is another one."""
        found: list[str] = []
        day = ""
        for line in lines:
            for sentence in _SENTENCES.split(line.text):
                plain = _FILLING.sub("", " ".join(sentence.split()))
                if not _TELLING.search(plain) or plain.endswith("?"):
                    continue
                when = "" if line.moment[:10] == day else f"{line.moment[:10]} "
                day = line.moment[:10]
                found.append(f"{when}{line.speaker}: {gist(plain, MAX_EXTRACT_CHARS)}")
        return stated(found)

    def _primer(self, evicted: Sequence[Message], statements: Sequence[str], zone: ZoneInfo) -> Primer | None:
        said = [message for message in evicted if message.kind in (Kind.USER_MESSAGE, Kind.ASSISTANT) and message.text]
        if not statements or not said:
            return None
        first, last = said[0], max(said, key=lambda message: message.id)
        days = [f"{message.created_at.astimezone(zone):%Y-%m-%d}" for message in (first, last)]
        heading = f"What was said from {days[0]} to {days[1]} (messages {first.id} to {last.id}), in short:"
        return Primer("\n".join([heading, *(f"- {statement}" for statement in statements)]), last.id)


def stated(lines: Iterable[str]) -> tuple[str, ...]:
    """The statements of some lines, without the marks of a list, each once (pure)."""
    texts = (one_line(_MARK.sub("", line), MAX_STATEMENT_CHARS).strip() for line in lines)
    return tuple({text.casefold(): text for text in texts if re.search(r"\w", text)}.values())


def renewed(earlier: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Earlier statements and new ones behind them; one that is made again counts as new (pure)."""
    made = {statement.casefold() for statement in new}
    return (*(statement for statement in earlier if statement.casefold() not in made), *new)
