"""What only Chroma does: it shares collections, and finds damage of one when it is used."""

import math
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import chromadb
import pytest
from chromadb.config import Settings
from chromadb.errors import ChromaError

from memory.ports import IndexEntry, IndexLost
from memory.search.chroma_folder import fault_of, killed_its_user, marked_in_use, vectors_in
from memory.search.chroma_index import ChromaIndex

MODEL = "model-2"
# Chroma writes a collection's vectors to files of their own only when there are more than a thousand.
ENTRIES = [IndexEntry(number, [math.cos(number / 200), math.sin(number / 200)]) for number in range(1, 1101)]


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _overwrite_the_vectors(folder: Path) -> None:
    (folder / "data_level0.bin").write_bytes(b"no vectors" * 100)
    (folder / "header.bin").write_bytes(b"no header" * 100)


def _overwrite_the_ids(folder: Path) -> None:
    (folder / "index_metadata.pickle").write_bytes(b"no ids")


@pytest.mark.parametrize("damage", [_remove, _overwrite_the_vectors, _overwrite_the_ids])
async def test_a_damaged_collection_is_lost_once_and_can_be_filled_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    first = ChromaIndex(tmp_path / "chroma")
    with pytest.raises(IndexLost):
        await first.upsert(1, MODEL, ENTRIES)
    await first.upsert(1, MODEL, ENTRIES)
    await first.close()
    for collection in _collections(tmp_path / "chroma"):
        damage(collection)

    index = ChromaIndex(tmp_path / "chroma")
    with pytest.raises(IndexLost, match="damaged"):
        await index.nearest([1], MODEL, [1.0, 0.0], [], 1)
    assert list(await index.nearest([1], MODEL, [1.0, 0.0], [], 1)) == []
    await index.upsert(1, MODEL, ENTRIES[:1])
    assert list(await index.nearest([1], MODEL, ENTRIES[0].vector, [], 1)) == [(1, pytest.approx(1.0))]
    await index.close()


def _collections(folder: Path) -> list[Path]:
    return [part for part in folder.iterdir() if part.is_dir()]


async def test_a_vector_of_another_length_is_an_error_and_no_damage(tmp_path: Path) -> None:
    index = ChromaIndex(tmp_path / "chroma")
    with pytest.raises(IndexLost):
        await index.upsert(1, MODEL, ENTRIES[:5])
    await index.upsert(1, MODEL, ENTRIES[:5])
    with pytest.raises(Exception, match="dimension"):
        await index.upsert(1, MODEL, [IndexEntry(6, [1.0, 0.0, 0.0])])
    with pytest.raises(ValueError, match="shape"):
        await index.nearest([1], MODEL, [1.0, 0.0, 0.0], [], 5)
    assert len(await index.nearest([1], MODEL, [1.0, 0.0], [], 5)) == 5
    await index.close()
    assert _collections(tmp_path) == [tmp_path / "chroma"]


WATCHES_HTTPX = """
import asyncio, sys
from pathlib import Path
from memory.search.chroma_index import ChromaIndex
from memory.ports import IndexLost

async def main():
    index = ChromaIndex(Path(sys.argv[1]))
    opening = asyncio.ensure_future(index.count(1))
    halves = 0
    while not opening.done():
        found = sys.modules.get("httpx")
        halves += found is not None and not hasattr(found, "Timeout")
        await asyncio.sleep(0)
    assert isinstance(opening.exception(), IndexLost)
    await index.close()
    print("chromadb" in sys.modules, halves)

asyncio.run(main())
"""


def test_nobody_sees_half_of_httpx_while_chroma_is_imported(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", WATCHES_HTTPX, str(tmp_path / "chroma")]
    found = subprocess.run(arguments, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "0"]


async def _filled(folder: Path, count: int = 40) -> None:
    index = ChromaIndex(folder)
    with pytest.raises(IndexLost):
        await index.upsert(1, MODEL, ENTRIES[:count])
    await index.upsert(1, MODEL, ENTRIES[:count])
    await index.close()


def _spoil_the_texts(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database, database:
        database.execute("UPDATE embedding_metadata SET key = CAST(x'61ff62' AS TEXT) WHERE id = 7")


def _put_a_text_for_a_number(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database, database:
        database.execute("UPDATE embedding_metadata SET int_value = 'one' WHERE id = 7")


def _flip_bytes_everywhere(folder: Path) -> None:
    file = folder / "chroma.sqlite3"
    content = bytearray(file.read_bytes())
    for at in range(40_000, len(content), 997):
        content[at] ^= 0xFF
    file.write_bytes(content)


def _leave_the_mark_of_a_killed_process(folder: Path) -> None:
    with suppress(ZeroDivisionError), marked_in_use(folder):
        shutil.copytree(folder, folder.with_name("as-it-was"))
        raise ZeroDivisionError
    shutil.rmtree(folder)
    folder.with_name("as-it-was").rename(folder)


def _replace_by_a_folder(folder: Path) -> None:
    (folder / "chroma.sqlite3").unlink()
    (folder / "chroma.sqlite3").mkdir()
    folder.with_name("chroma.damaged").write_text("no folder", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        _spoil_the_texts,
        _put_a_text_for_a_number,
        _flip_bytes_everywhere,
        _leave_the_mark_of_a_killed_process,
        _replace_by_a_folder,
    ],
)
async def test_what_would_kill_the_process_is_set_aside_unread(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "chroma"
    await _filled(folder)
    damage(folder)
    index = ChromaIndex(folder)
    with pytest.raises(IndexLost, match="damaged"):
        await index.nearest([1], MODEL, [1.0, 0.0], [], 1)
    await index.upsert(1, MODEL, ENTRIES[:1])
    await index.close()
    assert (tmp_path / "chroma.damaged").is_dir()
    assert "set aside" in caplog.text
    again = ChromaIndex(folder)
    assert await again.count([1]) == 1
    await again.close()


async def test_a_good_folder_has_no_fault_and_no_mark_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    assert fault_of(folder) is None
    assert vectors_in(folder) == 0
    await _filled(folder, 1100)
    assert fault_of(folder) is fault_of(folder, beside=True) is None
    assert vectors_in(folder) == 1100
    assert not killed_its_user(folder)


async def test_damage_that_shows_while_it_is_used_is_set_aside_once(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    await _filled(folder)
    _drop(folder, "embeddings_queue")
    index = ChromaIndex(folder)
    with pytest.raises(IndexLost, match="damaged"):
        await index.nearest([1], MODEL, [1.0, 0.0], [], 1)
    await index.upsert(1, MODEL, ENTRIES[:1])
    _drop(folder, "embedding_metadata")
    with pytest.raises(ChromaError, match="embedding_metadata"):
        await index.nearest([1], MODEL, [1.0, 0.0], [], 1)
    await index.close()


def _drop(folder: Path, table: str) -> None:
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database, database:
        database.execute(f"DROP TABLE {table}")


async def test_what_is_no_entry_of_ours_is_removed_when_all_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    await _filled(folder, 3)
    vector = [[1.0, 0.0]]
    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    (collection,) = client.list_collections()
    collection.add(ids=["55"], embeddings=vector)
    collection.add(ids=["a", "007"], embeddings=vector * 2, metadatas=[{"agent_id": 1}] * 2)
    collection.add(ids=["56"], embeddings=vector, metadatas=[{"agent_id": 7}])  # its place is another collection
    collection.add(ids=["57"], embeddings=vector, metadatas=[{"agent_id": "ada"}])
    client.close()  # type: ignore[attr-defined]

    index = ChromaIndex(folder)
    for _ in range(2):
        assert sorted([entry async for entry in index.entries()]) == [(1, 1), (1, 2), (1, 3)]
    await index.close()
    assert vectors_in(folder) == 3
