"""MemGPT's tasks, offline: a capable agent solves them, and would not if search, paging or eviction broke.

The agent is played by code that knows nothing but what a model is shown: it reads results, pages on while something is
unseen, follows what it finds, and answers.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from benchmarks.memory.conversations import deep_memory, deep_memory_retrieval
from benchmarks.memory.documents import PECULIAR, TOPIC, corpus, documents, load_corpus
from benchmarks.memory.judge import holds
from benchmarks.memory.nested_keys import PAIRS, keep_notes, nested_keys, nested_pairs, note_of
from bot.context.main_context import SUMMARY_HEADING
from bot.testing import Bot, open_bot

DO_NOT_KNOW = "I do not know."
UUID = r"[0-9a-f-]{36}"


@dataclass
class Page:
    """A page of results as the agent has read it."""

    query: str
    number: int
    hits: Sequence[dict[str, Any]]
    total: int = 0


@dataclass
class Seeker:
    """A capable agent.

    Attributes:
        tool: what it searches with.
        begins: the first query, made of the question.
        follows: what it makes of a page: another query, or its answer in a tuple; None: nothing there.
        gives_up: what it says when all pages are read.
        pages: what it has read.
    """

    tool: str
    begins: Callable[[str], str]
    follows: Callable[[str, Page], str | tuple[str] | None]
    gives_up: Callable[[str], str] = lambda query: DO_NOT_KNOW
    pages: list[Page] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        if "tools" not in request:
            return answer("They talked about this and that.")
        last = [message for message in request["messages"] if "Memory pressure" not in str(message["content"])][-1]
        if last["role"] == "tool":
            result = json.loads(last["content"])
            return self._read(request, result) if "results" in result else answer("Nothing more.")
        question = json.loads(last["content"])["message"]
        if not question.endswith("?") and "key" not in question:
            return says("I see. And how was the rest of your day?")
        self.pages.append(Page(self.begins(question), 0, ()))
        return self._search(self.pages[-1].query)

    def _read(self, request: Request, result: dict[str, Any]) -> Reply:
        asked = [m for m in request["messages"] if m["role"] == "user" and '"user_message"' in m["content"]]
        query = self.pages[-1].query
        self.pages.append(Page(query, self.pages[-1].number + 1, result["results"], result["total"]))
        found = self.follows(json.loads(asked[-1]["content"])["message"], self.pages[-1])
        if isinstance(found, str):
            self.pages.append(Page(found, 0, ()))
            return self._search(found)
        if found is None and result["unseen"]:
            return self._search(query, result["next_cursor"])
        return says(found[0] if found else self.gives_up(query))

    def _search(self, query: str, cursor: str | None = None) -> Reply:
        return answer(None, (self.tool, {"query": query, "cursor": cursor, "request_heartbeat": True}))


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


# ── nested keys and values ───────────────────────────────────────────────────────────────────────────


def follow_key(question: str, page: Page) -> str | None:
    """The value that is to be looked up next, if the page holds the key."""
    texts = " ".join(hit["text"] for hit in page.hits)
    found = re.search(rf"key: {page.query}, value: ({UUID})", texts)
    return found[1] if found else None


@pytest.mark.parametrize("level", range(5))
async def test_keys_are_followed_until_a_value_is_none(tmp_path: Path, level: int) -> None:
    pairs, chains = nested_pairs(seed=7)
    seeker = Seeker(
        "archival_memory_search",
        begins=lambda question: str(re.search(UUID, question)[0]),  # type: ignore[index]
        follows=follow_key,
        gives_up=lambda query: query,
    )
    question = nested_keys(seed=7).questions[level]
    async with ScriptedServer(seeker) as server:
        async with open_bot(tmp_path, **settings(server, llm_max_steps=90)) as bot:
            await keep_notes(bot, "ada", [note_of(pair) for pair in pairs])
            assert await bot.say(question.text) == [chains[level][-1]]
    assert len(pairs) == PAIRS
    assert [page.query for page in seeker.pages if page.number == 0] == chains[level]
    hops = [page for page in seeker.pages if page.query in chains[level][:-1]]
    assert max(page.number for page in hops) == 1, "a key stands on the first page"
    last = [hit["id"] for page in seeker.pages if page.query == chains[level][-1] for hit in page.hits]
    assert len(last) == len(set(last)) == seeker.pages[-1].total > 5, "it read all before it said that this is no key"


# ── questions on documents ───────────────────────────────────────────────────────────────────────────


async def test_an_answer_on_a_late_page_is_found_by_paging_on(tmp_path: Path) -> None:
    def follow(question: str, page: Page) -> tuple[str] | None:
        found = [place for place, _, did, _ in PECULIAR for hit in page.hits if did in hit["text"] and did in question]
        return (f"That was {found[0]}.",) if found else None

    seeker = Seeker("archival_memory_search", begins=lambda question: TOPIC, follows=follow)
    async with ScriptedServer(seeker) as server:
        async with open_bot(tmp_path / "data", **settings(server, llm_max_steps=40)) as bot:
            await load_corpus(bot, "ada", corpus(seed=7))
            for question in documents(seed=7).questions[: len(PECULIAR)]:
                seeker.pages.clear()
                (reply,) = await bot.say(question.text)
                assert holds(reply, question.answers)
                assert seeker.pages[-1].number > 5, "the answer stood on an early page: this shows nothing"
                ids = [hit["id"] for page in seeker.pages for hit in page.hits]
                assert len(ids) == len(set(ids))


async def test_a_telling_word_finds_the_answer_on_the_first_page(tmp_path: Path) -> None:
    def follow(question: str, page: Page) -> tuple[str] | None:
        return (page.hits[0]["text"],) if page.hits else None

    seeker = Seeker("archival_memory_search", begins=lambda question: question, follows=follow)
    async with ScriptedServer(seeker) as server, open_bot(tmp_path / "data", **settings(server)) as bot:
        await load_corpus(bot, "ada", corpus(seed=7))
        for question in documents(seed=7).questions:
            (reply,) = await bot.say(question.text)
            assert holds(reply, question.answers), question.text


# ── deep memory retrieval ────────────────────────────────────────────────────────────────────────────


def recall_fact(question: str, page: Page) -> tuple[str] | None:
    subject = question.removeprefix("What is my ").removesuffix("?")
    texts = [hit["text"] for hit in page.hits]
    found = [match for text in texts if (match := re.search(rf"my {subject} is (.+?)\.$", text))]
    return (f"It is {found[0][1]}.",) if found else None


def remembering() -> Seeker:
    return Seeker("conversation_search", begins=lambda question: question, follows=recall_fact)


async def in_sight(bot: Bot) -> str:
    agent = await bot.agent()
    return " ".join(queued.message.text or "" for queued in agent.queue) + agent.summary.partition("Look up:")[0]


async def test_facts_of_earlier_sessions_are_told_after_they_were_evicted(tmp_path: Path) -> None:
    sessions, questions = deep_memory(seed=7)
    seeker = remembering()
    async with ScriptedServer(seeker) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=4096)) as bot:
            for lines in sessions:
                for line in lines:
                    await bot.say(line)
                bot.clock.advance(days=7)
            seen = await in_sight(bot)
            early = [question for question in questions[:6] if question.answers[0] not in seen]
            assert len(early) == 6, "without evictions this shows nothing"
            for question in questions:
                (reply,) = await bot.say(question.text)
                assert holds(reply, question.answers), (question, reply)
            assert SUMMARY_HEADING in server.requests[-1]["messages"][0]["content"]
    assert all(page.hits for page in seeker.pages if page.number)


async def test_nobody_elses_sessions_are_told(tmp_path: Path) -> None:
    sessions, questions = deep_memory(seed=7, lines_per_session=4)
    async with ScriptedServer(remembering()) as server, open_bot(tmp_path, **settings(server)) as bot:
        for line in [line for lines in sessions for line in lines]:
            await bot.say(line)
        for question in questions:
            assert await bot.say(question.text, person="bob") == [DO_NOT_KNOW]


async def test_a_conversation_that_was_only_stored_is_told_of_as_well(tmp_path: Path) -> None:
    case = deep_memory_retrieval(seed=7)
    async with ScriptedServer(remembering()) as server, open_bot(tmp_path, **settings(server)) as bot:
        await case.fill(bot, "ada")
        assert await in_sight(bot) == ""
        for question in case.questions:
            (reply,) = await bot.say(question.text)
            assert holds(reply, question.answers)
