"""Who may give which command: one rule, asked at each call (pure)."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from adapters.ports import CommandCall
from bot.scopes import person_of

CONSOLE = "console"
"""Whoever is at the terminal has the machine: no platform has to say what they may."""


class For(StrEnum):
    """Whom a command is for."""

    EVERYBODY = "everybody"
    OWN_OR_MODERATED = "own or moderated"
    """Everybody in their direct messages; in a channel its moderators."""
    CHANGES_MODERATED = "changes moderated"
    """The same where it is given an argument, which changes something; everybody where it only shows."""
    MODERATORS = "moderators"
    """The moderators of the channel in which it is given."""
    OWNERS = "owners"
    """Those of `BOT_OWNERS`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What gives somebody rights: where they are, and who they are there."""

    is_direct: bool
    is_moderator: bool
    is_owner: bool


def caller_of(call: CommandCall, owners: Collection[str]) -> Caller:
    """Who gives a command: a moderator if the platform says so now, an owner if the settings do."""
    is_at_console = call.origin.address.platform == CONSOLE
    return Caller(
        call.origin.is_direct,
        is_moderator=is_at_console or call.is_moderator,
        is_owner=is_at_console or person_of(call.origin) in owners,
    )


def refusal(of: For, caller: Caller, *, changes: bool) -> str | None:
    """Why somebody may not give a command, in a sentence for them; None if they may.

    Args:
        of: whom the command is for.
        caller: who gives it.
        changes: whether it is given an argument.
    """
    if of is For.OWNERS:
        return None if caller.is_owner else "That is for the owners of this bot alone."
    if of is For.MODERATORS and caller.is_direct:
        return "That is about a channel: give it in the channel that you mean."
    is_moderated = of in (For.MODERATORS, For.OWN_OR_MODERATED) or (of is For.CHANGES_MODERATED and changes)
    if is_moderated and not caller.is_direct and not caller.is_moderator:
        return "In a channel that is for its moderators alone."
    return None
