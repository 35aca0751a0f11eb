"""Documents in archival storage: kept once, found by those agents that they are attached to, replaced whole."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from adapters.models.embedders import WordLlamaEmbedder
from memory.archival.chunks import Piece, pieces
from memory.archival.documents import Documents
from memory.archival.storage import ArchivalStorage
from memory.ports import NewPassage, Passage, SourceNotFound, owner_of_source
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.database import Database
from memory.sqlite.tables import passages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOB = Piece("Turn the red knob to start the engine.", "Guide > Setup", 3)
FIGS = Piece("Figs are best in August.")


@pytest.fixture
def documents(database: Database) -> Documents:
    return Documents(database, lambda: NOW)


async def digests(documents: Documents, source: str) -> dict[str, str]:
    return {name: document.digest for name, document in (await documents.loaded(source)).documents.items()}


@pytest.fixture
async def archival(database: Database, tmp_path: Path) -> AsyncIterator[ArchivalStorage]:
    storage = ArchivalStorage(database, ChromaIndex(tmp_path / "chroma"), WordLlamaEmbedder(), lambda: NOW)
    yield storage
    await storage.close()


async def note(database: Database, archival: ArchivalStorage, agent_id: int, text: str, *tags: str) -> int:
    async with database.write() as transaction:
        new = NewPassage(content=text, tags=tags, created_at=NOW)
        (kept,) = await archival.insert(transaction, agent_id, [new])
    return kept


async def found(archival: ArchivalStorage, agent_id: int, query: str, *tags: str) -> tuple[Passage, ...]:
    return await archival.get(agent_id, await archival.search(agent_id, query, tags))


async def pieces_kept(database: Database) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).where(passages.c.document_id.is_not(None))) or 0


# ── finding ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_attached_is_found_with_the_place_where_it_stands(
    documents: Documents, archival: ArchivalStorage, ada: int, bob: int
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB, FIGS])
    assert await documents.attach(ada, "car")
    await archival.index_pending()
    for query in ("knob", "how do I switch the motor on"):  # by words, and by meaning alone
        first = (await found(archival, ada, query))[0]
        assert (first.content, first.document, first.heading, first.page) == (
            KNOB.content,
            "manual.md",
            "Guide > Setup",
            3,
        )
        assert await found(archival, bob, query) == ()
    assert (await archival.count(ada), await archival.count_pieces(ada)) == (0, 2)
    assert (await archival.count(bob), await archival.count_pieces(bob)) == (0, 0)
    assert await archival.get(bob, [first.id]) == ()


async def test_notes_and_documents_are_found_together_and_with_tags_only_notes(
    database: Database, documents: Documents, archival: ArchivalStorage, ada: int
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB])
    await documents.attach(ada, "car")
    kept = await note(database, archival, ada, "The red knob sticks in winter.", "car")
    await archival.index_pending()
    assert {passage.document for passage in await found(archival, ada, "red knob")} == {None, "manual.md"}
    assert [passage.id for passage in await found(archival, ada, "red knob", "car")] == [kept]
    assert await found(archival, ada, "red knob", "boat") == ()
    assert (await archival.count(ada), await archival.count_pieces(ada)) == (1, 1)


async def test_a_source_of_many_agents_is_kept_once(
    database: Database, documents: Documents, archival: ArchivalStorage, ada: int, bob: int
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB])
    assert await documents.attach(ada, "car")
    assert await documents.attach(bob, "car")
    assert not await documents.attach(bob, "car")
    assert await archival.index_pending() == 1
    assert await found(archival, ada, "knob") == await found(archival, bob, "knob") != ()
    (source,) = await documents.sources()
    assert (source.name, source.documents, source.pieces, source.agents) == ("car", 1, 1, 2)
    assert await archival._vectors._index.count([owner_of_source(source.id)]) == 1
    assert await archival._vectors._index.count([ada, bob]) == 0

    assert await documents.detach(ada, "car")
    assert not await documents.detach(ada, "car")
    assert await found(archival, ada, "knob") == ()
    assert len(await found(archival, bob, "knob")) == 1
    assert await documents.sources(ada) == ()
    assert [source.agents for source in await documents.sources(bob)] == [1]


async def test_before_its_vector_a_piece_is_found_by_its_words(
    documents: Documents, archival: ArchivalStorage, ada: int
) -> None:
    await documents.put("car", "figs.md", "1", [FIGS])
    await documents.attach(ada, "car")
    await archival.index_pending()
    await documents.put("car", "manual.md", "1", [KNOB])
    assert [passage.content for passage in await found(archival, ada, "knob")] == [KNOB.content]
    assert await archival.waiting() == 1
    assert await archival.index_pending() == 1
    assert await archival.waiting() == 0


async def test_a_book_does_not_crowd_an_old_note_out_of_a_search_by_words(
    database: Database, documents: Documents, archival: ArchivalStorage, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.archival.passage_words.MAX_CANDIDATES", 3)
    kept = await note(database, archival, ada, "The knob is loose.")
    await documents.put("car", "manual.md", "1", [Piece(f"knob {number}") for number in range(9)])
    await documents.attach(ada, "car")
    assert kept in await archival.search(ada, "knob")


async def test_a_note_gets_its_vector_without_waiting_for_a_book(
    database: Database, documents: Documents, archival: ArchivalStorage, ada: int
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB] * 300)
    await note(database, archival, ada, "She drives a van.")
    archival.index_soon()
    assert [passage.content for passage in await found(archival, ada, "vehicle")] == ["She drives a van."]
    assert await archival.waiting() == 300


class Slow(WordLlamaEmbedder):
    """Makes no vectors of a list with the word "last" in it until it may; then, if it is to, it fails."""

    def __init__(self) -> None:
        self.is_asked, self.may_go_on, self.fails = asyncio.Event(), asyncio.Event(), False
        self.asked: list[Sequence[str]] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked.append(texts)
        if any("last" in text for text in texts):
            self.is_asked.set()
            await self.may_go_on.wait()
            if self.fails:
                raise ConnectionError("nobody there")
        return await super().embed(texts)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def slow_archival(database: Database, tmp_path: Path, slow: Slow) -> AsyncIterator[ArchivalStorage]:
    storage = ArchivalStorage(database, ChromaIndex(tmp_path / "slow"), slow, lambda: NOW)
    yield storage
    await storage.close()


async def test_a_note_gets_its_vector_while_a_book_is_embedded(
    database: Database, documents: Documents, slow_archival: ArchivalStorage, slow: Slow, ada: int
) -> None:
    await documents.put("car", "manual.md", "1", [Piece("the last one")])
    load = asyncio.create_task(slow_archival.index_pending())
    await slow.is_asked.wait()
    await note(database, slow_archival, ada, "She drives a van.")
    slow_archival.index_soon()
    assert [passage.content for passage in await found(slow_archival, ada, "vehicle")] == ["She drives a van."]
    assert await slow_archival.waiting() == 1
    slow.may_go_on.set()
    assert await load == 1


async def test_pieces_are_written_while_the_next_are_embedded_and_no_list_is_too_long_for_a_server(
    documents: Documents, slow_archival: ArchivalStorage, slow: Slow
) -> None:
    await documents.put("car", "manual.md", "1", [*(Piece(f"piece {number}") for number in range(256)), Piece("last")])
    written = asyncio.Event()
    load = asyncio.create_task(slow_archival.index_pending(lambda done: written.set()))
    await slow.is_asked.wait()
    await written.wait()
    assert await slow_archival.waiting() == 1
    slow.fails = True
    slow.may_go_on.set()
    assert await load == 256
    assert await slow_archival.waiting() == 1
    assert [len(texts) for texts in slow.asked] == [128, 128, 1]


async def test_two_loads_at_once_embed_each_piece_once(
    documents: Documents, slow_archival: ArchivalStorage, slow: Slow
) -> None:
    await documents.put("car", "manual.md", "1", [Piece(f"piece {number}") for number in range(300)])
    assert sum(await asyncio.gather(slow_archival.index_pending(), slow_archival.index_pending())) == 300
    assert sum(map(len, slow.asked)) == 300


async def test_what_is_removed_while_it_is_embedded_gets_no_vector(
    documents: Documents, slow_archival: ArchivalStorage, slow: Slow
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB])
    await documents.put("car", "more.md", "1", [Piece("the last one")])
    load = asyncio.create_task(slow_archival.index_pending())
    await slow.is_asked.wait()
    removed, _ = await documents.drop("car", {"more.md"})
    await slow_archival.forget(owner_of_source(removed.source_id), removed.passage_ids)
    slow.may_go_on.set()
    assert await load == 1
    assert await slow_archival._vectors._index.count([owner_of_source(removed.source_id)]) == 1


async def test_many_pieces_are_counted_as_their_vectors_are_made(
    documents: Documents, archival: ArchivalStorage, ada: int
) -> None:
    told: list[int] = []
    await documents.put("car", "manual.md", "1", [Piece(f"piece {number}") for number in range(300)])
    assert await archival.index_pending(told.append) == 300
    assert told == sorted(told)
    assert (len(told) > 1, told[-1]) == (True, 300)


# ── replacing and removing ───────────────────────────────────────────────────────────────────────────


async def test_loading_again_replaces_the_document_of_that_name_and_no_other(
    database: Database, documents: Documents, archival: ArchivalStorage, ada: int
) -> None:
    await documents.put("car", "manual.md", "1", [KNOB, KNOB])
    await documents.put("car", "figs.md", "1", [FIGS])
    await documents.put("boat", "manual.md", "1", [FIGS])
    for source in ("car", "boat"):
        await documents.attach(ada, source)
    await archival.index_pending()
    removed = await documents.put("car", "manual.md", "2", [Piece("Push the green button.")])
    await archival.forget(owner_of_source(removed.source_id), removed.passage_ids)
    await archival.index_pending()
    assert await digests(documents, "car") == {"manual.md": "2", "figs.md": "1"}
    assert await digests(documents, "boat") == {"manual.md": "1"}
    assert len(removed.passage_ids) == 2
    assert {passage.content for passage in await found(archival, ada, "red knob green button")} >= {
        "Push the green button."
    }
    assert all("red knob" not in passage.content for passage in await found(archival, ada, "red knob"))
    assert (
        await archival._vectors._index.count([owner_of_source(removed.source_id)])
        == await pieces_kept(database) - 1
        == 2
    )


async def test_documents_that_are_missing_stay_until_they_are_dropped(documents: Documents, database: Database) -> None:
    for name in ("a.md", "b.md", "c.md"):
        await documents.put("car", name, "1", [KNOB])
    removed, count = await documents.drop("car", {"a.md", "c.md", "z.md"})
    assert (len(removed.passage_ids), count) == (2, 2)
    assert list(await digests(documents, "car")) == ["b.md"]
    assert await pieces_kept(database) == 1
    assert (await documents.drop("car", {"a.md"}))[1] == 0


async def test_a_removed_source_leaves_nothing(
    documents: Documents, archival: ArchivalStorage, database: Database, ada: int, bob: int
) -> None:
    for agent in (ada, bob):
        await documents.put("car", "manual.md", "1", [KNOB])
        await documents.attach(agent, "car")
    await archival.index_pending()
    removed = await documents.remove("car")
    await archival.forget(owner_of_source(removed.source_id), removed.passage_ids)
    assert await documents.sources() == await documents.sources(ada) == ()
    assert await found(archival, ada, "knob") == ()
    assert await pieces_kept(database) == 0
    assert await archival._vectors._index.count([owner_of_source(removed.source_id)]) == 0


async def test_a_source_that_is_not_there_is_told(documents: Documents, ada: int) -> None:
    assert await digests(documents, "none") == {}
    for call in (documents.attach(ada, "none"), documents.detach(ada, "none"), documents.remove("none")):
        with pytest.raises(SourceNotFound, match="'none'"):
            await call
    with pytest.raises(SourceNotFound):
        await documents.drop("none", {"a"})


async def test_a_kill_while_documents_are_put_leaves_whole_ones(
    documents: Documents, database: Database, ada: int
) -> None:
    async def break_off() -> None:
        async with database.write() as transaction:
            await transaction.exec_driver_sql(
                "CREATE TEMP TRIGGER stop BEFORE INSERT ON passages WHEN NEW.content = 'piece 700' "
                "BEGIN SELECT RAISE(ABORT, 'stopped'); END"
            )

    await documents.put("car", "manual.md", "1", [KNOB])
    await break_off()
    with pytest.raises(Exception, match="stopped"):
        await documents.put("car", "manual.md", "2", [Piece(f"piece {number}") for number in range(1000)])
    assert await digests(documents, "car") == {"manual.md": "1"}
    assert await pieces_kept(database) == 1


async def test_a_real_text_is_found_by_what_it_means(documents: Documents, archival: ArchivalStorage, ada: int) -> None:
    text = (
        "# The garden\n\n## Trees\n\nThe old fig tree bears fruit in late summer. Water it once a week.\n\n"
        "## Pests\n\nAphids sit under the leaves; ladybirds eat them.\n\n"
        "# The house\n\n## Heating\n\nThe boiler is serviced each October. The plumber's number hangs on its door.\n"
    )
    await documents.put("home", "home.md", "1", list(pieces(text, is_markdown=True)))
    await documents.attach(ada, "home")
    await archival.index_pending()
    assert (await found(archival, ada, "insects harming plants"))[0].heading == "The garden > Pests"
    assert (await found(archival, ada, "who repairs the central heating"))[0].heading == "The house > Heating"
