"""`export` and `import`: an agent moves with all it remembers, and goes on where it was."""

import io
import json
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.load import load
from bot.operator.transfer import export_agent, import_agent
from config.settings import Settings
from memory.overview import agent_ids, passages_without_vector
from memory.ports import StorageUnavailable
from memory.sqlite.upkeep import beside

CANARY = "kanarienvogel-73"


def now() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


async def test_an_imported_agent_remembers_what_the_exported_one_did(
    settings: Settings, talked: None, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ada.jsonl"
    await export_agent(settings, "ada", str(out), overwrites=False)
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    await import_agent(settings, str(out), "eve", now)
    told = capsys.readouterr().out
    assert told == "console:dm:eve: imported 6 messages, 1 notes, 2 blocks with 1 edits.\n"
    async with talk() as bot:
        for command in ("memory", "search word", f"search {CANARY}"):
            assert await bot.command(command, person="eve") == await bot.command(command, person="ada")
        assert CANARY in await bot.command("search word", person="eve")
        assert await bot.say("Still there?", person="eve") == ["Noted."]


async def test_documents_move_along_and_are_shared_on_one_machine(
    settings: Settings, talked: None, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manual.md").write_text("# Setup\n\nTurn the red knob.", encoding="utf-8")
    await load(settings, ["manual.md"], "ada", None, now, drops_missing=False)
    await export_agent(settings, "ada", str(tmp_path / "ada.jsonl"), overwrites=False)
    capsys.readouterr()
    await import_agent(settings, str(tmp_path / "ada.jsonl"), "eve", now)
    assert capsys.readouterr().out.endswith("with 1 edits, 1 sources with 1 documents.\n")
    other = settings.model_copy(update={"bot_data_dir": tmp_path / "other"})
    await import_agent(other, str(tmp_path / "ada.jsonl"), None, now)
    async with beside(other.database_path) as connection:
        assert await passages_without_vector(connection) == 0
    async with talk() as bot:
        assert "red knob" in await bot.command("search knob", person="eve")
        assert [source.agents for source in await bot.app.library.sources()] == [2]


async def test_it_goes_to_another_data_directory_under_its_own_name(
    settings: Settings, talked: None, tmp_path: Path
) -> None:
    await export_agent(settings, "console:dm:bob", str(tmp_path / "bob.jsonl"), overwrites=False)
    other = settings.model_copy(update={"bot_data_dir": tmp_path / "other"})
    await import_agent(other, str(tmp_path / "bob.jsonl"), None, now)
    await export_agent(other, "bob", str(tmp_path / "again.jsonl"), overwrites=False)
    first, again = ((tmp_path / name).read_text(encoding="utf-8") for name in ("bob.jsonl", "again.jsonl"))
    assert len(again.splitlines()) == len(first.splitlines())
    assert again.splitlines()[1] == first.splitlines()[1]


async def test_a_channels_agent_remembers_what_it_is_told_as_a_persons(
    settings: Settings, talk: Any, tmp_path: Path
) -> None:
    async with talk() as bot:
        await bot.write("The meeting is on Monday")
        scope = (await bot.agent(channel="general")).scope
    await export_agent(settings, scope, str(tmp_path / "general.jsonl"), overwrites=False)
    await import_agent(settings, str(tmp_path / "general.jsonl"), "eve", now)
    async with talk() as bot:
        assert "I will remember" in await bot.command("remember I park on level 3", person="eve")
        assert "I park on level 3" in await bot.command("memory", person="eve")


async def test_it_exports_beside_a_running_bot_to_standard_output(
    settings: Settings, talk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async with talk() as bot:
        await bot.say("Hello")
        await export_agent(settings, "ada", "-", overwrites=False)
        out, err = capsys.readouterr()
        with pytest.raises(StorageUnavailable, match="in use by another process"):
            await import_agent(settings, os.devnull, "eve", now)
    assert [json.loads(line)["type"] for line in out.splitlines()][:3] == ["head", "agent", "block"]
    assert err == f"console:dm:ada: {len(out.splitlines())} lines written to standard output.\n"


async def test_a_file_that_is_there_is_written_over_only_when_told(
    settings: Settings, talked: None, tmp_path: Path
) -> None:
    out = tmp_path / "ada.jsonl"
    out.write_text("precious", encoding="utf-8")
    with pytest.raises(CommandUnclear, match="--yes"):
        await export_agent(settings, "ada", str(out), overwrites=False)
    with pytest.raises(CannotBeDone, match="There is no agent console:dm:nobody"):
        await export_agent(settings, "nobody", str(out), overwrites=True)
    assert out.read_text(encoding="utf-8") == "precious"
    await export_agent(settings, "ada", str(out), overwrites=True)
    assert out.read_text(encoding="utf-8").startswith('{"type":"head"')
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    assert set(os.listdir(tmp_path)) == {"ada.jsonl", "data"}


async def test_what_is_no_file_is_not_written_over(settings: Settings, talked: None, tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for out in (pipe, tmp_path / "folder"):
        with pytest.raises(CannotBeDone, match=r"cannot be written \(it is no file\)"):
            await export_agent(settings, "ada", str(out), overwrites=True)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


async def test_who_is_there_is_told_to_whoever_asks_for_another(settings: Settings, talked: None) -> None:
    with pytest.raises(CannotBeDone, match=r"^There is no agent console:dm:eve\. There are: ada, bob\.$"):
        await export_agent(settings, "eve", "-", overwrites=False)


async def test_an_import_never_touches_an_agent_that_is_there(settings: Settings, talked: None, tmp_path: Path) -> None:
    out = tmp_path / "ada.jsonl"
    await export_agent(settings, "ada", str(out), overwrites=False)
    before = await _everything(settings)
    for name in (None, "ada", "console:dm:bob"):
        with pytest.raises(CannotBeDone, match="already; nothing was imported"):
            await import_agent(settings, str(out), name, now)
    assert await _everything(settings) == before


async def test_of_a_file_that_is_cut_short_nothing_is_imported(
    settings: Settings, talked: None, tmp_path: Path
) -> None:
    out = tmp_path / "ada.jsonl"
    await export_agent(settings, "ada", str(out), overwrites=False)
    lines = out.read_bytes().splitlines(keepends=True)
    before = await _everything(settings)
    for content, told in ((b"".join(lines[:-1]), "missing"), (b"".join(lines)[:-9], "Invalid JSON"), (b"", "line 1")):
        out.write_bytes(content)
        with pytest.raises(
            CannotBeDone, match=rf"^{out}: line \d+: .*{told}.*\. Nothing was imported\.$|line 1: missing"
        ):
            await import_agent(settings, str(out), "eve", now)
    with pytest.raises(CannotBeDone, match="cannot be read"):
        await import_agent(settings, str(tmp_path / "none"), "eve", now)
    assert await _everything(settings) == before


async def _everything(settings: Settings) -> list[Any]:
    async with beside(settings.database_path) as connection:
        tables = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        names = list(tables.scalars())
        return [(await connection.exec_driver_sql(f"SELECT * FROM {name}")).all() for name in names]


async def test_a_zip_moves_an_agent_with_its_ids(
    settings: Settings, talked: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plain = tmp_path / "ada.zip", tmp_path / "ada.jsonl"
    await export_agent(settings, "ada", str(out), overwrites=False)
    assert "lines written to memory.jsonl in " in capsys.readouterr().err
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    with pytest.raises(CommandUnclear, match="--yes"):
        await export_agent(settings, "ada", str(out), overwrites=False)
    await export_agent(settings, "ada", str(plain), overwrites=False)
    other = settings.model_copy(update={"bot_data_dir": tmp_path / "other"})
    capsys.readouterr()
    await import_agent(other, str(out), None, now)
    told = capsys.readouterr()
    assert told.out == "console:dm:ada: imported 6 messages, 1 notes, 2 blocks with 1 edits.\n"
    assert told.err == ""
    await export_agent(other, "ada", str(tmp_path / "again.jsonl"), overwrites=False)
    assert (tmp_path / "again.jsonl").read_bytes() == plain.read_bytes()
    capsys.readouterr()
    third = settings.model_copy(update={"bot_data_dir": tmp_path / "third"})
    await import_agent(third, str(out), "eve", now)
    assert capsys.readouterr().err == ""
    await import_agent(third, str(out), None, now)
    assert "new ones" in capsys.readouterr().err


async def test_an_export_comes_by_standard_input_as_well(
    settings: Settings, talked: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ada.zip", "ada.jsonl"):
        await export_agent(settings, "ada", str(tmp_path / name), overwrites=False)
        with (tmp_path / name).open("rb") as piped:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped))
            await import_agent(settings, "-", name.replace(".", "-"), now)
    async with beside(settings.database_path) as connection:
        assert {"console:dm:ada-zip", "console:dm:ada-jsonl"} <= (await agent_ids(connection)).keys()


async def test_a_persons_part_of_a_channel_is_no_agent(settings: Settings, tmp_path: Path) -> None:
    head = '{"type":"head","format":"memgpt-bot agent","version":1,"person":"discord:1"}\n'
    agent = '{"type":"agent","scope":"discord:channel:1/2","created_at":"2026-01-01T00:00:00Z","preset":"memgpt_chat",'
    (tmp_path / "part.jsonl").write_text(f'{head}{agent}"summary":"","warned":false}}\n', encoding="utf-8")
    with pytest.raises(CannotBeDone, match="what discord:1 has in the memory of discord:channel:1/2"):
        await import_agent(settings, str(tmp_path / "part.jsonl"), None, now)


LETTA = {
    "agents": [
        {
            "id": "agent-0",
            "name": "Sam",
            "agent_type": "memgpt_v2_agent",
            "block_ids": ["block-0"],
            "in_context_message_ids": ["message-0", "message-1"],
            "messages": [
                {"id": "message-0", "role": "user", "content": [{"type": "text", "text": "I like figs"}]},
                {"id": "message-1", "role": "assistant", "content": [{"type": "text", "text": "Figs, I see"}]},
            ],
        }
    ],
    "blocks": [{"id": "block-0", "label": "human", "value": "Likes figs"}],
    "passages": [{"text": "Figs grow on trees"}],
}


@pytest.mark.parametrize("indent", [None, 2])
async def test_an_agent_of_lettas_goes_on_here(
    settings: Settings, talk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], indent: int | None
) -> None:
    (tmp_path / "sam.af").write_text(json.dumps(LETTA, indent=indent), encoding="utf-8")
    await import_agent(settings, str(tmp_path / "sam.af"), None, now)
    told = capsys.readouterr().out
    assert told == "console:dm:Sam: imported 2 messages, 1 notes, 2 blocks with 0 edits.\n"
    async with talk() as bot:
        assert "Likes figs" in await bot.command("memory", person="Sam")
        found = await bot.command("search figs", person="Sam")
        assert "I like figs" in found
        assert "grow on trees" in found
        assert await bot.say("Still there?", person="Sam") == ["Noted."]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{\n "agents": [\n', "it is no JSON"),
        (b'{"agents": []}', "no agent file of Letta's: agents: "),
        (b'{\n "a": 1\n}', "neither an export nor an agent file"),
        (b"PK\x03\x04", "cannot be unpacked"),
        (b'{"type": "head"}\n', "line 2: missing"),
        (b"what is this?\n", "line 1: "),
    ],
)
async def test_what_is_no_export_is_told_in_one_line(
    settings: Settings, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CannotBeDone, match=rf"^{tmp_path}/file: .*{re.escape(told)}[^\n]*\. Nothing was imported\.$"):
        await import_agent(settings, str(tmp_path / "file"), None, now)


async def test_a_follow_up_of_another_place_is_not_taken_in(
    settings: Settings, talked: None, tmp_path: Path, data_dir: Path
) -> None:
    """Whoever made the file would have it heard there, and another agent think that it had set it."""
    await export_agent(settings, "ada", str(tmp_path / "ada.jsonl"), overwrites=False)
    *lines, end = (tmp_path / "ada.jsonl").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if '"type":"usage"' in line)
    for person, is_direct, told in (
        ("bob", True, "another place"),
        ("ada", False, "another place"),
        ("ada", True, None),
    ):
        address = {"platform": "console", "channel": "general", "thread": None}
        origin = {"address": address, "person": {"id": person, "name": ""}, "is_direct": is_direct, "space": None}
        moment = "2026-07-01T12:00:00Z"
        follow_up = {"type": "follow_up", "due_at": moment, "set_at": moment, "platform": "console", "note": "Hi"}
        follow_up |= {"person": f"console:{person}", "origin": origin, "repeat": None, "local": None}
        follow_up["source_message_id"] = None
        less = json.loads(end) | {"records": len(lines) + 1}
        changed = [*lines[:at], json.dumps(follow_up), *lines[at:], json.dumps(less)]
        (tmp_path / "changed.jsonl").write_text("\n".join(changed) + "\n", encoding="utf-8")
        other = settings.model_copy(update={"bot_data_dir": tmp_path / f"other-{told}"})
        if told is None:
            await import_agent(other, str(tmp_path / "changed.jsonl"), None, now)
        else:
            with pytest.raises(CannotBeDone, match=told):
                await import_agent(other, str(tmp_path / "changed.jsonl"), None, now)
