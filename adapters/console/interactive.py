"""The console for a person: history, several lines with Alt-Enter, a spinner while the agent works."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
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

from adapters.console.conversation import NOTHING_MORE, Conversation, InChat, take
from adapters.ports.commands import CommandReply
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Origin
from adapters.ports.platform import Sought
from adapters.ports.progress import StepReport

# What could move the cursor, ring or change the terminal's title; newline and tab may stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_CODE = re.compile(r"(?<!`)(?P<fence>`{3,})(?!`).*?(?P=fence)`*|`[^`\n]*`", re.DOTALL)


class InteractiveConsole:
    """A `ChatPlatform` in a terminal; Ctrl-C stops the running answer, Ctrl-D leaves."""

    name = "console"

    def __init__(
        self, conversation: Conversation, history: Path, console: Console | None = None, *, assumes_yes: bool = False
    ) -> None:
        self._conversation = conversation
        self._history = history
        self._console = console or Console(highlight=False)
        self._assumes_yes = assumes_yes
        self._is_spinning = False
        self._is_typing = False
        self._shown = 0

    def greet(self, text: str) -> None:
        """Say who is there and how to go on."""
        self._console.print(Padding(Markdown(printable(text)), (0, 0, 1, 0)))

    async def open(self, turn: Awaitable[None]) -> None:
        """Wait for a turn with which the agent opens the conversation."""
        await self._wait(asyncio.ensure_future(turn))

    async def run(self, intake: Intake, in_chat: InChat = NOTHING_MORE) -> None:
        """Prompt until the person leaves."""
        self._history.touch(mode=0o600)  # it holds what was typed
        self._history.chmod(0o600)
        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(self._history)),
            key_bindings=_keys(),
            completer=WordCompleter(in_chat.words, sentence=True),
            complete_while_typing=False,
        )
        while True:
            self._is_typing = True
            try:
                with patch_stdout(raw=True):  # a reply may come late; nothing is printed that is not `printable`
                    line = await session.prompt_async(FormattedText([("bold ansigreen", "you> ")]))
            except KeyboardInterrupt:  # Ctrl-C at the prompt clears the line
                continue
            except EOFError:
                return
            finally:
                self._is_typing = False
            if not line.strip():
                continue
            work = take(line, self._conversation, intake, in_chat)
            taken = await (self._worked(work) if line.lstrip().startswith("/") else work)
            if taken is None:
                return
            await self._show(taken)

    def parts_of(self, text: str) -> Sequence[str]:
        """As it stands."""
        return (text,)

    async def send(self, address: Address, text: str, key: str, *, reply_to: str | None = None) -> str | None:
        """Print a reply."""
        self._shown += 1
        self._console.print(Text(f"{self._conversation.agent}>", style="bold cyan"))
        self._console.print(Padding(Markdown(_as_written(printable(text))), (0, 0, 1, 2)))
        return None

    async def find_sent(self, address: Address, key: str, sought: Sought | None = None) -> str | None:
        """None: the terminal in which it may have been printed was killed, so it is said again in the new one."""
        return None

    async def notify(self, origin: Origin, text: str) -> None:
        """Print a notice of our own."""
        self._shown += 1
        self._console.print(Text(printable(text), style="yellow"))

    def working(self, address: Address) -> AbstractAsyncContextManager[None]:
        """A spinner, but not in the way of what is being typed."""
        return nullcontext() if self._is_typing else self._spin("thinking …")

    def observe(self, step: StepReport) -> None:
        """Print, dimmed, what the agent thought and did."""
        if step.thoughts:
            self._console.print(Text(f"  💭 {printable(step.thoughts)}", style="dim italic"))
        for tool in step.tools:
            self._console.print(Text(f"  ⚙ {printable(tool.name)} {printable(tool.arguments)}", style="dim"))
            self._console.print(Text(f"    → {printable(tool.result)}", style="dim"))

    async def _show(self, reply: CommandReply) -> None:
        """What came of a line: a text, a question to be answered, a turn to wait for."""
        if reply.text:
            self._console.print(Padding(Markdown(_as_written(printable(reply.text))), (0, 0, 1, 2)))
        if reply.confirmed is not None:
            if self._assumes_yes or await self._says_yes():
                await self._show(await self._worked(reply.confirmed(is_moderator=True)) or CommandReply())
            else:
                self._console.print(Text("(nothing was changed)", style="dim"))
        if reply.turn is not None:
            shown, turn = self._shown, asyncio.ensure_future(reply.turn)
            await self._wait(turn)
            if self._shown == shown and not turn.cancelled():  # an agent may have nothing to say to an event
                self._console.print(Text("(nothing was said)", style="dim"))

    async def _says_yes(self) -> bool:
        try:
            answer = await PromptSession[str]().prompt_async("[y/N] ")
        except (KeyboardInterrupt, EOFError):
            return False
        return answer.strip().lower() in ("y", "yes")

    async def _worked(self, work: Awaitable[CommandReply | None]) -> CommandReply | None:
        """What a command comes to; it may take long, and Ctrl-C stops it."""
        task = asyncio.ensure_future(work)
        async with self._spin("working …"):
            await self._wait(task)
        return CommandReply() if task.cancelled() else task.result()

    @asynccontextmanager
    async def _spin(self, doing: str) -> AsyncIterator[None]:
        if self._is_spinning:  # a command that sets a turn going; there is one line to spin on
            yield
            return
        self._is_spinning = True
        try:
            with self._console.status(doing, spinner="dots"):
                yield
        finally:
            self._is_spinning = False

    async def _wait(self, work: "asyncio.Future[Any]") -> None:
        """Wait for a turn or a command; Ctrl-C meanwhile cancels it."""
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
        loop.add_signal_handler(signal.SIGINT, work.cancel)
        try:
            await asyncio.wait([work])
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)
        if work.cancelled():
            self._console.print(Text("(stopped)", style="dim"))


def printable(text: str) -> str:
    """A text without what would steer the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _as_written(text: str) -> str:
    """Markdown that shows what the terminal's renderer would swallow: tags, and the ends of lines."""
    shown, end = [], 0
    for code in _CODE.finditer(text):
        shown += [_prose(text[end : code.start()]), code.group()]
        end = code.end()
    return "".join((*shown, _prose(text[end:])))


def _prose(text: str) -> str:
    return re.sub(r"(?<=\S)\n(?=\S)", "  \n", text.replace("<", "&lt;"))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
