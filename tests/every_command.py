"""Who may give which command, command by command: what the one rule has to come to, whatever leads to it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bot.app
import bot.commands
import bot.slash.command
from bot.registry import Command, discover
from bot.slash.command import CommandContext
from bot.slash.permissions import Caller, For
from bot.slash.question import Question
from memory.people.known import Admitted, Decision, People
from memory.sqlite.database import Database

COMMANDS = discover(bot.commands, Command)

DONE = "It is done."
RULED_OUT = "The one rule says no."
SHUT_OUT = "I am not open to you."


class Who(Enum):
    """Somebody, as far as it matters what they may."""

    MEMBER = auto()
    MODERATOR = auto()
    ELSEWHERE = auto()
    """A moderator of another channel, or of another workspace."""
    OWNER = auto()
    SHUT_OUT = auto()


NOBODY: frozenset[Who] = frozenset()
MODERATORS, OWNERS = frozenset({Who.MODERATOR}), frozenset({Who.OWNER})
EVERYBODY = MODERATORS | OWNERS | {Who.MEMBER, Who.ELSEWHERE}
SOMEBODY_ELSE = "{person}"
"""Stands for the id of a person, which differs with the platform."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command, given in a way; who may do so in a channel, and in direct messages."""

    name: str
    argument: str
    in_channel: frozenset[Who]
    in_direct: frozenset[Who]


CASES = (
    Case("help", "", EVERYBODY, EVERYBODY),
    Case("memory", "", EVERYBODY, EVERYBODY),
    Case("memory", "sources", EVERYBODY, EVERYBODY),
    Case("memory", "changes", EVERYBODY, EVERYBODY),
    Case("undo", "", EVERYBODY, EVERYBODY),
    Case("undo", "reset", MODERATORS, EVERYBODY),
    Case("search", "tea", EVERYBODY, EVERYBODY),
    Case("remember", "tea is at four", EVERYBODY, EVERYBODY),
    Case("forget", "tea", EVERYBODY, EVERYBODY),
    Case("edit", "human 1: tea is at five", EVERYBODY, EVERYBODY),
    Case("export", "", EVERYBODY, EVERYBODY),
    Case("erase-me", "", EVERYBODY, EVERYBODY),
    Case("status", "", EVERYBODY, EVERYBODY),
    Case("timezone", "", EVERYBODY, EVERYBODY),
    Case("timezone", "Europe/Lisbon", EVERYBODY, EVERYBODY),
    Case("followups", "", EVERYBODY, EVERYBODY),
    Case("heartbeat", "", EVERYBODY, EVERYBODY),
    Case("heartbeat", "on", MODERATORS, EVERYBODY),
    Case("persona", "", EVERYBODY, EVERYBODY),
    Case("persona", "coach", MODERATORS, EVERYBODY),
    Case("pause", "", MODERATORS, EVERYBODY),
    Case("resume", "", MODERATORS, EVERYBODY),
    Case("reset", "everything", MODERATORS, EVERYBODY),
    Case("admin mode", "", MODERATORS, NOBODY),
    Case("admin mode", "off", MODERATORS, NOBODY),
    Case("admin reset", "archive", MODERATORS, NOBODY),
    Case("admin undo", "", MODERATORS, NOBODY),
    Case("admin undo", SOMEBODY_ELSE, MODERATORS, NOBODY),
    Case("admin undo", "reset", MODERATORS, NOBODY),
    Case("admin inspect", "", MODERATORS, NOBODY),
    Case("admin inspect", SOMEBODY_ELSE, NOBODY, NOBODY),
    Case("admin budget", "", MODERATORS | OWNERS, OWNERS),
    Case("model", "", OWNERS, OWNERS),
    Case("model", "default", OWNERS, OWNERS),
    Case("admin allow", SOMEBODY_ELSE, OWNERS, OWNERS),
    Case("admin deny", SOMEBODY_ELSE, OWNERS, OWNERS),
    Case("admin agents", "", OWNERS, OWNERS),
    Case("admin audit", "", OWNERS, OWNERS),
)

CHANGING = [it for it in CASES if it.in_channel and (it.argument or COMMANDS[it.name].argument is None)]
"""The ways in which a command may ask before it is done."""

WITH_BREAK_GLASS = Case("admin inspect", SOMEBODY_ELSE, NOBODY, OWNERS)


@dataclass
class Given:
    """The commands that ran, in the place of which nothing was done; what they say; whether the rule lets any through.

    Attributes:
        names: those that ran, in order.
        reply: what each says, or asks.
        is_ruled_out: whether the rule refuses whatever it is asked.
    """

    names: list[str] = field(default_factory=list)
    reply: str | Question = DONE
    is_ruled_out: bool = False

    def asks(self) -> None:
        """From now on each asks before it is done."""

        async def confirmed() -> str:
            self.names.append("yes")
            return DONE

        self.reply = Question("Go on?", confirmed)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Commands that do nothing but say that they ran, behind the rule as it is."""
    given = Given()
    rule = bot.slash.command.refusal

    def recorded(command: Command) -> Command:
        async def run(context: CommandContext, *arguments: str) -> str | Question:
            given.names.append(command.name)
            return given.reply

        return replace(command, run=run)

    def found(package: ModuleType, kind: Any) -> Any:
        all_ = discover(package, kind)
        return {name: recorded(it) for name, it in all_.items()} if package is bot.commands else all_

    def refusal(of: For, caller: Caller, *, changes: bool) -> str | None:
        return RULED_OUT if given.is_ruled_out else rule(of, caller, changes=changes)

    monkeypatch.setattr(bot.app, "discover", found)
    monkeypatch.setattr(bot.slash.command, "refusal", refusal)
    return given


async def shut_out(data_dir: Path, person: str) -> None:
    """Let an owner have shut somebody out before the bot starts."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    database = await Database.open(data_dir / "bot.db", data_dir / "backups", now)
    await People(database).set_admission(person, Decision(Admitted.DENIED, now))
    await database.close()


Give = Callable[[Who, Case, bool], Awaitable[str]]
"""Has somebody give a command, in their direct messages or not; returns what they are told."""


async def check(given: Given, cases: Sequence[Case], give: Give, *, moderates_too: frozenset[Who] = NOBODY) -> None:
    """Have everybody give each command in both places; those run that the table lets through, and no others.

    Args:
        given: what ran.
        cases: the commands.
        give: gives one.
        moderates_too: who else is a moderator of the channel on this platform.
    """
    for case in cases:
        for who in Who:
            for is_direct in (False, True):
                allowed = case.in_direct if is_direct else case.in_channel
                if not is_direct and Who.MODERATOR in allowed:
                    allowed |= moderates_too
                given.names.clear()
                told = await give(who, case, is_direct)
                known = (case.name, case.argument, who, is_direct, told)
                assert given.names == ([case.name] if who in allowed else []), known
                assert (told == DONE) == (who in allowed), known
                assert told.startswith(SHUT_OUT) == (who is Who.SHUT_OUT), known
