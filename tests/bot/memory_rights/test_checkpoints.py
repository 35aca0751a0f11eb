"""Checkpoints: `/save` and `/restore`."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.ports.commands import CommandCall, CommandReply
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, direct, open_bot
from memory.portable.checkpoints import checkpoint_folder


def remembers(request: Request) -> Reply:
    last = request["messages"][-1]
    if "tools" not in request:
        return answer("They said numbers.")
    if last["role"] == "tool":
        return says("Noted.")
    said = {"content": json.loads(last["content"])["message"], "request_heartbeat": True}
    return answer(None, ("core_memory_append", said | {"label": "human"}), ("archival_memory_insert", said))


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(remembers) as server:
        yield server


@pytest.fixture
async def bot(tmp_path: Path, server: ScriptedServer) -> AsyncIterator[Bot]:
    async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
        yield bot


def checkpoint(data_dir: Path, name: str) -> Path:
    return checkpoint_folder(data_dir, "console:dm:ada") / f"{name}.jsonl"


async def test_an_agent_comes_back_as_it_was(bot: Bot) -> None:
    await bot.say("My word is wombat")
    before = await bot.kept()
    assert await bot.in_chat("save monday") == "Saved as 'monday'. `/restore monday` brings me back to this moment."
    assert await bot.kept() == before
    await bot.say("My word is quokka")
    assert "I am as I was at 'monday'." in await bot.in_chat("restore monday")
    assert "quokka" not in await bot.command("memory")
    assert "found nothing" in await bot.command("search quokka")
    assert "1 note" in await bot.command("search wombat")
    assert [type(record) for record in await bot.kept()] == [type(record) for record in before]
    assert await bot.say("Still there?") == ["Noted."]


async def test_a_restored_agent_goes_on_after_a_restart(tmp_path: Path, server: ScriptedServer) -> None:
    async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
        await bot.say("My word is wombat")
        await bot.in_chat("save monday")
    async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
        await bot.say("My word is quokka")
        await bot.in_chat("restore monday")
        await bot.say("And dingo")
        shown = json.dumps(server.requests[-1]["messages"])
        assert "wombat" in shown
        assert "quokka" not in shown


async def test_a_restore_can_be_taken_back(bot: Bot) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    await bot.say("two")
    assert "/restore before-restore" in await bot.in_chat("restore monday")
    assert "two" not in await bot.command("memory")
    await bot.in_chat("restore before-restore")
    assert "two" in await bot.command("memory")


async def test_it_is_asked_before_anything_is_lost(bot: Bot) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    await bot.say("two")
    reply: CommandReply = await bot.app.in_chat.run(CommandCall(direct("ada"), "restore monday"))
    assert reply.text.endswith("Go on?")
    assert reply.confirmed is not None
    assert "two" in await bot.command("memory")


async def test_turns_can_be_taken_back_in_a_restored_agent(bot: Bot) -> None:
    for word in ("one", "two", "three"):
        await bot.say(word)
    await bot.in_chat("summarize")
    await bot.in_chat("save monday")
    await bot.in_chat("restore monday")
    assert "Taken back: 1 turn" in await bot.in_chat("pop")
    assert "two" in await bot.command("memory")
    assert "three" not in await bot.command("memory")


async def test_they_are_listed_the_newest_first(bot: Bot, tmp_path: Path) -> None:
    assert "no checkpoints yet" in await bot.in_chat("save")
    await bot.in_chat("save monday")
    await bot.in_chat("save tuesday")
    os.utime(checkpoint(tmp_path, "monday"), (0, 0))
    for typed in ("save", "restore"):
        assert (await bot.in_chat(typed)).splitlines()[2] == f"- monday ({datetime.fromtimestamp(0, UTC).isoformat()})"


@pytest.mark.parametrize("name", ["../etc", "a/b", ".hidden", "x" * 61, "a\nb", "a\x00b", "-"])
async def test_a_name_is_no_path(bot: Bot, name: str) -> None:
    assert "A checkpoint's name has" in await bot.in_chat(f"save {name}")
    assert "A checkpoint's name has" in await bot.in_chat(f"restore {name}")


async def test_the_name_of_a_restore_under_way_is_nobodys(bot: Bot) -> None:
    await bot.say("one")
    for typed in ("save before-restore.under-way", "restore before-restore.under-way"):
        assert "take another one" in await bot.in_chat(typed)


async def test_names_of_any_script_and_with_spaces(bot: Bot) -> None:
    await bot.say("one")
    await bot.in_chat("save Días felices 2")
    assert "I am as I was" in await bot.in_chat("restore Días felices 2")


async def test_one_that_is_not_there_names_those_that_are(bot: Bot) -> None:
    assert "There are none yet" in await bot.in_chat("restore monday")
    await bot.in_chat("save monday")
    assert "monday" in await bot.in_chat("restore tuesday")


async def test_a_damaged_one_changes_nothing(bot: Bot, tmp_path: Path) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    path = checkpoint(tmp_path, "monday")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    before = await bot.kept()
    assert "Nothing was changed" in await bot.in_chat("restore monday")
    assert await bot.kept() == before
    assert await bot.say("two") == ["Noted."]


async def test_they_are_the_owners_alone(bot: Bot, tmp_path: Path) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    path = checkpoint(tmp_path, "monday")
    assert path.stat().st_mode & 0o077 == 0
    assert "no checkpoint 'monday'" in await bot.in_chat("restore monday", person="bob")


async def test_a_restore_that_fails_keeps_what_could_be_restored(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    await bot.say("two")
    await bot.in_chat("restore monday")
    kept = checkpoint(tmp_path, "before-restore").read_bytes()

    async def breaks(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("bot.memory_rights.checkpoints.replace", breaks)
        await bot.in_chat("restore before-restore")
    assert checkpoint(tmp_path, "before-restore").read_bytes() == kept
    await bot.in_chat("restore before-restore")
    assert "two" in await bot.command("memory")


async def test_a_message_without_an_answer_is_told_of_and_can_be_asked_again(tmp_path: Path) -> None:
    is_down = True

    def reply(request: Request) -> Reply:
        return fails(503, retry_after_ms="1") if is_down else remembers(request)

    async with (
        ScriptedServer(reply) as server,
        open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot,
    ):
        assert await bot.say("My word is wombat") == []
        await bot.in_chat("save monday")
        assert "`/retry` asks me again" in await bot.in_chat("restore monday")
        is_down = False
        await bot.app.receiver.go_on("console:dm:ada")
        assert bot.platform.sent == []
        await bot.in_chat("retry")
        assert [text for _, text in bot.platform.sent] == ["Noted."]
        assert "1 note" in await bot.command("search wombat")
        await bot.in_chat("save tuesday")
        assert "/retry" not in await bot.in_chat("restore tuesday")


async def kill(*_: object) -> None:
    raise asyncio.CancelledError  # nothing that comes after it is run


@pytest.mark.parametrize("has_earlier", [True, False])
async def test_a_restore_killed_between_its_commit_and_its_end_can_be_taken_back(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_earlier: bool
) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    if has_earlier:
        await bot.say("earlier")
        await bot.in_chat("restore monday")
    await bot.say("two")
    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", _fails_once_restored(Path.replace))
        with suppress(asyncio.CancelledError):
            await bot.in_chat("restore monday")
    assert checkpoint(tmp_path, "before-restore.under-way").exists()
    assert "two" not in await bot.command("memory")
    await bot.say("three")
    await bot.in_chat("restore before-restore")
    assert "two" in await bot.command("memory")
    assert "three" not in await bot.command("memory")
    await bot.in_chat("restore before-restore")
    assert "three" in await bot.command("memory")
    assert not checkpoint(tmp_path, "before-restore.under-way").exists()


async def test_a_restore_killed_before_its_commit_leaves_the_earlier_one_to_be_taken_back(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bot.say("one")
    await bot.in_chat("save monday")
    await bot.say("earlier")
    await bot.in_chat("restore monday")
    await bot.say("two")
    with monkeypatch.context() as dying:
        dying.setattr("bot.memory_rights.checkpoints.replace", kill)
        with suppress(asyncio.CancelledError):
            await bot.in_chat("restore monday")
    assert checkpoint(tmp_path, "before-restore.under-way").exists()
    assert "two" in await bot.command("memory")
    await bot.say("three")
    await bot.in_chat("restore before-restore")
    assert "earlier" in await bot.command("memory")
    assert "two" not in await bot.command("memory")


def _fails_once_restored(replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def replaced(path: Path, target: Path) -> Path:
        if "under-way" in path.name and "under-way" not in Path(target).name:
            raise asyncio.CancelledError
        return replace(path, target)

    return replaced


async def test_turns_taken_back_after_a_restore_leave_the_summary_too(bot: Bot) -> None:
    for word in ("one", "two", "three", "four"):
        await bot.say(word)
    await bot.in_chat("summarize")
    assert (await bot.agent()).summary
    await bot.in_chat("save monday")
    await bot.in_chat("restore monday")
    await bot.in_chat("pop 4")
    assert (await bot.agent()).summary == ""
    assert (await bot.agent()).queue == ()
