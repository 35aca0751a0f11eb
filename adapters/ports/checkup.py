"""What a platform says of how the bot is set up there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from adapters.ports.commands import CommandSpec

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of looking at one thing: `warn` is worth knowing, `fail` has to be mended."""

    verdict: Verdict
    about: str
    told: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a platform says of the bot's account; `invitation` is the address at which the bot is brought to people."""

    findings: tuple[Finding, ...]
    invitation: str | None = None


@runtime_checkable
class CanBeExamined(Protocol):
    """A chat platform that knows whether the bot is set up there as it should be.

    It only looks, beside a running bot, and changes nothing. What goes wrong over that is a finding; neither raises.
    """

    async def account(self) -> Account:
        """Look whose the credentials are, and what they allow."""
        ...

    async def examine(self, commands: Sequence[CommandSpec]) -> Sequence[Finding]:
        """Look at the account, the places that the bot is in, and whether people are offered these commands."""
        ...
