"""`python -m bot` with a home and a data directory of the test's own."""

from pathlib import Path

import pytest

from tests.terminal.started import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
