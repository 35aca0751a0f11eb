"""What the operator does with people's memory at the command line stands in the audit, without any content."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.operator.erase import erase
from bot.operator.storage import back_up
from bot.operator.transfer import export_agent, import_agent
from bot.testing import direct
from config.settings import Settings
from memory.ports import StorageUnavailable
from memory.sqlite.tables import audit
from memory.sqlite.upkeep import beside

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def now() -> datetime:
    return NOW


async def acts(settings: Settings) -> list[tuple[str, str, str]]:
    async with beside(settings.database_path) as connection:
        rows = await connection.execute(select(audit.c.who, audit.c.what, audit.c.scope).order_by(audit.c.id))
        return [(row.who, row.what, row.scope) for row in rows]


async def test_what_the_operator_took_out_or_erased_is_written_down(
    settings: Settings, talk: Callable[..., Any], tmp_path: Path
) -> None:
    async with talk() as bot:
        await bot.say("My word is wombat")
        await bot.write("Here it is", channel="general")
        await export_agent(settings, "ada", str(tmp_path / "ada.jsonl"), overwrites=False, now=now)  # beside the bot
        await export_agent(settings, "ada", str(tmp_path / "ada.zip"), overwrites=False, now=now)
        await back_up(settings, tmp_path / "copy.db", now)
        assert "operator  export  console:dm:ada" in await bot.command("admin audit")
        await bot.give(direct("ada"), "remember It is green")  # and the bot goes on
    await import_agent(settings, str(tmp_path / "ada.zip"), "eve", now)
    before = await acts(settings)
    assert before[:3] == [("operator", "export", "console:dm:ada")] * 2 + [("operator", "backup", "everything")]
    assert before[-1] == ("operator", "import", "console:dm:eve")
    await erase(settings, "ada", lambda _: True, now)
    await erase(settings, "console:channel:general", lambda _: True, now)
    after = await acts(settings)
    assert after[-2:] == [("operator", "erase", "somebody"), ("operator", "erase", "console:channel:general")]
    assert "ada" not in str(after)
    with pytest.raises(Exception, match="nobody"):
        await export_agent(settings, "nobody", str(tmp_path / "none.jsonl"), overwrites=False, now=now)
    assert await acts(settings) == after


async def test_a_copy_that_can_only_be_read_is_exported_all_the_same(
    settings: Settings,
    talked: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def refuses(*_: object) -> None:
        raise StorageUnavailable("it cannot be written to")

    monkeypatch.setattr("bot.operator.acts.add_beside", refuses)
    await export_agent(settings, "ada", str(tmp_path / "ada.jsonl"), overwrites=False, now=now)
    assert "could not be written down that this was done: it cannot be written to" in capsys.readouterr().err
