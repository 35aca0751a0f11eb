"""A conversation in a real terminal: what comes by itself, and Ctrl-C."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.testing import Reply, Request, answer, says
from tests.terminal.started import LIMIT_S, ROOT, CommandLine, promises, scripted

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
