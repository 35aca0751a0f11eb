"""Hints to the C library: memory is given back, and nothing is lost by it."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.glibc import blank_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hints are for Linux")

ROOT = Path(__file__).parents[2]

COUNTS = """
from adapters.glibc import give_back, use_one_arena
from adapters.models.token_counter import BpeTokenCounter
use_one_arena()
counter = BpeTokenCounter()
print([counter.count(text) for text in ("", "Hello, world!", "長い話 🦜", "<|endoftext|>" * 100)])
print(open("/proc/self/smaps").read())
"""


def test_the_packed_token_table_is_not_held_in_memory_beside_the_unpacked_one() -> None:
    output = subprocess.run([sys.executable, "-c", COUNTS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    counts, _, maps = output.partition("\n")
    assert counts == "[0, 4, 7, 601]"
    held = [int(kib) for kib in re.findall(r"bpe_openai/_bindings.*\n(?:.*\n)+?Rss: +(\d+) kB", maps)]
    assert held
    assert sum(held) < 4000


CHROMA = """
import asyncio, re, sys, tempfile
from pathlib import Path
from adapters.glibc import give_back_grpc
from memory.search.chroma_index import ChromaIndex
from memory.ports import IndexEntry, IndexLost

def held():
    maps = open("/proc/self/smaps").read()
    return sum(int(kib) for kib in re.findall(r"cygrpc.*\\n(?:.*\\n)+?Rss: +(\\d+) kB", maps))

async def main(folder):
    opened = []
    def loaded():
        before = held()
        give_back_grpc()
        opened.append((before, held()))
    index = ChromaIndex(Path(folder), loaded)
    try:
        await index.upsert(1, "none", [IndexEntry(7, [1.0, 0.0], ())])
    except IndexLost:
        await index.upsert(1, "none", [IndexEntry(7, [1.0, 0.0], ())])
    await index.close()
    import grpc  # still works
    grpc.insecure_channel("127.0.0.1:9").close()
    print(*opened[0])

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
"""


def test_a_library_that_chroma_loads_and_nobody_uses_is_not_held_in_memory() -> None:
    output = subprocess.run([sys.executable, "-c", CHROMA], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    before, after = map(int, output.split())
    assert before > 4000
    assert after < before / 3


def test_blank_memory_holds_nothing_of_what_others_left_there() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    size, left = 5_000, b"secret" * 800

    def handed_out() -> bytes:
        """What stands in memory that somebody has used and given back, as the next is given it."""
        used = libc.malloc(size)
        ctypes.memmove(used, left, len(left))
        libc.free(used)
        with blank_memory():
            given = libc.malloc(size)
        held = ctypes.string_at(given, size)
        libc.free(given)
        return held

    assert b"secret" not in handed_out()
