"""Who may give which command: one rule, asked at each call (pure)."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.ports.commands import CommandCall
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
    MODERATORS_OR_OWNERS = "moderators or owners"
    """The same, and owners wherever they are."""
    INSPECTORS = "inspectors"
    """The moderators of the channel in which it is given. With an argument it is about what is somebody else's alone:
    for owners, where the settings let them break the glass."""
    OWNERS = "owners"
    """Those of `BOT_OWNERS`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What gives somebody rights: where they are, and who they are there."""

    is_direct: bool
    is_moderator: bool
    is_owner: bool
    may_break_glass: bool = False


def caller_of(call: CommandCall, owners: Collection[str], *, breaks_glass: bool = False) -> Caller:
    """Who gives a command: a moderator if the platform says so now, an owner if the settings do.

    Args:
        call: the command, with what the platform has verified.
        owners: those of the settings.
        breaks_glass: whether the settings let owners look into somebody else's direct messages.
    """
    is_at_console = call.origin.address.platform == CONSOLE
    is_owner = is_at_console or person_of(call.origin) in owners
    return Caller(
        call.origin.is_direct,
        is_moderator=is_at_console or call.is_moderator,
        is_owner=is_owner,
        may_break_glass=is_owner and breaks_glass,
    )


def refusal(of: For, caller: Caller, *, changes: bool) -> str | None:
    """Why somebody may not give a command, in a sentence for them; None if they may.

    Args:
        of: whom the command is for.
        caller: who gives it.
        changes: whether it is given an argument.
    """
    if of is For.OWNERS or (of is For.INSPECTORS and changes):
        if not caller.is_owner:
            return "That is for the owners of this bot alone."
        return _refusal_of_breaking(caller) if of is For.INSPECTORS else None
    if of is For.MODERATORS_OR_OWNERS and caller.is_owner:
        return None
    is_of_channels = of in (For.MODERATORS, For.MODERATORS_OR_OWNERS, For.INSPECTORS)
    if is_of_channels and caller.is_direct:
        return "That is about a channel: give it in the channel that you mean."
    is_moderated = is_of_channels or of is For.OWN_OR_MODERATED or (of is For.CHANGES_MODERATED and changes)
    if is_moderated and not caller.is_direct and not caller.is_moderator:
        return "In a channel that is for its moderators alone."
    return None


def needs_rights(of: For, caller: Caller, *, changes: bool) -> bool:
    """Whether it is as a moderator or an owner that they give a command: in their place others would be refused."""
    anybody = replace(caller, is_moderator=False, is_owner=False, may_break_glass=False)
    return refusal(of, anybody, changes=changes) is not None


def _refusal_of_breaking(caller: Caller) -> str | None:
    if not caller.may_break_glass:
        return (
            "What stands in somebody else's direct messages is shown to nobody. Whoever runs me can allow it to "
            "owners: `BOT_BREAK_GLASS`."
        )
    if not caller.is_direct:
        return "What stands in direct messages is not shown in a channel: ask me in yours."
    return None
