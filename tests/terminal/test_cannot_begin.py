"""What cannot begin is one line and an exit code, and leaves the data as it was."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.terminal.started import LIMIT_S, CommandLine, echo, lines, scripted


async def test_each_setting_that_cannot_be_used_is_one_line(command_line: CommandLine) -> None:
    code, out, err = await command_line.run(
        "chat", LLM_TIMEOUT_S="soon", BOT_TIMEZONE="Mars/Olympus", OPENAI_BASE_URL="nowhere", MEMORY_WARN_FRACTION="7"
    )
    assert (code, out) == (78, [])
    assert sorted(line.partition(":")[0] for line in err) == [
        "BOT_TIMEZONE",
        "LLM_TIMEOUT_S",
        "MEMORY_WARN_FRACTION",
        "OPENAI_BASE_URL",
    ]


async def test_settings_and_names_that_cannot_be_used_are_one_line_and_78(command_line: CommandLine) -> None:
    for told, words, settings in (
        ("OPENAI_API_KEY", ("chat", "--model", "gpt-4o"), {}),
        ("personas", ("chat", "--persona", "nobody"), {}),
        ("humans", ("chat", "--human", "../../etc/passwd"), {}),
        ("BOT_PLATFORMS: names no platform", ("run",), {}),
    ):
        code, line = await command_line.fault(*words, **settings)
        assert (code, told in line) == (78, True), line
    assert not command_line.data_dir.exists()


async def test_a_model_that_is_not_there_is_one_line_and_69(
    command_line: CommandLine, tmp_path: Path, unused_tcp_port: int
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    for told, model, url in (
        (f"127.0.0.1:{unused_tcp_port}", "any", f"http://127.0.0.1:{unused_tcp_port}/v1"),
        ("No such file", str(tmp_path / "none.gguf"), ""),
        ("broken.gguf", str(broken), ""),
    ):
        code, line = await command_line.fault("chat", "--model", model, OPENAI_BASE_URL=url)
        assert (code, told in line) == (69, True), line


async def test_data_that_cannot_be_used_is_one_line_and_69_and_is_left_as_it_was(
    command_line: CommandLine, tmp_path: Path
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("precious")
    code, line = await command_line.fault("chat", BOT_DATA_DIR=str(a_file))
    assert (code, str(a_file) in line) == (69, True)
    assert a_file.read_text() == "precious"

    async with scripted(command_line, echo):
        await command_line.run("chat", typed="Hi\n")
        database = command_line.data_dir / "bot.db"
        whole = database.read_bytes()
        for damaged in (b"no database at all " * 1000, whole[:4096] + b"\xff" * 8192 + whole[12288:]):
            database.write_bytes(damaged)
            code, line = await command_line.fault("chat")
            assert (code, "damaged" in line) == (69, True), line
            assert database.read_bytes() == damaged
        database.unlink()
        with closing(sqlite3.connect(database)) as foreign:
            foreign.execute("CREATE TABLE mine (x)")
        foreign_bytes = database.read_bytes()
        code, line = await command_line.fault("chat")
        assert (code, "not made by this program" in line) == (69, True)
        assert database.read_bytes() == foreign_bytes


async def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on_and_stays_small(
    command_line: CommandLine,
) -> None:
    async with scripted(command_line, echo):
        first = await command_line.start("chat")
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write(b"one\n/agent search one\n")
        async with asyncio.timeout(LIMIT_S):
            await first.stdout.readline()
            await first.stdout.readline()
            code, line = await command_line.fault("chat")
            assert (code, "in use by another process" in line) == (69, True)
            (peak_kib,) = re.findall(r"VmHWM:\s+(\d+)", _status(first.pid))
            out, _ = await first.communicate(b"two\n")
        assert int(peak_kib) < 300 * 1024
        assert (first.returncode, lines(out)) == (0, [r"You said: two\nindeed"])


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


async def test_help_names_the_commands_and_a_wrong_name_is_refused(command_line: CommandLine) -> None:
    code, out, _ = await command_line.run("--help")
    assert code == 0
    assert {"chat", "run"} <= set(re.findall(r"\w+", "\n".join(out)))
    code, out, err = await command_line.run("chat", "--agent", "a/b")
    assert (code, out) == (2, [])
    assert "neither : nor /" in re.sub(r"[\s│]+", " ", " ".join(err))
