"""What is heard of each commit, groups that stay open until a test says otherwise, and the file beside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.memory.sqlite.writer.blocks import EVER


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[str]]:
    """What SQLite is told by every connection of this process."""
    told: list[str] = []

    def listen(connection: Any, _record: Any) -> None:
        connection.run_async(lambda driver: driver.set_trace_callback(told.append))

    event.listen(Engine, "connect", listen)
    yield told
    event.remove(Engine, "connect", listen)


@pytest.fixture(autouse=True)
def groups_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are not about the clock, unless they say so."""
    monkeypatch.setattr("memory.sqlite.writer.GROUP_S", EVER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"
