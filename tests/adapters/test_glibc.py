"""Hints to the C library: memory is given back, and nothing is lost by it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the hints are for Linux")

ROOT = Path(__file__).parents[2]

COUNTS = """
from adapters.glibc import give_back, use_one_arena
from adapters.token_counter import BpeTokenCounter
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
