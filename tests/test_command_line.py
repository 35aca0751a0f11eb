"""`python -m bot` as people start it: a real process, real pipes, a real terminal, a clean environment."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says

ROOT = Path(__file__).parents[1]
LIMIT_S = 30


class CommandLine:
    """Starts `python -m bot` with a home and a data directory of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data_dir = folder / "data"
        home = folder / "home"
        home.mkdir()
        self.settings = {"PATH": os.environ["PATH"], "HOME": str(home), "BOT_DATA_DIR": str(self.data_dir)} | settings

    async def start(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *words),
            cwd=ROOT,
            env=self.settings | settings,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
        )

    async def run(self, *words: str, typed: str = "", **settings: str) -> tuple[int, list[str], list[str]]:
        """Exit code, lines on stdout, lines on stderr."""
        process = await self.start(*words, **settings)
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, lines(out), lines(err)

    async def fault(self, *words: str, **settings: str) -> tuple[int, str]:
        """Exit code and the one line of a run that cannot begin."""
        code, out, err = await self.run(*words, typed="Hi\n", **settings)
        assert out == []
        assert len(err) == 1, err
        return code, err[0]


def lines(text: bytes) -> list[str]:
    return text.decode().rstrip("\n").split("\n") if text else []


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@asynccontextmanager
async def scripted(command_line: CommandLine, reply: object) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(reply) as server:  # type: ignore[arg-type]
        command_line.settings |= {"LLM_MODEL": "scripted", "OPENAI_BASE_URL": server.url}
        yield server


def echo(request: Request) -> Reply:
    return says(f"You said: {json.loads(request['messages'][-1]['content'])['message']}\nindeed")


# ── a conversation ───────────────────────────────────────────────────────────────────────────────────


async def test_with_nothing_configured_it_remembers_over_a_restart(command_line: CommandLine) -> None:
    code, out, err = await command_line.run(
        "chat", typed="My dog is called Biscuit.\n/agent remember I live in Porto\n"
    )
    assert code == 0
    assert len(out) == 2
    assert any("is new here" in line for line in err)
    code, out, err = await command_line.run("chat", typed="What is my dog called?\nWhere do I live?\n/memory\n")
    assert code == 0
    assert len(out) == 3
    assert "Biscuit" in out[0]
    assert "Porto" in out[1]
    assert "Biscuit" in out[2]
    assert "I live in Porto" in out[2]
    assert any("remembers you" in line for line in err)
    assert stat.S_IMODE(os.stat(command_line.data_dir).st_mode) == 0o700


async def test_what_has_been_over_for_long_is_forgotten_at_the_start(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        await command_line.run("chat", typed="Hello\n")
        with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database, database:
            database.execute(
                "INSERT INTO inbox (platform, event_id, scope, state, kind, is_timed, origin, author, sent_at, "
                "received_at) VALUES ('console', 'old', 'console:dm:memgpt', 'done', 'user_message', 0, '{}', '', 0, 0)"
            )
        await command_line.run("chat", typed="Hello again\n")
    with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database:
        assert database.execute("SELECT count(*) FROM inbox WHERE event_id = 'old'").fetchone() == (0,)


async def test_stdout_holds_the_replies_one_a_line_and_nothing_else(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        code, out, _ = await command_line.run(
            "chat", "--plain", "--debug", typed="größe 👋\n\ntwo\r\nthree", LC_ALL="C"
        )
    assert code == 0
    assert out == [rf"You said: {text}\nindeed" for text in ("größe 👋", "two", "three")]


async def test_agents_of_different_names_know_nothing_of_each_other(command_line: CommandLine) -> None:
    async with scripted(command_line, [says("ok"), says("ok")]) as server:
        await command_line.run("chat", "--agent", "one", typed="The word is xylophone\n")
        await command_line.run("chat", "--agent", "two", typed="Hi\n")
        assert "xylophone" not in json.dumps(server.requests[1])


async def test_an_outage_is_told_beside_the_replies_and_the_conversation_goes_on(command_line: CommandLine) -> None:
    key = "sk-test-0123456789"
    async with scripted(command_line, [fails(401, f"bad key {key}"), says("Here again.")]) as server:
        code, out, err = await command_line.run("chat", typed="Hello?\nAnd now?\n", OPENAI_API_KEY=key)
        assert "Hello?" in json.dumps(server.requests[1]["messages"])
    assert (code, out) == (0, ["Here again."])
    assert any("OPENAI_API_KEY" in line for line in err)
    assert key not in "".join(err)


async def test_the_terminals_commands_work_in_a_pipe(command_line: CommandLine) -> None:
    typed = "one|/save first|two|/pop|/retry|/restore first|/dump|three|/summarize|/heartbeat|/memorywarning|"
    async with scripted(command_line, lambda request: says(f"to {len(request['messages'])}")):
        code, out, _ = await command_line.run("chat", "--yes", typed=typed.replace("|", "\n"))
    assert code == 0
    assert out[:2] == ["to 2", "Saved as 'first'. `/restore first` brings me back to this moment."]
    assert out[2:5] == ["to 5", "Taken back: 1 turn (3 messages). What was sent stays sent.", "to 2"]
    assert out[5].startswith("I am as I was at 'first'.")
    assert '"message": "one"' in out[6]
    assert out[7:8] == ["to 5"]
    assert out[8].startswith("3 entries left the window")
    assert len(out) == 11  # the two events have their turns, in which this model speaks


async def test_the_agent_may_speak_first(command_line: CommandLine) -> None:
    async with scripted(command_line, [says("Welcome!"), says("Hello Ada")]) as server:
        code, out, _ = await command_line.run("chat", "--first", typed="I am Ada\n")
        event = json.loads(server.requests[0]["messages"][-1]["content"])
    assert (code, out) == (0, ["Welcome!", "Hello Ada"])
    assert (event["type"], event["message"]) == ("login", "The person opened the conversation.")


def promises(request: Request) -> Reply:
    """A model that reminds people a second after they ask, or an hour after, if they say "later"."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says("I will.")
    event = json.loads(last["content"])
    if event["type"] == "follow_up":
        return says(f"Now: {event['message'].splitlines()[0]}")
    at = datetime.now(UTC) + timedelta(seconds=3600 if "later" in event["message"] else 1)
    call = {"when": at.isoformat(), "note": "the tea", "request_heartbeat": True}
    return answer(None, ("schedule_follow_up", call))


async def test_a_reminder_arrives_while_the_terminal_is_open(command_line: CommandLine) -> None:
    async with scripted(command_line, promises):
        process = await command_line.start("chat", "--plain")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Remind me of the tea\n")
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"I will.\n"
            assert await process.stdout.readline() == b"Now: the tea\n"
        process.stdin.write(b"/exit\n")
        async with asyncio.timeout(LIMIT_S):
            await process.communicate()
    assert process.returncode == 0


async def test_one_that_was_missed_arrives_at_the_next_start_and_only_there(command_line: CommandLine) -> None:
    async with scripted(command_line, promises) as server:
        code, out, _ = await command_line.run("chat", typed="Remind me of the tea later\n")
        assert (code, out) == (0, ["I will."])
        with closing(sqlite3.connect(command_line.data_dir / "bot.db")) as database, database:
            database.execute("UPDATE timers SET due_at = 1")  # an hour has passed, and more
        other = await command_line.run("chat", "--agent", "another", typed="/agent followups\n")
        assert "nothing that I am to come back to" in other[1][0]
        process = await command_line.start("chat", "--plain")
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"Now: the tea\n"
        process.stdin.write(b"/exit\n")
        await process.communicate()
        assert process.returncode == 0
    assert len(server.requests) == 3


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────


async def test_exit_with_more_lines_waiting_is_quiet(command_line: CommandLine) -> None:
    async with scripted(command_line, echo):
        code, out, err = await command_line.run("chat", typed="one\n/exit\ntwo\nthree\nfour\n")
    assert (code, len(out)) == (0, 1)
    assert not any("Exception" in line for line in err)


async def test_a_reader_that_leaves_ends_the_conversation(command_line: CommandLine) -> None:
    async with scripted(command_line, echo) as server:
        process = await command_line.start("chat")
        assert process.stdin is not None
        assert process.stderr is not None
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        process.stdin.write(b"one\ntwo\nthree\nfour\n")
        process.stdin.close()
        async with asyncio.timeout(LIMIT_S):
            err = await process.stderr.read()
            assert await process.wait() == 0
        assert len(server.requests) == 1
    assert b"Traceback" not in err
    assert b"Exception" not in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
async def test_closed_streams_end_it_at_once(command_line: CommandLine, closed: str) -> None:
    async with scripted(command_line, echo):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'echo Hi | exec "$0" -m bot chat --plain {closed}', sys.executable),
            cwd=ROOT,
            env=command_line.settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LIMIT_S):
            _, err = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in err, err.decode()


@pytest.mark.parametrize("moment", ["idle", "busy"])
async def test_an_interrupt_ends_it_at_once_without_a_traceback(command_line: CommandLine, moment: str) -> None:
    arrived = asyncio.Event()

    def reply(request: Request) -> Reply:
        if "wait" in request["messages"][-1]["content"]:
            arrived.set()
            return Reply(hangs=True)
        return says("ok")

    async with scripted(command_line, reply):
        process = await command_line.start("chat")
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"Hi\n")
        async with asyncio.timeout(LIMIT_S):
            assert await process.stdout.readline() == b"ok\n"
            if moment == "busy":
                process.stdin.write(b"wait\n")
                await arrived.wait()
            process.send_signal(signal.SIGINT)
            err = await process.stderr.read()  # stdin stays open: it must not wait for it
            assert await process.wait() == 130, err
        process.stdin.close()
    assert b"Traceback" not in err
    assert b"Fatal" not in err


async def test_what_was_said_before_a_kill_is_kept_and_the_message_in_flight_is_answered(
    command_line: CommandLine,
) -> None:
    arrived = asyncio.Event()

    def reply(request: Request) -> Reply:
        in_flight = json.loads(request["messages"][-1]["content"])["message"] == "In flight"
        if in_flight and not arrived.is_set():
            arrived.set()
            return Reply(hangs=True)
        return echo(request)

    async with scripted(command_line, reply) as server:
        process = await command_line.start("chat")
        assert process.stdin is not None
        process.stdin.write(b"Earlier\nIn flight\n")
        async with asyncio.timeout(LIMIT_S):
            await arrived.wait()
            process.kill()
            await process.communicate()
        code, out, _ = await command_line.run("chat", typed="Later\n/agent search flight\n")
        prompt = json.dumps(server.requests[-1]["messages"])
    assert code == 0
    assert out[:2] == [r"You said: In flight\nindeed", r"You said: Later\nindeed"]
    assert "In flight" in out[2]
    assert prompt.index("Earlier") < prompt.index("In flight") < prompt.index("Later")


# ── what cannot begin ────────────────────────────────────────────────────────────────────────────────


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


# ── a terminal ───────────────────────────────────────────────────────────────────────────────────────

OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "bot", *sys.argv[1:]])
"""


class Screen:
    """The other end of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = b""

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    async def until(self, text: bytes) -> bytes:
        """Wait until this is shown; returns what was shown since the last time, up to it."""
        async with asyncio.timeout(LIMIT_S):
            while text not in self.shown:
                self.shown += await asyncio.to_thread(os.read, self._descriptor, 65536)
                if b"\x1b[6n" in self.shown:  # prompt_toolkit asks where the cursor is
                    self.shown = self.shown.replace(b"\x1b[6n", b"")
                    self.type(b"\x1b[1;1R")
        before, _, self.shown = self.shown.partition(text)
        return before + text


@asynccontextmanager
async def in_terminal(command_line: CommandLine) -> AsyncIterator[Screen]:
    """A chat in a terminal, which Ctrl-D leaves at the end."""
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", OWN_TERMINAL, "chat"),
        cwd=ROOT,
        env=command_line.settings | {"TERM": "xterm-256color", "COLUMNS": "200"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen = Screen(ours)
    try:
        yield screen
        screen.type(b"\x04")
        async with asyncio.timeout(LIMIT_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


def reminds_and_tidies(request: Request) -> Reply:
    """A model that reminds people in a second, and notes a fact when it reflects."""
    if "tidies its memory" in str(request["messages"][0]["content"]):
        return answer(None, ("core_memory_append", {"label": "human", "content": "Drinks tea."}))
    return promises(request)


async def test_in_a_terminal_what_was_promised_arrives_by_itself_and_a_reflection_shows_what_it_changed(
    command_line: CommandLine,
) -> None:
    async with scripted(command_line, reminds_and_tidies), in_terminal(command_line) as screen:
        await screen.until(b"you> ")
        screen.type(b"Remind me of the tea\r")
        await screen.until(b"I will.")
        await screen.until(b"Now: the tea")  # nobody has typed anything
        screen.type(b"/agent followups\r")
        assert b"the tea" in await screen.until(b"delivered")
        await screen.until(b"you> ")
        screen.type(b"/reflect\r")
        await screen.until(b"nothing was said")
        await screen.until(b"you> ")
        screen.type(b"/agent memory changes\r")
        await screen.until(b"while I reflected")
        await screen.until(b"+ Drinks tea.")
        await screen.until(b"you> ")


async def test_in_a_terminal_ctrl_c_stops_the_answer_and_the_conversation_goes_on(command_line: CommandLine) -> None:
    arrived = asyncio.Event()

    def reply(request: Request) -> Reply:
        if "wait" in request["messages"][-1]["content"]:
            arrived.set()
            return Reply(hangs=True)
        return says("\x1b]0;owned\x07I am **here**\x1b[2J")

    async with scripted(command_line, reply), in_terminal(command_line) as screen:
        seen = await screen.until(b"you> ")
        assert b"is new here" in seen
        screen.type(b"wait for it\r")
        async with asyncio.timeout(LIMIT_S):
            await arrived.wait()
        await screen.until(b"thinking")
        screen.type(b"\x03")
        await screen.until(b"(stopped)")
        await screen.until(b"you> ")
        screen.type(b"Hi\r")
        seen = await screen.until(b"here")
        assert b"\x1b]0;owned" not in seen
        seen = await screen.until(b"you> ")
        assert b"\x1b[2J" not in seen
    history = command_line.data_dir / "console_history"
    assert stat.S_IMODE(os.stat(history).st_mode) == 0o600
