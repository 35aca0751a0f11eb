"""How soon the terminal is ready, and how much memory the program takes, with a model behind an API.

Both run the real program (`python -m bot chat`) as a process of its own, against a model server on this machine. The
memory runs talk for 50 messages; in the second the agent writes to its archive and searches it, which loads Chroma and
the embedder besides.
"""

import asyncio
import os
import pty
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, report
from benchmarks.model_server import KEEP, model_server

ROOT = Path(__file__).parent.parent
RUNS = 5
MESSAGES = 50
PROMPT = b"you> "


async def figures() -> list[Figure]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        async with model_server() as url:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "TERM": "xterm-256color",
                "LLM_MODEL": "gpt-4o",
                "OPENAI_BASE_URL": url,
                "BOT_DATA_DIR": f"{folder}/data",
            }
            plain = await asyncio.to_thread(_peak_memory, environment, False)
            archive = await asyncio.to_thread(_peak_memory, environment, True)
            times = [await asyncio.to_thread(_time_to_prompt, environment) for _ in range(RUNS)]
            print("  time to the prompt:", ", ".join(f"{seconds:.2f} s" for seconds in times))
            return [
                Figure("time to first prompt, API model", statistics.median(times), "s", 2.5),
                Figure("peak memory, API model", plain, "MB", 200.0),
                Figure("peak memory, API model, archive in use", archive, "MB", 200.0),
            ]


def _time_to_prompt(environment: dict[str, str]) -> float:
    """Seconds from starting the process until its prompt stands in the terminal."""
    terminal, theirs = pty.openpty()
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "chat"], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while PROMPT not in seen and time.monotonic() - started < 60:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
            if b"\x1b[6n" in seen:  # it asks where the cursor is
                os.write(terminal, b"\x1b[1;1R")
                seen = seen.replace(b"\x1b[6n", b"")
    taken = time.monotonic() - started
    os.write(terminal, b"\x04")  # Ctrl-D
    while process.poll() is None:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                break
    process.wait()
    os.close(terminal)
    return taken


def _peak_memory(environment: dict[str, str], uses_archive: bool) -> float:
    """The largest resident size of the program over a conversation, in MB (10^6 bytes)."""
    lines = [f"Message {number}: I went for a walk by the river today." for number in range(MESSAGES)]
    if uses_archive:
        lines.insert(10, KEEP)
    subprocess.run(
        [sys.executable, "-m", "bot", "chat", "--plain"],
        cwd=ROOT,
        env=environment,
        input="\n".join(lines).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    report(asyncio.run(figures()))
