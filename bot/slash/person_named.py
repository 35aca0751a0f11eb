"""Whom a command is about: an id, as it is told on each platform, a mention, or the code of a person."""

import re

from bot.errors import CommandRefused
from bot.scopes import direct_scope
from bot.slash.command import CommandContext
from bot.text import one_line

_ID = re.compile(r"discord:\d{1,20}|slack:\w{1,40}/\w{1,40}", re.ASCII)
_GROUP = re.compile(
    r"discord:(?:server:\d{1,20}|(?:channel|role):\d{1,20}/\d{1,20})|"
    r"slack:(?:workspace:\w{1,40}|channel:\w{1,40}/\w{1,40})",
    re.ASCII,
)
_PLACE = re.compile(r"<(#|@&)(\w{1,40})(?:\|[^>]*)?>", re.ASCII)
_MENTION = re.compile(r"<@!?(\w{1,40})(?:\|[^>]*)?>", re.ASCII)


async def person_named(context: CommandContext, typed: str) -> str:
    """The id of a person, as `bot.scopes.person_of` gives it.

    Raises:
        CommandRefused: nobody is meant by that.
    """
    if _ID.fullmatch(typed):
        return typed
    if (mention := _MENTION.fullmatch(typed)) is not None:
        platform, space = context.origin.address.platform, context.origin.space
        person = f"{platform}:{mention[1]}" if platform == "discord" else f"{platform}:{space}/{mention[1]}"
        if _ID.fullmatch(person):
            return person
    if (found := await context.parts.admission.find(typed)) is not None:
        return found
    raise CommandRefused(
        f"Nobody has the code {one_line(typed, 40)!r}. An id is discord:<user> or slack:<team>/<user>."
    )


async def whom_named(context: CommandContext, typed: str) -> str:
    """The same, or the id of a place or a role as `bot.scopes.groups_of` gives it.

    Raises:
        CommandRefused: nobody is meant by that.
    """
    if _GROUP.fullmatch(typed):
        return typed
    if (mention := _PLACE.fullmatch(typed)) is not None and context.origin.space is not None:
        kind = "channel" if mention[1] == "#" else "role"
        group = f"{context.origin.address.platform}:{kind}:{context.origin.space}/{mention[2]}"
        if _GROUP.fullmatch(group):
            return group
    return await person_named(context, typed)


async def concerned(context: CommandContext, typed: str) -> str:
    """The scope of their direct messages; of a place or a role its id."""
    named = await whom_named(context, typed)
    return named if _GROUP.fullmatch(named) else direct_scope(named)


async def direct_scope_named(context: CommandContext, typed: str) -> str:
    """The scope of their direct messages.

    Raises:
        CommandRefused: nobody is meant by that.
    """
    return direct_scope(await person_named(context, typed))
