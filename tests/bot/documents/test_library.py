"""Documents loaded into a running bot, and what its agents make of them."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.testing import ScriptedServer, answer, says
from bot.documents import library
from bot.documents.library import Outcome, Progress, digest_of
from bot.testing import Bot, open_bot
from memory.ports import SourceNotFound

MANUAL = "# Manual\n\n## Setup\n\nTurn the red knob to start the engine.\n\n## Care\n\nOil the hinge each spring.\n"


def write(name: str, content: str | bytes) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def manual() -> str:
    write("car/manual.md", MANUAL)
    return "car/manual.md"


async def agent_of(bot: Bot, person: str = "ada") -> int:
    agent_id = await bot.app.agents.id_of(f"console:dm:{person}")
    assert agent_id is not None
    return agent_id


async def test_an_agent_searches_what_was_loaded_for_it_and_nobody_elses(tmp_path: Path, manual: str) -> None:
    find = answer(None, ("archival_memory_search", {"query": "red knob", "request_heartbeat": True}))
    script = [says("Hello"), says("Hello"), find, says("Turn it."), find, says("No idea.")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path / "data", llm_model="m", openai_base_url=server.url) as bot:
            for person in ("ada", "bob"):
                await bot.say("Hello", person=person)
            await bot.app.library.load(["car"], None, await agent_of(bot))
            assert "3 messages" not in await bot.command("search knob", person="bob")
            assert "found nothing" in await bot.command("search knob", person="bob")
            shown = await bot.command("search knob")
            assert "1 passage" in shown
            assert "- **manual.md** (Manual > Setup): # Manual ## Setup Turn the red knob" in shown
            assert "0 notes and 2 pieces of documents." in await bot.command("memory")
            assert "pieces" not in await bot.command("memory", person="bob")
            assert await bot.say("How do I start it?") == ["Turn it."]
            assert await bot.say("How do I start it?", person="bob") == ["No idea."]
    results = [json.loads(request["messages"][-1]["content"]) for request in (server.requests[3], server.requests[5])]
    first = results[0]["results"][0]
    assert first == {
        "id": first["id"],
        "document": "manual.md",
        "heading": "Manual > Setup",
        "text": "# Manual\n\n## Setup\n\nTurn the red knob to start the engine.",
    }
    assert results[1]["total"] == 0


async def test_a_model_that_only_talks_is_given_what_bears_on_the_question(tmp_path: Path) -> None:
    write("long.txt", "The sky is blue today. " * 30 + "The knob is hidden here. " + "Rain. " * 20)
    async with ScriptedServer([says("Hello"), says("There.")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_tier="text") as bot:
            await bot.say("Hello")
            await bot.app.library.load(["long.txt"], None, await agent_of(bot))
            await bot.say("Where is the knob?")
    assert "The knob is hidden here." in json.dumps(server.requests[-1]["messages"])


async def test_loading_again_replaces_what_changed_and_leaves_the_rest(tmp_path: Path, manual: str) -> None:
    write("car/figs.txt", "Figs are ripe.")
    write("car/bad.txt", b"\x00\x01")
    async with open_bot(tmp_path / "data") as bot:
        await bot.command("memory")
        agent, library, archival = await agent_of(bot), bot.app.library, bot.app.shelves.archival
        first = await library.load(["car"], None, agent)
        assert (first.source, first.outcomes) == ("car", {Outcome.NEW: 2})
        assert first.faults == ("car/bad.txt: is no text (or UTF-16 without a byte order mark)",)
        write(manual, "# Manual\n\nPush the green button.")
        write("car/new.md", "Something new.")
        os.rename("car/figs.txt", "figs.txt")
        second = await library.load(["car"], None, agent)
        assert second.outcomes == {Outcome.NEW: 1, Outcome.REPLACED: 1}
        # Beside another folder, files have the names of theirs, too; but not those that are there already.
        write("cart/manual.md", "Pull.")
        both = await library.load(["car", "figs.txt", "cart"], "car", agent)
        assert both.outcomes == {Outcome.NEW: 1, Outcome.UNCHANGED: 3}
        os.unlink("figs.txt")
        os.unlink("cart/manual.md")
        await library.load(["."], "car", agent, drops_missing=True)
        (source,) = await library.sources(agent)
        assert (source.documents, source.pieces, source.agents) == (2, 2, 1)
        texts = [
            passage.content for passage in await archival.get(agent, await archival.search(agent, "red knob figs"))
        ]
        assert not [text for text in texts if "red knob" in text or "Figs" in text]
        third = await library.load(["car"], None, agent)
        assert third.outcomes == {Outcome.UNCHANGED: 2}
        assert await archival.waiting() == third.without_vector == 0


async def test_what_cannot_be_read_just_now_is_not_dropped(tmp_path: Path, manual: str) -> None:
    write("car/figs.txt", "Figs are ripe.")
    async with open_bot(tmp_path / "data") as bot:
        await bot.app.library.load(["car"], None, None)
        write(manual, b"\x00")
        loaded = await bot.app.library.load(["car"], None, None, drops_missing=True)
        assert (loaded.dropped, len(loaded.faults)) == (0, 1)
        assert [source.documents for source in await bot.app.library.sources()] == [2]


async def test_a_file_that_changes_while_it_is_loaded_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manual: str
) -> None:
    def then_changed(path: Path, max_bytes: int) -> str:
        digest = digest_of(path, max_bytes)
        write(manual, "Push the green button.")
        return digest

    async with open_bot(tmp_path / "data") as bot:
        with monkeypatch.context() as changing:
            changing.setattr(library, "digest_of", then_changed)
            await bot.app.library.load([manual], "car", None)
        assert (await bot.app.library.load([manual], "car", None)).outcomes == {Outcome.UNCHANGED: 1}
        write(manual, MANUAL)
        assert (await bot.app.library.load([manual], "car", None)).outcomes == {Outcome.REPLACED: 1}


async def test_a_document_of_too_many_pieces_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("docs/long.txt", "word " * 1000)
    write("docs/short.txt", "word " * 500)
    monkeypatch.setattr(library, "MAX_PIECES", 3)
    async with open_bot(tmp_path / "data") as bot:
        loaded = await bot.app.library.load(["docs"], None, None)
        assert (loaded.outcomes, loaded.faults) == ({Outcome.NEW: 1}, ("docs/long.txt: comes to more than 3 pieces",))


async def test_a_source_is_given_taken_and_removed(tmp_path: Path, manual: str) -> None:
    async with open_bot(tmp_path / "data") as bot:
        for person in ("ada", "bob"):
            await bot.command("memory", person=person)
        ada, bob, library = await agent_of(bot), await agent_of(bot, "bob"), bot.app.library
        await library.load(["car/manual.md"], "vehicles", ada)
        assert await library.attach(bob, "vehicles")
        assert "red knob" in await bot.command("search knob", person="bob")
        assert await library.detach(ada, "vehicles")
        assert "found nothing" in await bot.command("search knob")
        await library.remove("vehicles")
        assert "found nothing" in await bot.command("search knob", person="bob")
        assert await library.sources() == ()
        with pytest.raises(SourceNotFound):
            await library.attach(ada, "vehicles")


async def test_vectors_that_somebody_else_makes_meanwhile_count_as_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("docs/0.txt", f"Page. {'x' * 900} " * 60)
    seen: list[Progress] = []
    async with open_bot(tmp_path / "data") as bot:
        archival = bot.app.shelves.archival
        index_pending = archival.index_pending

        async def late(told: Callable[[int], None]) -> int:
            await index_pending()
            return await index_pending(told)

        monkeypatch.setattr(archival, "index_pending", late)
        await bot.app.library.load(["docs"], None, None, seen.append)
    assert (seen[-1].doing, seen[-1].done) == ("vectors", seen[-1].total)


async def test_whoever_watches_sees_files_and_then_vectors_go_by(tmp_path: Path) -> None:
    for number in range(3):
        write(f"docs/{number}.txt", f"Page. {'x' * 900} " * 60)
    seen: list[Progress] = []
    async with open_bot(tmp_path / "data") as bot:
        await bot.app.library.load(["docs"], None, None, seen.append)
    files = [progress for progress in seen if progress.doing != "vectors"]
    vectors = [progress for progress in seen if progress.doing == "vectors"]
    assert [(at.doing, at.done, at.total) for at in files] == [(f"{n}.txt", n, 3) for n in range(3)]
    assert seen == files + vectors
    assert [at.done for at in vectors] == sorted({at.done for at in vectors})
    assert vectors[-1].done == vectors[-1].total


async def test_a_load_that_is_cancelled_anywhere_leaves_whole_documents_and_goes_on_later(tmp_path: Path) -> None:
    for number in range(4):
        write(f"docs/{number}.txt", "word " * 1000)
    async with open_bot(tmp_path / "data") as bot:
        library, ticks = bot.app.library, 0
        while True:
            source, before = f"try {ticks}", 0
            load = asyncio.create_task(library.load(["docs"], source, None))
            for _ in range(ticks):
                await asyncio.sleep(0)
                if load.done():
                    break
            if load.done():
                break
            load.cancel()
            await asyncio.wait([load])
            kept = [each for each in await library.sources() if each.name == source]
            before = kept[0].documents if kept else 0
            assert [each.pieces for each in kept] == [5 * before] * len(kept)
            again = await library.load(["docs"], source, None)
            assert again.outcomes[Outcome.NEW] == 4 - before
            assert again.outcomes[Outcome.UNCHANGED] == before
            ticks += 1 + ticks // 2
        await load


async def test_an_embedder_that_is_down_costs_only_the_meaning(tmp_path: Path, manual: str) -> None:
    nobody_there = "http://127.0.0.1:9/v1"
    async with open_bot(tmp_path / "data", openai_base_url=nobody_there, embedding_model="e") as bot:
        await bot.command("memory")
        loaded = await bot.app.library.load([manual], None, await agent_of(bot))
        assert (loaded.outcomes, loaded.without_vector) == ({Outcome.NEW: 1}, 2)
        assert "red knob" in await bot.command("search knob")
