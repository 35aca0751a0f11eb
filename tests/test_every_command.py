"""The table of who may what is whole, and in the terminal it holds as well."""

from pathlib import Path

from adapters.ports.commands import CommandCall
from bot.testing import among_many, direct, open_bot
from tests.every_command import CASES, COMMANDS, DONE, RULED_OUT, SOMEBODY_ELSE, WITH_BREAK_GLASS, Given, Who, given

__all__ = ["given"]


def test_of_every_command_it_is_said_who_may_give_it() -> None:
    """Of one that takes an argument and may do without, both ways: they may be for others."""
    ways = {(case.name, bool(case.argument)) for case in CASES}
    for command in COMMANDS.values():
        if command.argument is None or command.is_optional:
            assert (command.name, False) in ways, command.name
        if command.argument is not None and (command.choices or not command.is_optional):
            assert (command.name, True) in ways, command.name
    assert {case.name for case in CASES} == set(COMMANDS)


async def test_whoever_sits_at_the_terminal_is_all_that_one_can_be(tmp_path: Path, given: Given) -> None:
    """But somebody else's direct messages are shown to nobody there either, if the settings do not say so."""
    for breaks_glass in (False, True):
        async with open_bot(tmp_path, bot_break_glass=breaks_glass) as bot:
            for case in [*CASES, WITH_BREAK_GLASS] if breaks_glass else CASES:
                for origin, may in ((direct("ada"), case.in_direct), (among_many("ada"), case.in_channel)):
                    given.names.clear()
                    line = f"{case.name} {case.argument.replace(SOMEBODY_ELSE, 'discord:2')}"
                    told = (await bot.app.commands.run(CommandCall(origin, line))).text
                    is_lent = breaks_glass and case.name == "admin inspect" and case.argument and origin.is_direct
                    allowed = is_lent or bool(may & {Who.MODERATOR, Who.OWNER})
                    assert (given.names == [case.name]) == (told == DONE) == bool(allowed), (line, origin, told)
            given.is_ruled_out = True
            assert {(await bot.give(direct("ada"), case.name)).text for case in CASES} == {RULED_OUT}
            given.is_ruled_out = False
