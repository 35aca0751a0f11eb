"""The pictures in the documentation are what people see, of a bot as it is started, in front of the fake Slack."""

from tests.adapters.slack.show import perform
from tests.command_line import ROOT

PICTURES = ROOT / "docs" / "pictures"
AGAIN = "draw them anew: python -m tests.adapters.slack.show --pictures docs/pictures"


async def test_the_pictures_are_what_is_seen_today_and_are_shown() -> None:
    seen = {f"{name}.svg": drawn for name, drawn in (await perform()).items()}
    assert seen == {path.name: path.read_text(encoding="utf-8") for path in PICTURES.glob("slack-*.svg")}, AGAIN
    page = (ROOT / "docs" / "slack.md").read_text(encoding="utf-8")
    assert [name for name in seen if f"(pictures/{name})" not in page] == []
