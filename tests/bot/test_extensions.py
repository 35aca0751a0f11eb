"""Every tool, command and prompt: named once, documented, and small enough for a small window."""

import bot.commands
import bot.tools
from adapters.models.token_counter import BpeTokenCounter
from bot.choices import SPARED, within
from bot.context.main_context import Equipment
from bot.registry import Command, Tool, discover
from config.words import prompt

TOOLS = discover(bot.tools, Tool)
COMMANDS = discover(bot.commands, Command)


def test_every_tool_and_every_argument_is_described() -> None:
    for tool in TOOLS.values():
        assert tool.schema.description.endswith((".", ":")), tool.schema.name
        for name, of in tool.schema.parameters["properties"].items():
            assert of.get("description"), (tool.schema.name, name)
            assert "type" in of, (tool.schema.name, name)


def test_every_tool_takes_request_heartbeat() -> None:
    assert all("request_heartbeat" in tool.schema.parameters["properties"] for tool in TOOLS.values())


def test_instructions_and_tools_leave_room_in_a_small_window() -> None:
    counter, schemas = BpeTokenCounter(), tuple(tool.schema for tool in TOOLS.values())
    for instructions in ("system", "system_docs"):
        whole = Equipment(prompt(instructions), schemas)
        small = within(4096, whole, counter)
        assert small.tokens(counter) <= 1600
        assert {schema.name for schema in schemas} - {schema.name for schema in small.tools} <= set(SPARED)
        assert within(8192, whole, counter) == whole


def test_every_command_is_described_within_the_platforms_limits() -> None:
    for command in COMMANDS.values():
        assert 1 <= len(command.description) <= 100, command.name  # Discord's limit
        assert command.name == command.name.lower()
        assert len(command.name) <= 32


def test_the_first_commands_are_there() -> None:
    assert set(COMMANDS) >= {"memory", "search", "remember", "help"}
