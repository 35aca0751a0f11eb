"""Running a slash command for somebody."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.ports import Origin
from bot.agents import Agents
from bot.errors import CommandRefused
from bot.executor import Shelves
from bot.lanes import Lanes
from bot.registry import Command
from bot.scopes import scope_of
from bot.text import clean, one_line

logger = logging.getLogger(__name__)

WENT_WRONG = "Something went wrong on my side. Please try again."


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command may touch: the agent of the scope that it was given in, and what is kept of it."""

    origin: Origin
    scope: str
    agents: Agents
    shelves: Shelves
    lanes: Lanes
    commands: Mapping[str, Command]
    now: datetime

    async def in_lane(self, change: Callable[[], Awaitable[None]]) -> None:
        """Change the agent between two of its turns, never within one."""
        await self.lanes.submit(self.scope, change)


class Commands:
    """All commands, by name."""

    def __init__(
        self,
        commands: Mapping[str, Command],
        agents: Agents,
        shelves: Shelves,
        lanes: Lanes,
        now: Callable[[], datetime],
    ) -> None:
        self._commands = commands
        self._agents = agents
        self._shelves = shelves
        self._lanes = lanes
        self._now = now

    async def run(self, origin: Origin, line: str) -> str:
        """Run what stands after `/agent`; returns the private reply, in Markdown."""
        name, _, argument = clean(line).strip().partition(" ")
        try:
            command = self._commands.get(name.lower() or "help")
            if command is None:
                raise CommandRefused(f"There is no command `{one_line(name, 40)}`. `/agent help` lists them.")
            context = CommandContext(
                origin,
                scope_of(origin),
                self._agents,
                self._shelves,
                self._lanes,
                self._commands,
                self._now(),
            )
            if command.argument is None:
                return await command.run(context)
            if not argument.strip():
                raise CommandRefused(f"Usage: `{usage(command)}`")
            return await command.run(context, argument.strip())
        except CommandRefused as refusal:
            return str(refusal)
        except Exception:  # the last line, as for turns: the log has it all, the person is told, the process lives
            logger.exception("command broke")
            return WENT_WRONG


def usage(command: Command) -> str:
    """How a command is typed."""
    return f"/agent {command.name}" + (f" {command.argument.upper()}" if command.argument else "")
