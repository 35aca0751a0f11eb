"""The table of who may what is whole."""

from tests.every_command import CASES, COMMANDS


def test_of_every_command_it_is_said_who_may_give_it() -> None:
    """Of one that takes an argument and may do without, both ways: they may be for others."""
    ways = {(case.name, bool(case.argument)) for case in CASES}
    for command in COMMANDS.values():
        if command.argument is None or command.is_optional:
            assert (command.name, False) in ways, command.name
        if command.argument is not None and command.choices:
            assert (command.name, True) in ways, command.name
    assert {case.name for case in CASES} == set(COMMANDS)
