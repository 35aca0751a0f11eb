"""The recursive summary: what stays in the window of messages that left it.

Written by the model, in chunks that fit its window; if that fails (or the model is too small to be trusted with it),
an extract without a model takes its place. The messages themselves stay in recall storage either way.
"""

import logging
import re
from collections.abc import Sequence
from string import Template
from zoneinfo import ZoneInfo

from adapters.ports import ChatMessage, LanguageModel, ModelError
from bot.context import Room
from bot.events import local_time, speaker_of
from bot.text import clean, defuse, one_line, shorten, without_reasoning
from memory.ports import Kind, Message, TokenCounter

logger = logging.getLogger(__name__)

TOKENS_PER_WORD = 1.4

_TELLING = re.compile(r"\d|\b(?:I|my|mine|we|our|ich|mein|je|mon|yo|mi)\b|[A-Z][a-z]+ [A-Z][a-z]+|https?:|@|#")


class Summarizer:
    """Folds evicted messages into the summary; `model` None means extracts only."""

    def __init__(self, model: LanguageModel | None, prompt: Template, counter: TokenCounter, room: Room) -> None:
        self._model = model
        self._prompt = prompt
        self._counter = counter
        self._room = room

    async def fold(self, summary: str, evicted: Sequence[Message], zone: ZoneInfo) -> str:
        """The new summary, at most `room.summary` tokens long. Never fails."""
        lines = [line for message in evicted if (line := _line(message, zone))]
        if self._model is None:
            return self._extract(summary, lines)
        try:
            for chunk in self._chunks(lines):
                summary = await self._ask(self._model, summary, chunk)
        except ModelError as error:
            logger.warning("summary without the model: %s", error.detail)
            return self._extract(summary, lines)
        return summary

    async def _ask(self, model: LanguageModel, summary: str, lines: Sequence[str]) -> str:
        words = int(self._room.summary / TOKENS_PER_WORD)
        material = "\n".join(lines)
        earlier = f"Earlier summary:\n{summary}\n\n" if summary else ""
        answer = await model.complete(
            [
                ChatMessage("system", self._prompt.substitute(words=words)),
                ChatMessage("user", f"{earlier}Messages:\n{material}\n\nThe new summary:"),
            ]
        )
        text = without_reasoning(clean(answer.text or "")).strip()
        return self._bounded(text) if text else self._extract(summary, lines)

    def _chunks(self, lines: Sequence[str]) -> list[list[str]]:
        """Lines in groups that leave the window room for prompt, earlier summary and answer."""
        most = self._room.window // 2 - 2 * self._room.summary
        chunks: list[list[str]] = [[]]
        size = 0
        for line in lines:
            fitting = shorten(line, most)  # a token is at least a character, so this fits for certain
            tokens = self._counter.count(fitting)
            if chunks[-1] and size + tokens > most:
                chunks.append([])
                size = 0
            chunks[-1].append(fitting)
            size += tokens
        return [chunk for chunk in chunks if chunk]

    def _extract(self, summary: str, lines: Sequence[str]) -> str:
        """The most telling lines, newest kept longest, behind what fits of the earlier summary."""
        telling = [one_line(line, 160) for line in lines if _TELLING.search(line.partition(": ")[2])]
        kept: list[str] = []
        size = 0
        for line in reversed([*summary.splitlines(), *telling]):
            size += self._counter.count(line) + 1
            if size > self._room.summary:
                break
            kept.append(line)
        return "\n".join(reversed(kept))

    def _bounded(self, text: str) -> str:
        while self._counter.count(text) > self._room.summary:
            text = shorten(text, len(text) * 4 // 5, "[…]")
        return text


def _line(message: Message, zone: ZoneInfo) -> str:
    if message.kind not in (Kind.USER_MESSAGE, Kind.ASSISTANT) or not message.text:
        return ""
    speaker = speaker_of(message, agent="I")
    return f"{local_time(message.created_at, zone)} {speaker}: {defuse(one_line(message.text, 2000))}"
