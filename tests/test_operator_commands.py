"""The operator's commands as they are started: real processes, exit codes, one clear line for each fault."""

import asyncio
import json
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.testing import ScriptedServer, answer, says

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

    async def start(self, *words: str, stdin: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *words),
            cwd=self.folder,
            env=self.settings,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str, typed: bytes = b"") -> tuple[int, list[str], list[str]]:
        """Exit code, lines on stdout, lines on stderr."""
        process = await self.start(*words)
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(typed)
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode().splitlines(), err.decode().splitlines()


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


async def test_beside_a_running_bot_some_commands_read_and_the_others_wait_their_turn(
    command_line: CommandLine, tmp_path: Path
) -> None:
    async with ScriptedServer(lambda _: says("ok")) as server:
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        bot = await command_line.start("chat", "--agent", "ada")
        assert bot.stdin is not None
        assert bot.stdout is not None
        bot.stdin.write("Größe 👋\n".encode())
        async with asyncio.timeout(LIMIT_S):
            assert await bot.stdout.readline() == b"ok\n"

        code, out, _ = await command_line.run("agents")
        assert (code, out[1].split()[:2]) == (0, ["console:dm:ada", "ada"])
        code, exported, err = await command_line.run("export", "--agent", "ada", "--out", "-")
        assert (code, json.loads(exported[4])["text"], len(err)) == (0, "Größe 👋", 1)
        assert (await command_line.run("backup", "--out", "copy.db"))[0] == 0
        assert stat.S_IMODE(os.stat(tmp_path / "copy.db").st_mode) == 0o600
        for words in (("erase", "--agent", "ada", "--yes"), ("migrate",), ("import", os.devnull)):
            code, out, err = await command_line.run(*words)
            assert (code, out, len(err)) == (69, [], 1), words
            assert "in use by another process" in err[0]
        async with asyncio.timeout(LIMIT_S):
            out_left, _ = await bot.communicate(b"Still here?\n")
        assert (bot.returncode, out_left) == (0, b"ok\n")


async def test_an_agent_moves_through_a_pipe_and_is_erased(command_line: CommandLine) -> None:
    words = {"ada": "kanarienvogel", "bob": "wombat"}
    notes = [("archival_memory_insert", {"content": word, "request_heartbeat": True}) for word in words.values()]
    script = [reply for note in notes for reply in (answer("Worth a note.", note), says("ok"))]
    async with ScriptedServer(script) as server:
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        for name, word in words.items():
            await command_line.run("chat", "--agent", name, typed=f"My word is {word}\n".encode())
    _, exported, _ = await command_line.run("export", "--agent", "ada", "--out", "-")
    spoiled = "\n".join([*exported[:4], "{}", *exported[5:]]).encode()
    code, out, err = await command_line.run("import", "-", "--agent", "eve", typed=spoiled)
    assert (code, out, len(err)) == (69, [], 1)
    assert err[0].startswith("standard input: line 5: ")
    code, out, err = await command_line.run("import", "-", "--agent", "eve", typed="\n".join(exported).encode())
    assert (code, err) == (0, [])
    assert out[0].startswith("console:dm:eve: imported 5 messages, 1 notes")
    for name in ("ada", "console:dm:eve"):
        code, out, err = await command_line.run("erase", "--agent", name, "-y")
        assert (code, err, "Found: nothing" in out) == (0, [], True)
    files = [file for file in command_line.data_dir.rglob("*") if file.is_file()]
    assert not [file for file in files if b"kanarienvogel" in file.read_bytes()]


async def test_what_cannot_be_done_is_one_line_and_a_fitting_exit_code(
    command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("precious", encoding="utf-8")
    for words, expected in (
        (("export", "--agent", "ada", "--out", "-"), 69),
        (("export", "--agent", "ada", "--out", "there"), 2),
        (("import", "nothing.jsonl"), 69),
        (("backup", "--out", "copy.db"), 69),
        (("configure",), 2),
    ):
        code, out, err = await command_line.run(*words)
        assert (code, out, len(err)) == (expected, [], 1), (words, err)
    assert (tmp_path / "there").read_text(encoding="utf-8") == "precious"


async def test_the_first_steps_of_an_operator_need_no_answers(command_line: CommandLine, tmp_path: Path) -> None:
    code, out, err = await command_line.run("configure", "--yes")
    assert (code, err) == (0, [])
    assert out[0] == f"Written: {tmp_path / '.env'}"
    assert stat.S_IMODE(os.stat(tmp_path / ".env").st_mode) == 0o600
    code, out, err = await command_line.run("doctor")
    assert (code, err) == (0, [])
    assert [line[:4] for line in out] == ["ok  "] * 6
    assert await command_line.run("agents") == (
        0,
        ["SCOPE  NAME  MESSAGES  NOTES  CORE TOKENS  LAST ACTIVE"],
        ["There are no agents yet."],
    )


async def test_in_a_terminal_the_questions_are_asked_again_until_they_are_answered(
    command_line: CommandLine, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    os.write(ours, b"nine\n1\nMars/Olympus\nEurope/Lisbon\n")
    process = await command_line.start("configure", stdin=theirs)
    os.close(theirs)
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate()
    os.close(ours)
    assert process.returncode == 0, err
    assert b"A number from 1 to" in out
    assert b"An IANA time zone, please" in out
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    assert written == "LLM_MODEL=embedded\nEMBEDDING_MODEL=embedded\nBOT_TIMEZONE=Europe/Lisbon\n"


async def test_a_damaged_database_is_left_as_it_was(command_line: CommandLine) -> None:
    command_line.data_dir.mkdir()
    database = command_line.data_dir / "bot.db"
    with closing(sqlite3.connect(database)) as foreign:
        foreign.execute("CREATE TABLE mine (x)")
    before = database.read_bytes()
    for words in (("agents",), ("backup", "--out", "copy.db"), ("migrate",), ("erase", "--agent", "ada", "--yes")):
        code, out, err = await command_line.run(*words)
        assert (code, out, len(err)) == (69, [], 1), (words, err)
        assert "not made by this program" in err[0]
    assert database.read_bytes() == before
