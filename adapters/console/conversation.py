"""What both kinds of console share: who talks to which agent, and which lines are commands."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.chat.no_such_command import no_such_command
from adapters.ports.commands import CommandCall, CommandReply
from adapters.ports.intake import Intake, RunCommand
from adapters.ports.messages import Address, InboundMessage, Origin, Person

PLATFORM = "console"

LEAVE = "/exit"

_LIKE_A_COMMAND = re.compile(r"\s*/([A-Za-z][\w-]{0,39}(\s|$)|\s*$)")
"""No path of a file, which has more than one slash; a slash alone is one begun."""


@dataclass(frozen=True, slots=True)
class InChat:
    """The commands that only a console has: `/<name>`, run as those behind `/agent` are."""

    run: RunCommand
    names: Sequence[str]

    @property
    def words(self) -> list[str]:
        """Everything that may stand at the beginning of a line."""
        return [*(f"/{name}" for name in self.names), "/agent", LEAVE]


async def _nothing(call: CommandCall) -> CommandReply:
    return CommandReply()


NOTHING_MORE = InChat(_nothing, ())


@dataclass(frozen=True, slots=True)
class Conversation:
    """A person at the keyboard and the agent of that name."""

    agent: str
    now: Callable[[], datetime]

    @property
    def origin(self) -> Origin:
        """Where everything typed here comes from; nobody at a keyboard has a name until they tell it."""
        return Origin(Address(PLATFORM, self.agent), Person(self.agent, ""), is_direct=True)

    def command(self, line: str) -> CommandCall:
        """A command as they give it; a terminal is its owner's."""
        return CommandCall(self.origin, line, is_moderator=True)

    def message(self, text: str) -> InboundMessage:
        """A typed line as a message."""
        return InboundMessage(f"console-{secrets.token_hex(8)}", self.origin, text, self.now())


async def take(line: str, conversation: Conversation, intake: Intake, in_chat: InChat) -> CommandReply | None:
    """Run a command, or hand the line in as a message; None is the wish to leave.

    A command that there is not is a slip of the hand, not a message.

    Args:
        line: what was typed.
        conversation: who typed it, to whom.
        intake: takes messages, and runs what stands after `/agent`.
        in_chat: runs the console's own commands.
    """
    typed, rest = (*line.strip().split(maxsplit=1), "", "")[:2]
    word = typed.lower()
    if word == LEAVE:
        return None
    if word == "/agent":
        return await intake.command(conversation.command(rest))
    if word == "/help":
        here = await in_chat.run(conversation.command("help"))
        everywhere = await intake.command(conversation.command("help"))
        lines = (here.text, f"- `{LEAVE}`: Leave; everything is kept", everywhere.text)
        return CommandReply("\n".join(line for line in lines if line))
    if word.startswith("/") and word[1:] in in_chat.names:
        return await in_chat.run(conversation.command(line.strip()[1:]))
    if _LIKE_A_COMMAND.match(line):
        general = {f"/{spec.path[0]}": f"/agent {spec.path[0]}" for spec in intake.commands}
        known = general | {own: own for own in in_chat.words}
        return CommandReply(no_such_command(typed, known, "/help"))
    return CommandReply(turn=await intake.receive(conversation.message(line)))
