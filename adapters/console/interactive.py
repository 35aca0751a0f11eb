"""The console for a person: history, several lines with Alt-Enter, a spinner while the agent works."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from adapters.console.conversation import IN_CHAT_COMMANDS, Conversation, take
from adapters.ports import Address, Origin, Receive, RunCommand, StepReport

# What could move the cursor, ring or change the terminal's title; newline and tab may stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


class InteractiveConsole:
    """A `ChatPlatform` in a terminal; Ctrl-C stops the running answer, Ctrl-D leaves."""

    name = "console"

    def __init__(self, conversation: Conversation, history: Path, console: Console | None = None) -> None:
        self._conversation = conversation
        self._history = history
        self._console = console or Console(highlight=False)

    def greet(self, text: str) -> None:
        """Say who is there and how to go on."""
        self._console.print(Padding(Markdown(printable(text)), (0, 0, 1, 0)))

    async def run(self, receive: Receive, command: RunCommand) -> None:
        """Prompt until the person leaves."""
        self._history.touch(mode=0o600)  # it holds what was typed
        self._history.chmod(0o600)
        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(self._history)),
            key_bindings=_keys(),
            completer=WordCompleter([*IN_CHAT_COMMANDS, "/agent"], sentence=True),
            complete_while_typing=False,
        )
        while True:
            try:
                with patch_stdout():
                    line = await session.prompt_async(FormattedText([("bold ansigreen", "you> ")]))
            except KeyboardInterrupt:  # Ctrl-C at the prompt clears the line
                continue
            except EOFError:
                return
            if not line.strip():
                continue
            taken = await take(line, self._conversation, receive, command, refuses_unknown=True)
            if taken.leaves:
                return
            if taken.reply is not None:
                self._console.print(Padding(Markdown(_as_written(printable(taken.reply))), (0, 0, 1, 2)))
            if taken.turn is not None:
                await self._wait(asyncio.ensure_future(taken.turn))

    async def send(self, address: Address, text: str) -> None:
        """Print a reply."""
        self._console.print(Text(f"{self._conversation.agent}>", style="bold cyan"))
        self._console.print(Padding(Markdown(_as_written(printable(text))), (0, 0, 1, 2)))

    async def notify(self, origin: Origin, text: str) -> None:
        """Print a notice of our own."""
        self._console.print(Text(printable(text), style="yellow"))

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """A spinner."""
        return self._spin()

    def observe(self, step: StepReport) -> None:
        """Print, dimmed, what the agent thought and did."""
        if step.thoughts:
            self._console.print(Text(f"  💭 {printable(step.thoughts)}", style="dim italic"))
        for tool in step.tools:
            self._console.print(Text(f"  ⚙ {printable(tool.name)} {printable(tool.arguments)}", style="dim"))
            self._console.print(Text(f"    → {printable(tool.result)}", style="dim"))

    @asynccontextmanager
    async def _spin(self) -> AsyncIterator[None]:
        with self._console.status("thinking …", spinner="dots"):
            yield

    async def _wait(self, turn: "asyncio.Future[Any]") -> None:
        """Wait for a turn; Ctrl-C meanwhile cancels it."""
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
        loop.add_signal_handler(signal.SIGINT, turn.cancel)
        try:
            await asyncio.wait([turn])
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)
        if turn.cancelled():
            self._console.print(Text("(stopped)", style="dim"))


def printable(text: str) -> str:
    """A text without what would steer the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _as_written(text: str) -> str:
    """Markdown that shows what the terminal's renderer would swallow: tags, and the ends of lines."""
    pieces = _CODE.split(text)  # code stands at the odd places
    for at in range(0, len(pieces), 2):
        pieces[at] = re.sub(r"(?<=\S)\n(?=\S)", "  \n", pieces[at].replace("<", "&lt;"))
    return "".join(pieces)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
