"""What people edit or delete while it waits, is answered, or waits to be sent."""

import asyncio
import json
from pathlib import Path

import pytest

from adapters.ports.errors import PlatformUnavailable
from adapters.testing import Reply, Request, ScriptedServer, says
from bot.testing import Fault, RecordingPlatform, direct, open_bot, texts
from tests.bot.inbound.changing import (
    Slow,
    alerts,
    delete,
    edit,
    forgotten,
    hand_in,
    heard,
    prompt_of,
    remembers,
    say,
    settings,
)


async def test_a_message_that_waits_is_changed_before_its_turn(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow()) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await hand_in(bot, "Hello", "1")
        await slowly.asked.wait()
        others = [await hand_in(bot, text, id_) for text, id_ in (("Quagga", "2"), ("Figgs", "3"))]
        await delete(bot, "2")
        await edit(bot, "3", "Figs")
        slowly.go_on.set()
        await asyncio.gather(first, *others)
        assert await heard(bot) == ["Hello", "Figs"]
        assert "Quagga" not in str(server.requests)
        assert "Figgs" not in str(server.requests)
        assert await alerts(bot) == []
        assert await forgotten(bot, tmp_path, "quagga") == []


async def test_a_turn_ends_whose_message_is_deleted_while_the_model_answers(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow(remembers)) as server, open_bot(tmp_path, **settings(server)) as bot:
        turn = await hand_in(bot, "Quagga is my zebrafish.", "1")
        await slowly.asked.wait()
        await asyncio.wait_for(delete(bot, "1"), 5)
        assert await forgotten(bot, tmp_path, "quagga") == []
        slowly.go_on.set()
        await turn
        assert bot.platform.sent == []
        assert len(server.requests) == 1
        assert await forgotten(bot, tmp_path, "quagga") == []
        assert "Quagga" not in await prompt_of(bot)
        await say(bot, "Hello.", "2")
        assert [text for _, text in bot.platform.sent] == ["Noted."]


async def test_a_message_edited_while_the_model_answers_is_answered_as_it_stands_now(tmp_path: Path) -> None:
    def echoes(request: Request) -> Reply:
        return says(json.loads(texts(request["messages"], "user")[-2 if len(server.requests) > 1 else -1])["message"])

    async with ScriptedServer(slowly := Slow(echoes)) as server, open_bot(tmp_path, **settings(server)) as bot:
        turn = await hand_in(bot, "Wat is it?", "1")
        await slowly.asked.wait()
        await edit(bot, "1", "What is it?")
        slowly.go_on.set()
        await turn
        assert [text for _, text in bot.platform.sent] == ["What is it?"]
        assert len(server.requests) == 2


async def test_of_messages_answered_together_one_may_go(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow(remembers)) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await hand_in(bot, "Hello.", "1")
        await slowly.asked.wait()
        both = [await hand_in(bot, "Figs are nice.", "2"), await hand_in(bot, "And zebrafish, too.", "3")]
        slowly.go_on.set()
        await asyncio.gather(first, *both)
        assert "zebrafish" in await prompt_of(bot)
        await delete(bot, "3")
        assert await heard(bot) == ["Hello.", "Figs are nice."]
        assert "zebrafish" not in await prompt_of(bot)
        assert "Figs are nice" in (await bot.agent()).core.block("human").value
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        await delete(bot, "2")
        assert await forgotten(bot, tmp_path, "figs") == []


async def test_a_reply_that_waits_goes_with_the_message_it_answers(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    platform.on_send.append(Fault(PlatformUnavailable("down", may_be_posted=False)))
    async with ScriptedServer(lambda _: says("A zebrafish!")) as server:
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            await say(bot, "What swims?", "1")
            assert platform.sent == []
            await delete(bot, "1")
            bot.clock.advance(hours=1)
            await say(bot, "Hello", "2")
            await bot.app.outbox.settled(direct("ada").address)
            assert len(platform.sent) == 1


async def test_a_command_that_edits_memory_meanwhile_begins_again(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Quagga is my zebrafish.", "1")
        await asyncio.gather(*(bot.command(f"remember Fact {number}") for number in range(5)), delete(bot, "1"))
        value = (await bot.agent()).core.block("human").value
        assert "Quagga" not in value
        assert all(f"Fact {number}" in value for number in range(5))
        assert (await bot.app.shelves.agents.find("console:dm:ada")).blocks[1][1] == value  # type: ignore[union-attr]


@pytest.mark.parametrize("typed", ["retry", "pop"])
async def test_a_turn_whose_message_is_gone_cannot_begin_again(tmp_path: Path, typed: str) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Quagga is my zebrafish.", "1")
        await delete(bot, "1")
        await bot.in_chat(typed)
        assert "Quagga" not in await prompt_of(bot)
