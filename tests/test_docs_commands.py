"""What the docs tell people to type works as it is written: every command of a fenced `sh` block, in a fresh folder.

A command that cannot be run here stands in `NOT_RUN`, with the reason; all others are run in the order of the docs, so
that one finds what the one before has made, and end with exit code 0.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.documents.testing import pdf
from config.settings import Settings

ROOT = Path(__file__).parents[1]
LIMIT_S = 120
DOCS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
)
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"\s+#\s.*$")
SETTING = re.compile(r"([A-Z][A-Z0-9_]*)=\S")

NO_TOKEN = "needs the token of a bot"
NO_SERVER = "needs a model server"
NO_NETWORK = "needs the network"
TOO_LONG = "takes minutes; a test and the checks of the project are what it runs"
ANOTHER_PROGRAM = "is another program"

NOT_RUN = {
    "make test": TOO_LONG,
    "make check": TOO_LONG,
    "make torture": TOO_LONG,
    "make bench": TOO_LONG,
    "make run": NO_TOKEN,
    ".venv/bin/python -m bot configure": NO_TOKEN,
    ".venv/bin/python -m bot models": NO_SERVER,
    "python -m benchmarks.memory": NO_SERVER,
    ".venv/bin/python -m pip install": NO_NETWORK,
    ".venv/bin/python -m bot fetch qwen3-4b": NO_NETWORK,
    "python -m bot export --agent memgpt --out - | ssh": "needs another machine",
    "python -m bot backup --out /backups/": "writes to a folder of the system",
    "jq ": "needs answers of a Letta server",
    "python -m bot import whole.af": "needs what jq would have made of them",
    "OLLAMA_CONTEXT_LENGTH=16384 ollama": ANOTHER_PROGRAM,
    "ollama": ANOTHER_PROGRAM,
    "llama-server": ANOTHER_PROGRAM,
    "vllm": ANOTHER_PROGRAM,
}
"""How a command that is not run begins, and why it is not."""

TYPED = {"make chat": b"My name is Ada.\n"}
"""What somebody types into a command; without it the input is at its end."""

BEFORE = {"python -m bot import memgpt.zip": "mv data moved"}
"""What is done before a command: there it is typed on another machine."""

LETTAS = {"id": "agent-0", "name": "Sam", "agent_type": "memgpt_v2_agent", "block_ids": ["block-0"], "messages": []}
HUMAN = {"id": "block-0", "label": "human", "value": "First name: Chad"}

SHOWN = {"echo": "Ada"}
"""What a command has to show, by its beginning."""


def lines() -> Iterator[tuple[str, str]]:
    """Each line of a fenced block without its comment, and the file where it stands."""
    for file in DOCS:
        for block in FENCE.findall(file.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if written := COMMENT.sub("", line).strip():
                    yield file.name, written


def is_setting(line: str) -> bool:
    found = SETTING.match(line)
    return found is not None and found[1].lower() in Settings.model_fields


def commands() -> list[tuple[str, str]]:
    return [(file, line) for file, line in lines() if not is_setting(line)]


def reason_of(command: str) -> str | None:
    """Why a command is not run, if so: the longest beginning that fits says it."""
    fitting = [beginning for beginning in NOT_RUN if command.startswith(beginning)]
    return NOT_RUN[max(fitting, key=len)] if fitting else None


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project as somebody has it after `make setup`, with a folder for data of its own."""
    folder = tmp_path / "memgpt"
    folder.mkdir()
    for name in ("adapters", "benchmarks", "bot", "config", "memory", "Makefile", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    for name in ROOT.glob("requirements*.txt"):
        (folder / name.name).symlink_to(name)
    make = folder.parent / "bin" / "make"
    make.parent.mkdir()
    make.write_text(f'#!/bin/sh\nexec {shutil.which("make")} -o .venv/.installed "$@"\n')  # as if just set up
    make.chmod(0o755)
    (folder / "notes").mkdir()
    (folder / "notes" / "boat.md").write_text("The boat is called Albatross.")
    (folder / "handbook.pdf").write_bytes(pdf("Work begins at nine."))
    (folder / "letta-agent.af").write_text(json.dumps({"agents": [LETTAS], "blocks": [HUMAN]}))
    return folder


def test_what_is_not_run_is_in_the_docs() -> None:
    written = [command for _, command in commands()]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in written)] == []
    assert [start for start in (*TYPED, *BEFORE, *SHOWN) if not any(it.startswith(start) for it in written)] == []


async def run(folder: Path, command: str, typed: bytes = b"") -> tuple[int | None, str, str]:
    venv = ROOT / ".venv" / "bin"
    environment = {"HOME": str(folder.parent), "PATH": f"{folder.parent / 'bin'}:{venv}:{os.environ['PATH']}"}
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail", "-c", command),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate(typed)
    return process.returncode, out.decode(), err.decode()


async def test_the_commands_of_the_docs_run_as_they_are_written(clone: Path) -> None:
    done: set[str] = set()
    for file, command in commands():
        if reason_of(command) is not None or command in done:
            continue
        done.add(command)
        if command in BEFORE:
            assert (await run(clone, BEFORE[command]))[0] == 0, (file, BEFORE[command])
        code, out, err = await run(clone, command, TYPED.get(command, b""))
        assert code == 0, (file, command, out, err)
        assert "Traceback" not in err, (file, command, err)
        for beginning, shown in SHOWN.items():
            assert not command.startswith(beginning) or shown in out, (file, command, out)
    assert len(done) > 8
    assert (clone / "data" / "bot.db").exists()
