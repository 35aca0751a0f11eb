"""What both kinds of console share: who talks to which agent, and which lines are commands."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from adapters.ports import Address, InboundMessage, Origin, Person, Receive, RunCommand

PLATFORM = "console"

IN_CHAT_COMMANDS = {
    "/memory": "show my core memory (the same as /agent memory)",
    "/help": "this list",
    "/exit": "leave; everything is kept",
}

HELP_HEAD = "\n".join(f"- `{name}`: {about}" for name, about in IN_CHAT_COMMANDS.items())


@dataclass(frozen=True, slots=True)
class Conversation:
    """A person at the keyboard and the agent of that name."""

    agent: str
    now: Callable[[], datetime]

    @property
    def origin(self) -> Origin:
        """Where everything typed here comes from; nobody at a keyboard has a name until they tell it."""
        return Origin(Address(PLATFORM, self.agent), Person(self.agent, ""), is_direct=True)

    def message(self, text: str) -> InboundMessage:
        """A typed line as a message."""
        return InboundMessage(f"console-{secrets.token_hex(8)}", self.origin, text, self.now())


@dataclass(frozen=True, slots=True)
class Line:
    """What came of a typed line: a turn to await, a reply of our own, or the wish to leave."""

    turn: Awaitable[None] | None = None
    reply: str | None = None
    leaves: bool = False


async def take(
    line: str, conversation: Conversation, receive: Receive, command: RunCommand, *, refuses_unknown: bool = False
) -> Line:
    """Run a command, or hand the line in as a message.

    Args:
        line: what was typed.
        conversation: who typed it, to whom.
        receive: takes messages.
        command: runs what stands after `/agent`.
        refuses_unknown: a command that does not exist is a slip of the hand, not a message.
    """
    word, _, rest = line.strip().partition(" ")
    if word == "/exit":
        return Line(leaves=True)
    if word == "/agent":
        return Line(reply=await command(conversation.origin, rest))
    if word == "/memory":
        return Line(reply=await command(conversation.origin, "memory"))
    if word == "/help":
        return Line(reply=f"{HELP_HEAD}\n{await command(conversation.origin, 'help')}")
    if refuses_unknown and re.match(r"/[a-z]+(\s|$)", line):
        return Line(reply=f"There is no command {word}; /help lists them.")
    return Line(turn=await receive(conversation.message(line)))
