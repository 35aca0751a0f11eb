"""Questions on long conversations: those of files, and one as in deep memory retrieval (MemGPT, section 3.1)."""

import gzip
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from benchmarks.memory.case import Case, Question
from benchmarks.memory.published import in_our_form
from bot.testing import Bot
from memory.ports import Kind, NewMessage

AGENT_NAMES = frozenset({"assistant", "agent", "ai", "bot"})
"""Speakers whose items are the agent's own; all others are people."""

Item = tuple[str, str, str, datetime]
"""Id, speaker, text, time."""


class FileUnusable(Exception):
    """A file does not have the form that is documented; the text is one line."""


def _listed(value: Any) -> Any:
    return [str(answer) for answer in (value if isinstance(value, list) else [value])]


class Conversation(BaseModel):
    """Something that was said, in order."""

    id: str
    items: list[Item]


class Query(BaseModel):
    """A question on a conversation; without an answer it is left out."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    conv: str
    q: str
    a: Annotated[list[str], BeforeValidator(_listed)] = []
    cat: str = ""


class LabelledConversations(BaseModel):
    """A file."""

    conversations: list[Conversation]
    queries: list[Query]


def read(path: Path) -> list[Case]:
    """The cases of a file (JSON, JSON Lines, or these packed with gzip), one a conversation.

    Raises:
        FileUnusable: it cannot be read, or has another form.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found = cases(LabelledConversations.model_validate(in_our_form(_parsed(raw))))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise FileUnusable(f"{path}: {place}: {fault['msg']}") from None
    except (KeyError, TypeError, AttributeError) as error:  # of a published form that it does not quite have
        raise FileUnusable(f"{path}: {type(error).__name__}: {error}") from None
    except (OSError, EOFError, ValueError) as error:
        raise FileUnusable(f"{path}: {error}") from None
    if not found:
        raise FileUnusable(f"{path}: no question in it has an answer")
    return found


def _parsed(raw: bytes) -> Any:
    """JSON, or JSON Lines."""
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        return [json.loads(line) for line in raw.splitlines() if line.strip()]


def cases(labelled: LabelledConversations) -> list[Case]:
    """A case for each conversation that something is asked about."""
    found = []
    for conversation in labelled.conversations:
        asked = [
            Question(query.q, tuple(query.a), query.cat)
            for query in labelled.queries
            if query.conv == conversation.id and query.a
        ]
        if asked:
            found.append(Case(conversation.id, _filler(conversation.items), tuple(asked)))
    return found


async def keep_conversation(bot: Bot, person: str, items: Iterable[Item]) -> None:
    """Put a conversation into an agent's recall storage, all of it out of its window; the clock goes on behind it."""
    agent, recall = await bot.agent(person=person), bot.app.shelves.recall
    messages = [_message(item) for item in items]
    async with bot.app.stores.database.write() as transaction:
        for message in messages:  # each begins a turn of its own
            (kept,) = await recall.append(transaction, agent.id, None, [message])
            await recall.evict(transaction, agent.id, [kept.id])
    await recall.catch_up()
    bot.clock.moment = max(message.created_at for message in messages) + timedelta(days=1)


def _filler(items: list[Item]) -> Any:
    async def fill(bot: Bot, person: str) -> None:
        await keep_conversation(bot, person, items)

    return fill


def _message(item: Item) -> NewMessage:
    _, speaker, text, moment = item
    is_agent = speaker.lower() in AGENT_NAMES
    return NewMessage(
        kind=Kind.ASSISTANT if is_agent else Kind.USER_MESSAGE,
        created_at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        text=text,
        author_id=None if is_agent else speaker,
        author_name=None if is_agent else speaker,
    )


# ── deep memory retrieval ────────────────────────────────────────────────────────────────────────────

FACTS = {
    "sister's dog": "Momo",
    "brother's dog": "Pixel",
    "neighbour's dog": "Old Bruno",
    "sister's band": "The Paper Kites of Lund",
    "first boat": "the Halcyon",
    "favourite soup": "caldo verde",
    "locker number": "7351-QX",
    "dentist": "Dr. Amélie Łukaszewska",
    "wedding day": "the 9th of June 2018",
    "childhood street": "Rua das Flores",
}
SMALL_TALK = (
    "I walked the dog by the river and it rained all the way.",
    "Work was long today, and the train was late again.",
    "My sister came by for soup, and we talked about our neighbour.",
    "We looked at boats in the harbour and dreamed a little.",
    "I slept badly, so I am not good for much today.",
)
SESSIONS = 5
FIRST_DAY = datetime(2026, 1, 5, 18, tzinfo=UTC)


def deep_memory(seed: int, lines_per_session: int = 16) -> tuple[list[list[str]], list[Question]]:
    """What a person says in several sessions, two facts about themselves in each, and the questions at the end."""
    source = random.Random(seed)
    facts = list(FACTS.items())
    source.shuffle(facts)
    sessions = []
    for number in range(SESSIONS):
        lines = [source.choice(SMALL_TALK) for _ in range(lines_per_session - 2)]
        for subject, answer in facts[2 * number : 2 * number + 2]:
            lines.insert(source.randrange(len(lines)), f"By the way, my {subject} is {answer}.")
        sessions.append(lines)
    return sessions, [Question(f"What is my {subject}?", (answer,), "fact") for subject, answer in facts]


def deep_memory_retrieval(seed: int) -> Case:
    """The sessions as a conversation that the agent had, a week apart."""
    sessions, questions = deep_memory(seed)
    items: list[Item] = []
    for week, lines in enumerate(sessions):
        for number, line in enumerate(lines):
            moment = FIRST_DAY + timedelta(weeks=week, minutes=2 * number)
            items.append((f"{week}:{2 * number}", "Ada", line, moment))
            items.append((f"{week}:{2 * number + 1}", "agent", "I see. And how was the rest of your day?", moment))
    return Case("deep-memory", _filler(items), tuple(questions))
