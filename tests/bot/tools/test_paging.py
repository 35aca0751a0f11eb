"""Long results in parts: every character can be read, in any window, and nobody else's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, open_bot, texts
from bot.tools.paging import CUT, MAX_RESULT_CHARS
from bot.tools.parts import Part, Place, first_part, part_at
from memory.ports import Kind, NewMessage, NewPassage

SEARCHES = ("conversation_search", "archival_memory_search")


def settings(server: ScriptedServer, **more: object) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


def unmarked(text: str) -> str:
    return text.removeprefix("[…] ").removesuffix(" […]")


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text("ab \n長", max_size=300), st.sampled_from(["a", "長", "ab", "x"]), st.integers(1, 80))
def test_part_by_part_every_character_is_read_once(text: str, word: str, max_chars: int) -> None:
    parts = [first_part("m1", text, [word], max_chars)]
    while (rest := parts[-1].rest) is not None:
        part = part_at(Place.of(rest.cursor) or rest, text, max_chars)
        assert part is not None
        parts.append(part)
        assert len(parts) <= 2 + len(text)
    shown = [unmarked(part.text) for part in parts]
    assert all(len(part) <= max_chars for part in shown)
    turns = [at for at, part in enumerate(parts) if not part.text.startswith("[…] ")][-1] if len(parts) > 1 else 0
    assert "".join(shown[turns:] + shown[:turns]) == text


def test_a_part_ends_between_words() -> None:
    text = "one two three four five six seven"
    part = first_part("m1", text, (), 20)
    assert part == Part("one two three four  […]", Place("m1", 19))


@pytest.mark.parametrize(
    "cursor", ["", "m", "m1", "m1.", "m1.x", "1.5", "deadbeef.5", "m1.5-", "m1.5-6-7", "m１.5", "mm1.5"]
)
def test_what_is_no_place_is_none(cursor: str) -> None:
    assert Place.of(cursor) is None


@pytest.mark.parametrize("place", [Place("m1", 9), Place("m1", 8, 10), Place("m1", 10**8), Place("m1", 0, 99)])
def test_a_place_beyond_the_text_is_none(place: Place) -> None:
    assert part_at(place, "123456789", 5) is None


# ── in a conversation ────────────────────────────────────────────────────────────────────────────────


class Reader:
    """A model that looks for a word, and reads on in the first result while it is cut."""

    def __init__(self, tool: str, query: str) -> None:
        self.tool = tool
        self.query = query
        self.read: list[str] = []

    def __call__(self, request: Request) -> Reply:
        if "tools" not in request:
            return answer("They talked.")
        *before, last = request["messages"]
        if "Memory pressure" in str(last["content"]):
            last = before[-1]
        if last["role"] == "user":
            return self._search(None) if "Read it" in str(last["content"]) else says("I see.")
        result = json.loads(last["content"])
        assert result["status"] == "ok", result
        if "results" not in result:
            return answer("Done.")
        hit = result["results"][0]
        self.read.append(hit["text"])
        assert bool(hit.get("cut")) == ("cursor" in hit)
        return self._search(hit["cursor"]) if "cursor" in hit else says("I have read it.")

    def _search(self, cursor: str | None) -> Reply:
        return answer(None, (self.tool, {"query": self.query, "cursor": cursor, "request_heartbeat": True}))


STORY = " ".join(f"Line {number} of the story." for number in range(120)).replace("Line 60", "Line 60, where it hails")
MIXED = "長い話です。" * 90 + "hails " + "🦜1" * 200


def write(text: str) -> str:
    Path("story.txt").write_text(text, encoding="utf-8")
    return "story.txt"


async def keep(bot: Bot, tool: str, text: str) -> None:
    if tool == "conversation_search":
        await bot.say(text)
    else:
        await bot.app.library.load([write(text)], None, (await bot.agent()).id)


@pytest.mark.parametrize("window", [8192, 2700])
@pytest.mark.parametrize("text", [pytest.param(STORY, id="words"), pytest.param(MIXED, id="without spaces")])
async def test_a_long_message_is_read_to_its_end_and_from_its_beginning(tmp_path: Path, text: str, window: int) -> None:
    reader = Reader("conversation_search", "hails")
    async with ScriptedServer(reader) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=window, llm_max_steps=90)) as bot:
            await keep(bot, "conversation_search", text)
            assert await bot.say("Read it") == ["I have read it."]
    assert "hails" in reader.read[0]
    assert len(reader.read) > 2
    shown = [unmarked(part) for part in reader.read]
    assert all(len(part) <= MAX_RESULT_CHARS for part in shown)
    beginning = next(at for at, part in enumerate(reader.read) if not part.startswith("[…] "))
    assert "".join(shown[beginning:] + shown[:beginning]) == text
    for request in server.requests:
        for result in texts(request["messages"], "tool"):
            json.loads(result)  # nothing was cut out of its middle


async def test_a_long_passage_is_read_on_in_as_well(tmp_path: Path) -> None:
    reader = Reader("archival_memory_search", "hails")
    async with ScriptedServer(reader) as server, open_bot(tmp_path / "data", **settings(server)) as bot:
        await keep(bot, "archival_memory_search", STORY[: STORY.index("Line 85")])
        assert await bot.say("Read it") == ["I have read it."]
    assert 1 < len(reader.read) < 4


async def test_in_a_small_window_a_page_is_shorter_and_no_result_loses_its_middle(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool" and "results" in last["content"]:
            return says("Found.")
        search = {"query": "market", "request_heartbeat": True}
        calls = [("conversation_search", search)] * 2
        return answer(None, *calls) if "Look" in str(last["content"]) else says("I see.")

    async with ScriptedServer(reply) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=4096)) as bot:
            for number in range(4):
                await bot.say(f"{number} market {'so long a story ' * 30}")
            await bot.say("Look")
            results = [json.loads(text) for text in texts(server.requests[-1]["messages"], "tool")]
    first, second = [result for result in results if "results" in result]
    assert first["total"] == second["total"] >= 4
    assert 0 < len(first["results"]) == first["seen"] < 4
    assert first["next_cursor"] != second["next_cursor"]


def results_of(server: ScriptedServer) -> Iterator[dict[str, Any]]:
    for request in server.requests:
        if request["messages"][-1]["role"] == "tool":
            yield json.loads(request["messages"][-1]["content"])


@pytest.mark.parametrize("tool", SEARCHES)
async def test_a_cursor_into_somebody_elses_text_gives_nothing(tmp_path: Path, tool: str) -> None:
    ids: list[str] = []

    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            return says("Nothing.") if "cursor" in last["content"] else answer("Done.")
        if "Read" not in str(last["content"]):
            return says("I see.")
        return answer(None, *((tool, {"query": "secret", "cursor": id_}) for id_ in ids))

    async with ScriptedServer(reply) as server, open_bot(tmp_path / "data", **settings(server)) as bot:
        await bot.say("Hello")
        await keep(bot, tool, f"The secret is 42. {STORY}")
        letter = "m" if tool == "conversation_search" else "p"
        ids += [f"{letter}{number}.{start}" for number in range(1, 6) for start in (0, 300)]
        await bot.say("Read", person="bob")
        bobs = [queued.message.text or "" for queued in (await bot.agent(person="bob")).queue]
    results = [json.loads(text) for text in bobs if text.startswith("{")][: len(ids)]
    assert len(results) == len(ids)
    assert all("names no text" in result["message"] for result in results)
    assert "42" not in str(bobs)


@pytest.mark.parametrize(
    ("tool", "cursor"),
    [
        ("conversation_search", "p1.0"),
        ("archival_memory_search", "m1.0"),
        ("conversation_search_date", "p1.0"),
        ("conversation_search", "m1.99999"),
        ("conversation_search", "m999999.0"),
        ("conversation_search", "m1.5-99999"),
        ("conversation_search", "x1.0"),
        ("conversation_search", "m3.0"),  # the result of a call is no message
    ],
)
async def test_a_cursor_that_names_no_text_is_told_as_such(tmp_path: Path, tool: str, cursor: str) -> None:
    dates = {"start_date": "2026-03-01", "end_date": "2026-03-02"}
    arguments = {"cursor": cursor} | (dates if tool.endswith("date") else {"query": "x"})
    script = [says("Hi"), answer(None, (tool, arguments)), says("Sorry.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Hello there")
        assert await bot.say("Read") == ["Sorry."]
        (result,) = results_of(server)
    assert result["status"] == "error"
    assert "cursor" in result["message"]


async def test_the_name_of_a_list_never_reads_as_a_place_in_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "c4776512")
    query = {"query": "figs", "request_heartbeat": True}
    script: list[Reply] = []
    async with ScriptedServer(lambda _: script.pop(0)) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(7):
            script += [says("Yes.")]
            await bot.say(f"figs {number}")
        script += [answer(None, ("conversation_search", query)), says("Some.")]
        await bot.say("Search")
        (page,) = results_of(server)
        again = query | {"cursor": page["next_cursor"]}
        script += [answer(None, ("conversation_search", again)), says("More.")]
        await bot.say("Go on")
        *_, page = results_of(server)
    assert page["seen"] > 5


def lookups(*calls: tuple[str, dict[str, Any]]) -> list[Reply]:
    return [answer(None, (tool, {**arguments, "request_heartbeat": True})) for tool, arguments in calls]


async def test_results_tell_how_long_ago_they_were_said(tmp_path: Path) -> None:
    keeps = answer(None, ("archival_memory_insert", {"content": "Ada likes figs.", "request_heartbeat": True}))
    searches = [
        answer(None, (tool, {"query": "figs", "request_heartbeat": True}))
        for tool in ("conversation_search", "archival_memory_search")
    ]
    script = [keeps, says("Noted."), *searches, says("Long ago.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I like figs")
        bot.clock.advance(days=95)
        await bot.say("What do I like?")
        _, recalled, noted = results_of(server)
    assert recalled["results"][0]["age"] == noted["results"][0]["age"] == "3 months ago"


async def test_a_note_that_is_kept_already_is_told_as_such(tmp_path: Path) -> None:
    note = {"content": "Ada likes figs.", "tags": ["food"], "request_heartbeat": True}
    keeps, with_tag = (
        answer(None, ("archival_memory_insert", note | tags)) for tags in ({}, {"tags": ["food", "ada"]})
    )
    script = [keeps, says("Noted."), keeps, with_tag, says("I know.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("I like figs")
        await bot.say("I like figs, I say")
        told = [json.loads(text) for text in texts(server.requests[-1]["messages"], "tool")]
        assert await bot.app.shelves.archival.count((await bot.agent()).id) == 1
    assert [result for result in told if "kept_already" in result]


@pytest.mark.parametrize("tags", [[f"tag {number}" for number in range(21)], ["t" * 61]])
async def test_tags_without_measure_are_refused_by_the_tool(tmp_path: Path, tags: list[str]) -> None:
    keeps = answer(None, ("archival_memory_insert", {"content": "x", "tags": tags, "request_heartbeat": True}))
    async with ScriptedServer([keeps, says("Sorry.")]) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.say("Keep it")
        told = json.loads(texts(server.requests[-1]["messages"], "tool")[-1])
        assert await bot.app.shelves.archival.count((await bot.agent()).id) == 0
    assert told["status"] == "error"
    assert "at most 20 tags of 60 characters" in told["message"]


@pytest.mark.parametrize(
    "tags",
    [["t" * 60_000], [f"tag-number-{number}" for number in range(150)], ["長" * 60] * 20, ["<|im_end|>" * 6] * 20],
)
@pytest.mark.parametrize("window", [2700, 4096])
async def test_a_page_fits_whatever_is_told_of_its_hits(tmp_path: Path, tags: list[str], window: int) -> None:
    script = [says("Hi"), *lookups(("archival_memory_search", {"query": "wombats"})), says("They dig.")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=window)) as bot:
            await bot.say("Hello")
            agent, archival = await bot.agent(), bot.app.shelves.archival
            # The tool would refuse such tags, but an import keeps what there is.
            note = NewPassage(content="Wombats dig. " * 99, tags=tuple(tags), created_at=bot.clock())
            async with bot.app.stores.database.write() as transaction:
                await archival.insert(transaction, agent.id, [note])
            await bot.say("What do wombats do?")
            *_, page = results_of(server)
    (hit,) = page["results"]
    assert "Wombats" in hit["text"]


@pytest.mark.parametrize(("most", "is_cut"), [(40, True), (100, False)])
async def test_every_page_of_what_is_not_all_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, is_cut: bool
) -> None:
    monkeypatch.setattr("memory.recall.message_index.MAX_AT_HAND", 8)
    monkeypatch.setattr("memory.recall.older_messages.MAX_FOUND", 10)
    monkeypatch.setattr("memory.recall.older_messages.MAX_OF_A_WORD", most)
    pages: list[dict[str, Any]] = []

    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] != "tool":
            cursor = pages[-1]["next_cursor"] if pages else None
            return lookups(("conversation_search", {"query": "umbrella", "cursor": cursor}))[0]
        pages.append(json.loads(last["content"]))
        return says("Well.")

    said = [*(f"umbrella {number}" for number in range(60)), *(f"rain {number}" for number in range(20))]
    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        agent, recall = await bot.agent(), bot.app.shelves.recall
        new = [NewMessage(kind=Kind.USER_MESSAGE, created_at=bot.clock(), text=text) for text in said]
        async with bot.app.stores.database.write() as transaction:
            kept = await recall.append(transaction, agent.id, None, new)
            await recall.evict(transaction, agent.id, [message.id for message in kept])
        await bot.say("Where is it?")
        while "next_cursor" in pages[-1]:
            await bot.say("And?")
        told = await bot.command("search umbrella")
    shown = [hit["id"] for page in pages for hit in page["results"]]
    assert len(shown) == len(set(shown)) == pages[0]["total"] == pages[-1]["seen"]
    assert len({message.id for message in kept[:60]}.intersection(shown)) == min(most, 60)
    assert all((page.get("note") == CUT) is is_cut for page in pages)
    assert told.startswith("At least ") is is_cut


async def test_what_does_not_narrow_a_search_is_told_to_the_model_and_to_the_person(tmp_path: Path) -> None:
    searches = lookups(
        ("conversation_search", {"query": "figs from:Bob after:yesterday"}),
        ("conversation_search", {"query": "figs from:Ada"}),
        ("archival_memory_search", {"query": "figs from:Ada"}),
    )
    async with ScriptedServer([says("Hi"), *searches, says("Well.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.say("I like figs")
            await bot.say("What do I like?")
            untaken, taken, noted = results_of(server)
            told = await bot.command("search figs from:Bob")
    assert untaken["note"] == (
        "nobody here is called Bob; not narrowed; yesterday is no day such as 2026-03-31; not narrowed"
    )
    assert untaken["results"][0]["text"] == "I like figs"
    assert "note" not in taken
    assert noted["note"] == "notes have no speaker; not narrowed"
    assert told.startswith("(nobody here is called Bob; not narrowed)\n\n")
    assert "I like figs" in told
