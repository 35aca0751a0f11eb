"""The processes in which llama.cpp serves, as Linux tells of them."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

LIMIT_S = 60.0
TICKS_AT_WORK = 5
"""Of a hundredth of a second; whoever waits takes none."""


def servers_of(parent: int) -> list[int]:
    """The llama.cpp children of a process."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # threads and processes end while they are looked at
            for child in (task / "children").read_text().split():
                if b"llama_server" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def ticks(pid: int) -> int:
    """The time that a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def is_at_work(pid: int, since: int) -> None:
    """Wait until a process has computed for a moment beyond that time: it is in the middle of an answer."""

    def look() -> None:
        deadline = time.monotonic() + LIMIT_S
        while ticks(pid) < since + TICKS_AT_WORK:
            assert time.monotonic() < deadline, "it does nothing"
            time.sleep(0.01)  # there is nothing to wait on: it tells nobody what it does

    await asyncio.to_thread(look)
