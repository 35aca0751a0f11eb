"""`python -m benchmarks.memory.summaries`: both styles, on a short conversation."""

from pathlib import Path

import pytest

from benchmarks.memory.summaries import STYLES, Stating, main, parts, planted, told
from bot.testing import open_bot
from memory.ports import Message


@pytest.mark.parametrize("style", STYLES)
async def test_what_stands_in_the_summary_and_what_a_search_finds_is_counted(tmp_path: Path, style: str) -> None:
    async with open_bot(tmp_path) as bot:
        found = await told(bot, planted(1, 8), style, Stating(), 2560)
    assert len(found.summaries) > 1
    assert (found.asked, found.in_recall, found.anywhere) == (10, 10, 10)
    assert found.in_summary > 5  # in a window as small as this not all find room
    assert found.in_archive == (10 if style == "spr" else 0)
    assert 0 < found.written < found.read


async def test_messages_leave_in_parts_in_order(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        case = planted(1, 8)
        await case.fill(bot, case.person)
        agent = await bot.agent(person=case.person)
        messages = await bot.app.shelves.recall.said_since(agent.id, 0, 1000)
    cut = parts(messages, 300, len)
    assert len(cut) > 2
    joined: list[Message] = [message for part in cut for message in part]
    assert joined == list(messages)


def test_a_row_is_printed_for_each_style(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--by", "code", "--seeds", "1", "--lines", "4", "--window", "2560"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in printed[-2:]] == [["code", "narrative"], ["code", "spr"]]
