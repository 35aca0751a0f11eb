"""The console for pipes: a line in is a message, a line out is a reply; everything else goes to stderr."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import BinaryIO

from adapters.console.conversation import NOTHING_MORE, Conversation, InChat, take
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Origin
from adapters.ports.platform import Sought
from adapters.ports.progress import StepReport


class PlainConsole:
    """A `ChatPlatform` over two streams; lines are taken one after the other, each when the last has its answer."""

    name = "console"

    def __init__(
        self,
        conversation: Conversation,
        stdin: BinaryIO,
        write: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._conversation = conversation
        self._stdin = stdin
        self._write = write
        self._note = note
        self._is_heard = True

    def greet(self, text: str) -> None:
        """Say, beside the replies, who is there."""
        self._note(text)

    async def open(self, turn: Awaitable[None]) -> None:
        """Wait for a turn with which the agent opens the conversation."""
        await turn

    async def run(self, intake: Intake, in_chat: InChat = NOTHING_MORE) -> None:
        """Take lines until the input ends; returns when the last one has its answer."""
        async for line in _lines(self._stdin):
            if not line.strip():
                continue
            taken = await take(line, self._conversation, intake, in_chat)
            if taken is None:
                return
            if taken.confirmed is not None:  # nobody can be asked: what was written into a pipe is meant
                taken = await taken.confirmed(is_moderator=True)
            if taken.text:
                self._say(taken.text)
            if taken.turn is not None:
                await taken.turn
            if not self._is_heard:
                return

    def parts_of(self, text: str) -> Sequence[str]:
        """As it stands."""
        return (text,)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        r"""Print a reply, newlines inside it as `\n`."""
        self._say(text)
        return None

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """None: who asks is a new process, with a new pipe, and whoever reads that has not seen the reply."""
        return None

    async def notify(self, origin: Origin, text: str) -> None:
        """Print beside the replies."""
        self._note(text)

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """Nothing to show."""
        return nullcontext()

    def observe(self, step: StepReport) -> None:
        """Print, beside the replies, what the agent thought and did."""
        if step.thoughts:
            self._note(f"(thinks) {step.thoughts}")
        for tool in step.tools:
            self._note(f"(calls) {tool.name} {tool.arguments} -> {tool.result}")

    def _say(self, text: str) -> None:
        try:
            self._write(_on_one_line(text))
        except OSError:  # whoever read our replies has left, as `head` does: no more turns for nobody
            self._is_heard = False


def note(text: str) -> None:
    """Say something of our own on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def stdout_line(text: str) -> None:
    """Write one line to stdout, at once, as UTF-8 whatever the terminal's encoding.

    Raises:
        OSError: nobody reads it.
    """
    if sys.stdout is None:
        raise BrokenPipeError("stdout is closed")
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
    except OSError:
        # What is left in the buffer would be complained of at exit: https://docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _on_one_line(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


async def _lines(stream: BinaryIO) -> AsyncIterator[str]:
    """Lines of a blocking stream, read in a thread that does not hold up the exit; U+FFFD for what is no UTF-8."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    wanted = threading.Semaphore()

    def read() -> None:
        # With a buffer of its own: while this thread waits it holds the buffer's lock, and at its exit the interpreter
        # wants that of `sys.stdin`, and aborts. RuntimeError: the loop has ended.
        with open(stream.fileno(), "rb", closefd=False) as reader, contextlib.suppress(RuntimeError):
            while wanted.acquire():
                line = reader.readline()
                loop.call_soon_threadsafe(lines.put_nowait, line)
                if not line:
                    return

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while line := await lines.get():
        yield line.decode("utf-8", "replace").rstrip("\r\n")
        wanted.release()
