"""How fast documents are loaded: 5 MB of English, half of it Markdown, through `python -m bot load`.

The real program runs as a process of its own, from its start to its end, on a new data directory with the packaged
embedder. The text is made of the sentences of this project's own documents, put together anew. On a shared machine the
slowest of the runs counts, and the CPU is told besides: it is the same whatever others do.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, report

ROOT = Path(__file__).parent.parent
RUNS = 4
FILES = 10
FILE_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Load:
    """What a load took."""

    seconds: float
    cpu_seconds: float
    peak: float
    """Resident size in MB (10^6 bytes)."""


async def figures() -> list[Figure]:
    """Measure."""
    return await asyncio.to_thread(_figures)


def _figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder / "text") / 1e6
        loads = [_load(folder / "text", folder / f"run{number}") for number in range(RUNS)]
    print("  MB/s:", ", ".join(f"{size / load.seconds:.2f}" for load in loads))
    return [
        Figure("documents loaded, the slowest run", size / max(load.seconds for load in loads), "MB/s", 0.5, True),
        Figure("CPU a MB of documents", min(load.cpu_seconds for load in loads) / size, "s", 1.5),
        Figure("peak memory of a load", max(load.peak for load in loads), "MB", 350),
    ]


def _write(folder: Path) -> int:
    """Write the files; returns their size in bytes."""
    chance, sentences = random.Random(7), _sentences()
    folder.mkdir()
    for number in range(FILES):
        is_markdown, text, length = number % 2 == 1, [], 0
        while length < FILE_BYTES:
            paragraph = " ".join(chance.choices(sentences, k=chance.randint(2, 8)))
            if is_markdown and chance.random() < 0.2:
                paragraph = f"## {' '.join(chance.choice(sentences).split()[:6])}\n\n{paragraph}"
            text.append(paragraph)
            length += len(paragraph) + 2
        (folder / f"text{number}.{'md' if is_markdown else 'txt'}").write_text("\n\n".join(text), encoding="utf-8")
    return sum(file.stat().st_size for file in folder.iterdir())


def _sentences() -> list[str]:
    """Those of our documents, but for what stands in tables and in code."""
    texts = [file.read_text(encoding="utf-8") for file in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))]
    paragraphs = re.split(
        r"\n\n|^[-*#]+ ", re.sub(r"```.*?```", "", "\n\n".join(sorted(texts)), flags=re.S), flags=re.M
    )
    prose = [" ".join(paragraph.split()) for paragraph in paragraphs if not paragraph.startswith("|")]
    return [sentence for paragraph in prose for sentence in re.split(r"(?<=[.:;])\s", paragraph) if " " in sentence]


def _load(text: Path, data: Path) -> Load:
    environment = {"PATH": os.environ["PATH"], "HOME": str(data), "BOT_DATA_DIR": str(data)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "load", str(text), "--agent", "ada"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)  # what this process used, and no other
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = time.perf_counter() - begun
    assert f"{FILES} documents loaded;" in said, said  # each piece with its vector
    return Load(taken, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    report(asyncio.run(figures()))
