"""What only Chroma does: it shares collections, and finds damage of one when it is used."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from memory.chroma_index import ChromaIndex
from memory.ports import IndexEntry, IndexLost

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
        await index.nearest(1, MODEL, [1.0, 0.0], [], 1)
    assert list(await index.nearest(1, MODEL, [1.0, 0.0], [], 1)) == []
    await index.upsert(1, MODEL, ENTRIES[:1])
    assert list(await index.nearest(1, MODEL, ENTRIES[0].vector, [], 1)) == [(1, pytest.approx(1.0))]
    await index.close()


def _collections(folder: Path) -> list[Path]:
    return [part for part in folder.iterdir() if part.is_dir()]


async def test_a_vector_of_another_length_is_an_error_and_no_damage(tmp_path: Path) -> None:
    index = ChromaIndex(tmp_path / "chroma")
    with pytest.raises(IndexLost):
        await index.upsert(1, MODEL, ENTRIES[:5])
    await index.upsert(1, MODEL, ENTRIES[:5])
    with pytest.raises(Exception, match="dimension"):
        await index.nearest(1, MODEL, [1.0, 0.0, 0.0], [], 5)
    assert len(await index.nearest(1, MODEL, [1.0, 0.0], [], 5)) == 5
    await index.close()
    assert _collections(tmp_path) == [tmp_path / "chroma"]
