"""The pictures in the documentation are what people see, of a bot as it is started, in front of the fake Discord."""

from pathlib import Path

from tests.command_line import ROOT
from tests.platforms.discord.__main__ import perform

PICTURES = ROOT / "docs" / "pictures"
AGAIN = "draw them anew: python -m tests.platforms.discord --pictures docs/pictures"


async def test_the_pictures_are_what_is_seen_today() -> None:
    seen = {f"{name}.svg": drawn for name, (_, drawn) in (await perform()).items()}
    drawn = {path.name: path.read_text(encoding="utf-8") for path in _files(PICTURES)}
    assert seen == drawn, AGAIN


def test_each_picture_is_shown_in_the_documentation() -> None:
    page = (ROOT / "docs" / "discord.md").read_text(encoding="utf-8")
    assert [path.name for path in _files(PICTURES) if f"(pictures/{path.name})" not in page] == []


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("slack-"))
