"""What docs/commands.md shows of each command is what the bot answers now, on both platforms."""

from tests.adapters.command_transcripts import PAGE, page, played, within
from tests.every_command import COMMANDS


async def test_the_page_shows_what_the_bot_says_now() -> None:
    """Another answer? `python -m tests.adapters.command_transcripts --write` writes it into the page."""
    scenes = await played()
    assert {line.command for line, _, _ in scenes} == COMMANDS.keys(), "a command has no transcript"
    assert page(scenes) == within(PAGE.read_text(encoding="utf-8"))
