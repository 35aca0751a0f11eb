"""The file of an `ExactIndex`: made when first needed, overwritten where something goes, and thrown away if damaged."""

import asyncio
import struct
from pathlib import Path

import pytest

from memory.ports import IndexEntry, IndexLost
from memory.search.exact_index import ExactIndex, vectors_in_file

TELLING = [0.123456, 0.654321, 0.5, 0.25]


async def filled(file: Path) -> ExactIndex:
    index = ExactIndex(file)
    for _ in range(2):
        try:
            await index.upsert(1, "m", [IndexEntry(1, TELLING), IndexEntry(2, [1.0, 0, 0, 0])])
        except IndexLost:
            continue
    return index


async def test_what_goes_leaves_no_byte_of_it(tmp_path: Path) -> None:
    file = tmp_path / "vectors.db"
    assert vectors_in_file(file) == 0
    index = await filled(file)
    assert vectors_in_file(file) == 2
    bytes_of_it = struct.pack("<4f", *TELLING)
    assert bytes_of_it in await asyncio.to_thread(file.read_bytes)
    await index.delete(1, [1])
    assert bytes_of_it not in await asyncio.to_thread(file.read_bytes)
    assert await index.keep_only({}) == 1
    await index.close()
    assert vectors_in_file(file) == 0


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_damaged_file_is_lost_once_and_then_a_new_one(tmp_path: Path, is_open: bool) -> None:
    file = tmp_path / "vectors.db"
    index = await filled(file)
    if not is_open:
        await index.close()
        index = ExactIndex(file)
    whole = await asyncio.to_thread(file.read_bytes)
    await asyncio.to_thread(file.write_bytes, b"no database" * (len(whole) // 11))
    with pytest.raises(IndexLost):
        await index.nearest([1], "m", TELLING, [], 5)
    assert list(await index.nearest([1], "m", TELLING, [], 5)) == []
    await index.close()
