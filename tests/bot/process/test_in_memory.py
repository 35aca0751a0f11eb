"""A bot that keeps nothing: it remembers until it ends, and no file of it is left anywhere."""

import asyncio
import sys
from pathlib import Path

import pytest

from bot.process import in_memory as module
from bot.process.in_memory import in_memory
from config.settings import SettingsInvalid, load_settings
from tests.command_line import LIMIT_S, CommandLine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its place is Linux's")


def left_in_memory(process: asyncio.subprocess.Process) -> list[Path]:
    return list(module.SHARED_MEMORY.glob(f"{module.PREFIX}{process.pid}-*"))


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    started = CommandLine(tmp_path)
    started.settings["BOT_DATA_DIR"] = ":memory:"
    return started


async def test_it_remembers_until_it_ends_and_leaves_nothing(command_line: CommandLine, tmp_path: Path) -> None:
    bot = await command_line.start("chat")
    assert bot.stdin is not None
    assert bot.stdout is not None
    bot.stdin.write(b"My dog is called Biscuit.\n")
    async with asyncio.timeout(LIMIT_S):
        await bot.stdout.readline()
        (own,) = left_in_memory(bot)
        assert (own / "bot.db").exists()
        assert own.stat().st_mode & 0o777 == 0o700
        out, _ = await bot.communicate(b"What is my dog called?\n")
    assert bot.returncode == 0
    assert b"Biscuit" in out
    assert left_in_memory(bot) == []
    assert left_in(tmp_path) == []
    _, _, err = await command_line.run("chat", typed=b"")
    assert any("is new here" in line for line in err)


async def test_what_a_kill_leaves_goes_at_the_next_start_and_what_a_living_one_has_stays(
    command_line: CommandLine,
) -> None:
    async def started() -> asyncio.subprocess.Process:
        bot = await command_line.start("chat")
        assert bot.stdin is not None
        assert bot.stdout is not None
        bot.stdin.write(b"Hello\n")
        async with asyncio.timeout(LIMIT_S):
            await bot.stdout.readline()
        return bot

    killed, living = await started(), await started()
    killed.kill()
    await killed.communicate()
    assert (await command_line.run("chat", typed=b""))[0] == 0
    assert left_in_memory(killed) == []
    (kept,) = left_in_memory(living)
    assert (kept / "bot.db").exists()
    await living.communicate(b"")
    assert living.returncode == 0
    assert left_in_memory(living) == []


def test_nothing_but_a_folder_of_ours_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "SHARED_MEMORY", tmp_path / "shm")
    elsewhere, left = tmp_path / "elsewhere", tmp_path / "shm" / "memgpt-bot-left"
    for folder in (elsewhere, left, tmp_path / "shm" / "another"):
        folder.mkdir(parents=True)
        (folder / "bot.db").touch()
    (tmp_path / "shm" / "memgpt-bot-link").symlink_to(elsewhere)
    (tmp_path / "shm" / "memgpt-bot-file").touch()
    with in_memory(load_settings(bot_data_dir=":memory:")) as settings:
        assert not left.exists()
        with in_memory(load_settings(bot_data_dir=":memory:")):
            assert settings.bot_data_dir.exists()
    assert {path.name for path in (tmp_path / "shm").iterdir()} == {"another", "memgpt-bot-link", "memgpt-bot-file"}
    assert (elsewhere / "bot.db").exists()


@pytest.mark.parametrize("words", [("agents",), ("migrate",), ("load", "."), ("fetch", "qwen3-4b")])
async def test_what_works_on_what_is_kept_is_refused(command_line: CommandLine, words: tuple[str, ...]) -> None:
    assert await command_line.run(*words) == (
        78,
        [],
        ["BOT_DATA_DIR=:memory: keeps nothing beyond the end of `chat` or `run`: name a folder."],
    )


def test_a_database_elsewhere_would_be_kept() -> None:
    with pytest.raises(SettingsInvalid, match="BOT_DATABASE_URL: cannot be set where BOT_DATA_DIR is :memory:"):
        load_settings(bot_data_dir=":memory:", bot_database_url="sqlite:////tmp/bot.db")


def test_where_there_is_no_such_place_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "SHARED_MEMORY", tmp_path / "none")
    with pytest.raises(SettingsInvalid, match="which this system does not have"):
        with in_memory(load_settings(bot_data_dir=":memory:")):
            pass


def test_any_other_folder_stays_as_it_is(tmp_path: Path) -> None:
    settings = load_settings(bot_data_dir=tmp_path)
    with in_memory(settings) as given:
        assert given is settings
    assert tmp_path.exists()
