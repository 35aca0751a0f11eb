"""Files that people share with the bot on Slack are read, and fetched from nowhere but Slack."""

from pathlib import Path

import pytest

from adapters.ports.errors import DocumentUnreadable, PlatformUnavailable
from adapters.ports.messages import Attachment
from adapters.slack.files import may_download
from tests.platforms.slack.served import QuickPlatform, serving
from tests.platforms.slack.things import File
from tests.platforms.slack.world import World


async def test_a_shared_file_is_read(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        notes = world.file("tea.txt", b"The tea is green.", "text/plain")
        asked = await world.says(world.ada, world.dm(world.ada), "look", files=[notes])
        answer = await world.hears(world.dm(world.ada), after=asked)
        assert "[attached: tea.txt, in your archival memory]" in answer.text
        far = world.file("coffee.txt", b"The coffee is black.", "text/plain", is_stub=True)
        asked = await world.says(world.ada, world.dm(world.ada), "and here", files=[far])
        answer = await world.hears(world.dm(world.ada), after=asked)
        assert "[attached: coffee.txt, in your archival memory]" in answer.text


async def test_a_mention_that_names_its_file_in_its_blocks_alone_is_read_with_it(world: World, tmp_path: Path) -> None:
    """It may come first; the message that has the file is then known already."""
    notes, secret = (world.file(f"{name}.txt", b"The tea is green.", "text/plain") for name in ("tea", "secret"))
    ts = world.state.new_ts()
    notes.more["shares"] = {"private": {world.general.id: [{"ts": ts}]}}
    elements = [{"type": "file", "file_id": it.id} for it in (notes, secret)]
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [*elements, None, {}]}]}]
    told = {"type": "app_mention", "user": world.ada.id, "ts": ts, "text": f"{world.bot.mention} look"}
    async with serving(world, tmp_path):
        await world.tells({**told, "channel": world.general.id, "blocks": blocks})
        answer = await world.hears(world.general)
    assert "[attached: tea.txt, in your archival memory]" in answer.text
    assert "secret.txt" not in answer.text


def attachment(file: File, **more: object) -> Attachment:
    return Attachment(file.id, file.name, file.mimetype, len(file.content), file.url)


async def test_without_the_scope_slack_shows_its_login_page(world: World, tmp_path: Path) -> None:
    platform, notes = QuickPlatform(world), world.file("tea.txt", b"The tea is green.", "text/plain")
    await platform.fetch(attachment(notes), tmp_path / "tea.txt", 1000)
    assert (tmp_path / "tea.txt").read_bytes() == b"The tea is green."
    world.state.scopes -= {"files:read"}
    with pytest.raises(DocumentUnreadable, match="does not let me see it"):
        await platform.fetch(attachment(notes), tmp_path / "again.txt", 1000)
    notes.mimetype, told = "text/html", Attachment(notes.id, "tea.txt", "text/plain", 7, notes.url)
    world.state.scopes |= {"files:read"}
    with pytest.raises(DocumentUnreadable, match="login page"):
        await platform.fetch(told, tmp_path / "again.txt", 1000)


async def test_what_is_too_large_or_gone_or_elsewhere_is_refused(world: World, tmp_path: Path) -> None:
    platform, notes = QuickPlatform(world), world.file("tea.txt", b"The tea is green.", "text/plain")
    with pytest.raises(DocumentUnreadable, match="larger"):
        await platform.fetch(attachment(notes), tmp_path / "tea.txt", 10)
    small = Attachment(notes.id, notes.name, notes.mimetype, 1, notes.url)
    with pytest.raises(DocumentUnreadable, match="larger"):
        await platform.fetch(small, tmp_path / "tea.txt", 10)
    notes.is_deleted = True
    with pytest.raises(DocumentUnreadable, match="does not have it"):
        await platform.fetch(attachment(notes), tmp_path / "tea.txt", 1000)
    elsewhere = Attachment("F1", "tea.txt", "text/plain", 1, "https://example.org/tea.txt")
    with pytest.raises(DocumentUnreadable, match="own hosts"):
        await platform.fetch(elsewhere, tmp_path / "tea.txt", 1000)
    world.faults.fail("files", 503)
    with pytest.raises(PlatformUnavailable):
        await platform.fetch(attachment(notes), tmp_path / "tea.txt", 1000)


@pytest.mark.parametrize(
    ("url", "api_url", "may"),
    [
        ("https://files.slack.com/files-pri/T1-F1/tea.txt", None, True),
        ("http://files.slack.com/files-pri/T1-F1/tea.txt", None, False),
        ("https://files.slack.com.example.org/tea.txt", None, False),
        ("https://files.slack.com@example.org/tea.txt", None, False),
        ("https://example.org/files.slack.com", None, False),
        ("", None, False),
        ("http://127.0.0.1:9/tea.txt", "http://127.0.0.1:9/api/", True),
        ("http://127.0.0.1:10/tea.txt", "http://127.0.0.1:9/api/", False),
    ],
)
def test_the_token_goes_to_slack_alone(url: str, api_url: str | None, may: bool) -> None:
    assert may_download(url, api_url) is may
