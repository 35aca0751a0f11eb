"""`python -m bot …` as it is started: a real process, with a home and a data directory of its own."""

import asyncio
import os
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
LIMIT_S = 30


class CommandLine:
    """Starts `python -m bot` in a folder, with a home and a data directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "BOT_DATA_DIR": str(self.data_dir),
        }

    async def start(
        self,
        *words: str,
        stdin: int = asyncio.subprocess.PIPE,
        stderr: int | IO[bytes] = asyncio.subprocess.PIPE,
        has_terminal: bool = True,
    ) -> asyncio.subprocess.Process:
        """Start a command; one without a terminal of its own asks for secrets at its standard input."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *words),
            cwd=self.folder,
            env=self.settings,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=not has_terminal,
        )

    async def run(self, *words: str, typed: bytes = b"") -> tuple[int, list[str], list[str]]:
        """Exit code, lines on stdout, lines on stderr."""
        process = await self.start(*words)
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(typed)
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode().splitlines(), err.decode().splitlines()
