"""Both consoles: the plain one over real pipes, the interactive one over prompt_toolkit's own pipe input."""

import asyncio
import io
import os
import stat
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output
from rich.console import Console
from rich.markdown import Markdown

from adapters.console.conversation import Conversation, InChat
from adapters.console.interactive import InteractiveConsole, _as_written, printable
from adapters.console.plain import PlainConsole
from adapters.ports.commands import CommandCall, CommandReply, CommandSpec
from adapters.ports.intake import Intake
from adapters.ports.messages import InboundMessage
from adapters.ports.progress import StepReport, ToolReport

CONVERSATION = Conversation("ada", lambda: datetime(2026, 3, 1, tzinfo=UTC))
ADDRESS = CONVERSATION.origin.address


@dataclass
class Agent:
    """Stands where `bot/` stands: answers every message with `reply`, and records what came in."""

    platform: "PlainConsole | InteractiveConsole"
    reply: str = "ok"
    heard: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    own_commands: list[str] = field(default_factory=list)

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        self.heard.append(message.text)

        async def turn() -> None:
            async with self.platform.working(message.origin.address):
                await asyncio.sleep(0)
                await self.platform.send(message.origin.address, self.reply, "key")

        return asyncio.ensure_future(turn())

    async def command(self, call: CommandCall) -> CommandReply:
        assert call.origin == CONVERSATION.origin
        line = call.line
        self.commands.append(line)
        return CommandReply(f"You asked for\n{line}.")

    async def in_chat(self, call: CommandCall) -> CommandReply:
        assert call.origin == CONVERSATION.origin
        line = call.line
        self.own_commands.append(line)
        if line.startswith("restore"):
            return CommandReply("Go on?", confirmed=self._restored)
        if line == "retry":
            return CommandReply(turn=await self.receive(CONVERSATION.message("once more")))
        return CommandReply(f"Done: {line}.")

    async def _restored(self, *, is_moderator: bool) -> CommandReply:
        assert is_moderator
        self.own_commands.append("yes")
        return CommandReply("Restored.")

    @property
    def intake(self) -> Intake:
        return Intake(self.receive, self.command, commands=(CommandSpec(("remember",), "Keep it.", "text"),))

    @property
    def own(self) -> InChat:
        return InChat(self.in_chat, ("help", "memory", "pop", "restore", "retry"))


# ── plain ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Plain:
    agent: Agent
    written: list[str]
    noted: list[str]


async def talk(typed: bytes, reply: str = "ok") -> Plain:
    """Send bytes through a pipe, close it, and wait until the console has ended."""
    written: list[str] = []
    noted: list[str] = []
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin:
        console = PlainConsole(CONVERSATION, stdin, written.append, noted.append)
        agent = Agent(console, reply)

        def feed() -> None:
            with os.fdopen(writer, "wb") as stream:
                stream.write(typed)

        console.greet("Hello")
        await asyncio.gather(asyncio.to_thread(feed), console.run(agent.intake, agent.own))
    return Plain(agent, written, noted)


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        pytest.param(b"one\ntwo\n", ["one", "two"], id="lines"),
        pytest.param(b"one\r\ntwo\r\n", ["one", "two"], id="CRLF"),
        pytest.param(b"\n \none\n\t\n\n", ["one"], id="blank lines"),
        pytest.param(b"one\ntwo", ["one", "two"], id="no newline at the end"),
        pytest.param(b"", [], id="nothing"),
        pytest.param("größe 👋\n".encode(), ["größe 👋"], id="UTF-8"),
        pytest.param(b"a\xff\xfeb\n", ["a\ufffd\ufffdb"], id="no UTF-8"),
        pytest.param(b"a\x00b\n", ["a\x00b"], id="NUL"),
        pytest.param(b"x" * 200_000 + b"\nshort\n", ["x" * 200_000, "short"], id="200 kB"),
        pytest.param("a\u2028b\x0cc\x85d\n".encode(), ["a\u2028b\x0cc\x85d"], id="other line ends"),
        pytest.param(b"/etc/hosts is a file\n/ a\n", ["/etc/hosts is a file", "/ a"], id="a path"),
    ],
)
async def test_each_line_is_one_message(typed: bytes, heard: list[str]) -> None:
    plain = await talk(typed)
    assert plain.agent.heard == heard
    assert plain.written == ["ok"] * len(heard)
    assert plain.noted == ["Hello"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_a_reply_is_one_line(newline: str) -> None:
    assert (await talk(b"Hi\n", f"one{newline}{newline}two")).written == [r"one\n\ntwo"]


async def test_commands_answer_in_their_place_and_reach_no_agent() -> None:
    plain = await talk(b"/agent memory\n/memory\n  /agent search figs \n/help\n/agent\n/fly\n/no-such thing\nHi\n")
    assert plain.agent.commands == ["memory", "search figs", "help", ""]
    assert plain.agent.own_commands == ["memory", "help"]
    assert plain.agent.heard == ["Hi"]
    assert plain.written[0] == r"You asked for\nmemory."
    assert "/exit" in plain.written[3]
    assert plain.written[5:7] == [f"There is no command `{it}`. `/help` lists them." for it in ("/fly", "/no-such")]
    assert len(plain.written) == 8


async def test_a_command_may_be_typed_in_capitals_and_with_a_tab() -> None:
    plain = await talk(b"/AGENT\tmemory\n/Memory\n/EXIT\nHi\n")
    assert plain.agent.commands == ["memory"]
    assert plain.agent.own_commands == ["Memory"]
    assert plain.agent.heard == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("/memroy", "/memory"), ("/remember x", "/agent remember"), ("/exti", "/exit")]
)
async def test_a_slip_of_the_hand_is_told_what_was_probably_meant(typed: str, meant: str) -> None:
    told = (await talk(f"{typed}\n".encode())).written
    assert told == [f"There is no command `{typed.split()[0]}`. Did you mean `{meant}`? `/help` lists them."]


@pytest.mark.parametrize("typed", ["/", " / "])
async def test_a_slash_alone_is_a_command_begun(typed: str) -> None:
    plain = await talk(f"{typed}\n1 / 2\n// x\n".encode())
    assert plain.written[0] == "There is no command `/`. `/help` lists them."
    assert plain.agent.heard == ["1 / 2", "// x"]


async def test_nothing_after_exit_is_read() -> None:
    plain = await talk(b"one\n/exit\ntwo\nthree\n")
    assert plain.agent.heard == ["one"]
    assert plain.written == ["ok"]


async def test_notices_and_steps_go_beside_the_replies() -> None:
    plain = await talk(b"")
    console = plain.agent.platform
    await console.notify(CONVERSATION.origin, "The model is down.")
    console.observe(StepReport("hm", (ToolReport("send_message", '{"message": "ok"}', "ok"),)))
    assert plain.written == []
    assert plain.noted[1:] == ["The model is down.", "(thinks) hm", '(calls) send_message {"message": "ok"} -> ok']


async def test_the_next_line_waits_for_the_answer_to_the_last() -> None:
    order: list[str] = []
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    with os.fdopen(reader, "rb") as stdin:
        console = PlainConsole(CONVERSATION, stdin, order.append, order.append)

        async def receive(message: InboundMessage) -> Awaitable[None]:
            async def turn() -> None:
                order.append(f"begin {message.text}")
                for _ in range(20):
                    await asyncio.sleep(0)
                order.append(f"end {message.text}")

            return asyncio.ensure_future(turn())

        await console.run(Intake(receive, Agent(console).command))
    assert order == ["begin one", "end one", "begin two", "end two"]


async def test_when_nobody_reads_the_replies_any_more_no_further_turn_is_run() -> None:
    def write(text: str) -> None:
        raise BrokenPipeError

    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\nthree\n")
    with os.fdopen(reader, "rb") as stdin:
        console = PlainConsole(CONVERSATION, stdin, write, lambda text: None)
        agent = Agent(console)
        await console.run(agent.intake, agent.own)
    os.close(writer)
    assert agent.heard == ["one"]


# ── interactive ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Terminal:
    """A console for a person, the agent behind it, and what was printed."""

    console: InteractiveConsole
    agent: Agent
    screen: io.StringIO

    @property
    def shown(self) -> str:
        return self.screen.getvalue()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "console_history"


@asynccontextmanager
async def terminal(history: Path, typed: str, reply: str = "Hello **Ada**") -> AsyncIterator[Terminal]:
    """A console that has run to its end on what was typed."""
    screen = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = InteractiveConsole(CONVERSATION, history, Console(file=screen, width=80, highlight=False))
        agent = Agent(console, reply)
        console.greet("**ada** remembers you")
        keys.send_text(typed)
        async with asyncio.timeout(10):
            await console.run(agent.intake, agent.own)
        yield Terminal(console, agent, screen)


CTRL_C, CTRL_D, ENTER, ALT_ENTER = "\x03", "\x04", "\r", "\x1b\r"


async def test_a_person_is_greeted_and_answered(history: Path) -> None:
    async with terminal(history, f"Hi{ENTER}/exit{ENTER}") as seen:
        assert seen.agent.heard == ["Hi"]
        assert seen.shown.index("ada remembers you") < seen.shown.index("ada>") < seen.shown.index("Hello Ada")


@pytest.mark.parametrize("leave", [f"/exit{ENTER}", CTRL_D, f"{ENTER}  {ENTER}{CTRL_D}"])
async def test_a_person_can_leave(history: Path, leave: str) -> None:
    async with terminal(history, leave) as seen:
        assert seen.agent.heard == []


async def test_help_and_commands_are_shown_and_not_sent(history: Path) -> None:
    async with terminal(history, f"/help{ENTER}/memory{ENTER}/agent search figs{ENTER}/memry{ENTER}{CTRL_D}") as seen:
        assert seen.agent.heard == []
        assert seen.agent.commands == ["help", "search figs"]
        assert seen.agent.own_commands == ["help", "memory"]
        for told in ("/exit", "search figs.", "There is no command /memry. Did you mean /memory?"):
            assert told in seen.shown


@pytest.mark.parametrize(
    ("typed", "asked", "shown"),
    [
        (f"/restore one{ENTER}y{ENTER}{CTRL_D}", ["restore one", "yes"], "Restored."),
        (f"/restore one{ENTER}{ENTER}{CTRL_D}", ["restore one"], "(nothing was changed)"),
        (f"/restore one{ENTER}{CTRL_D}{CTRL_D}", ["restore one"], "(nothing was changed)"),
    ],
)
async def test_a_command_that_takes_something_away_asks_first(
    history: Path, typed: str, asked: list[str], shown: str
) -> None:
    async with terminal(history, typed) as seen:
        assert seen.agent.own_commands == asked
        assert seen.shown.index("Go on?") < seen.shown.index(shown)


async def test_a_turn_that_a_command_began_is_waited_for(history: Path) -> None:
    async with terminal(history, f"/retry{ENTER}{CTRL_D}") as seen:
        assert seen.agent.heard == ["once more"]
        assert "Hello Ada" in seen.shown


async def test_a_turn_in_which_nothing_was_said_is_told_to_be_over(history: Path) -> None:
    screen = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = InteractiveConsole(CONVERSATION, history, Console(file=screen, width=80))

        async def silent(_: InboundMessage) -> Awaitable[None]:
            return asyncio.sleep(0)

        keys.send_text(f"Hi{ENTER}{CTRL_D}")
        async with asyncio.timeout(10):
            await console.run(Intake(silent, Agent(console).command))
    assert "(nothing was said)" in screen.getvalue()


async def test_whoever_said_yes_beforehand_is_not_asked(history: Path) -> None:
    screen = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = InteractiveConsole(CONVERSATION, history, Console(file=screen, width=80), assumes_yes=True)
        agent = Agent(console)
        keys.send_text(f"/restore one{ENTER}{CTRL_D}")
        async with asyncio.timeout(10):
            await console.run(agent.intake, agent.own)
    assert agent.own_commands == ["restore one", "yes"]


async def test_in_a_pipe_nobody_is_asked() -> None:
    plain = await talk(b"/restore one\n/retry\n")
    assert plain.agent.own_commands == ["restore one", "yes", "retry"]
    assert plain.written == ["Restored.", "ok"]


async def test_ctrl_c_at_the_prompt_clears_the_line(history: Path) -> None:
    async with terminal(history, f"Never mind{CTRL_C}Hi{ENTER}{CTRL_D}") as seen:
        assert seen.agent.heard == ["Hi"]


async def test_alt_enter_begins_a_new_line(history: Path) -> None:
    async with terminal(history, f"one{ALT_ENTER}two{ENTER}{CTRL_D}") as seen:
        assert seen.agent.heard == ["one\ntwo"]


async def test_a_reply_that_comes_while_somebody_types_looks_like_any_other(history: Path) -> None:
    screen = io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=24, columns=80), term="xterm", enable_cpr=False)
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        shown = Console(force_terminal=True, color_system="standard", width=80, highlight=False)
        console = InteractiveConsole(CONVERSATION, history, shown)
        agent = Agent(console)
        serving = asyncio.ensure_future(console.run(Intake(agent.receive, agent.command)))
        for _ in range(50):  # until there is a prompt
            await asyncio.sleep(0)
        await console.send(ADDRESS, "Hello **Ada**", "key")
        keys.send_text(CTRL_D)
        async with asyncio.timeout(10):
            await serving
    assert "\x1b[1;36mada>\x1b[0m" in screen.getvalue()


async def test_what_was_typed_is_kept_for_the_next_time_where_only_its_owner_reads_it(history: Path) -> None:
    async with terminal(history, f"secret{ENTER}{CTRL_D}"):
        assert stat.S_IMODE(os.stat(history).st_mode) == 0o600
    async with terminal(history, f"\x1b[A{ENTER}{CTRL_D}") as seen:  # the arrow up
        assert seen.agent.heard == ["secret"]


STEERING = "\x1b]0;owned\x07 \x1b[2J \x9b31m \x08\r \u202eabc &#x1b;[2J &#155;2J"


def control_characters(text: str) -> set[str]:
    return {
        character for character in text if character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)
    }


@pytest.fixture(params=["reply", "notice", "thoughts", "tool", "greeting", "command"])
def steered(request: pytest.FixtureRequest, history: Path) -> str:
    """What the screen shows when a text that would steer the terminal comes in on one of the ways."""

    async def show() -> str:
        way = request.param
        async with terminal(history, f"Hi{ENTER}{CTRL_D}", STEERING if way == "reply" else "ok") as seen:
            if way == "notice":
                await seen.console.notify(CONVERSATION.origin, STEERING)
            if way == "thoughts":
                seen.console.observe(StepReport(STEERING, ()))
            if way == "tool":
                seen.console.observe(StepReport(None, (ToolReport(STEERING, STEERING, STEERING),)))
            if way == "greeting":
                seen.console.greet(STEERING)
        if way == "command":
            async with terminal(history, f"/agent {printable(STEERING)}{ENTER}{CTRL_D}") as seen:
                return seen.shown
        return seen.shown

    return asyncio.run(show())


def test_nothing_from_outside_steers_the_terminal(steered: str) -> None:
    assert control_characters(steered) == set()
    assert "\u202e" not in steered


def test_code_that_holds_marks_of_code_is_shown_as_it_was_written() -> None:
    shown = io.StringIO()
    Console(file=shown, width=60, color_system=None).print(Markdown(_as_written("````\nuse ```x <i>``` here\n````")))
    assert "use ```x <i>``` here" in shown.getvalue()


def test_what_a_reply_holds_is_shown_as_it_was_written() -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, width=60, color_system=None)
    text = "Use List<int> and <b>bold</b> here:\nline one\nline two\n\n```\nif a < b:\n    pass\n```"
    terminal.print(Markdown(_as_written(text)))
    for written in ("Use List<int> and <b>bold</b> here:", "if a < b:"):
        assert written in shown.getvalue()
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert "line one" in lines
    assert "line two" in lines
