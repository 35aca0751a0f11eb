"""What is joined to a message that waits is answered with it, whenever it comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.ports import Address, InboundMessage
from adapters.testing import ScriptedServer, says
from bot.testing import Bot, RecordingPlatform, direct, open_bot, texts
from memory.ports import Kind


@dataclass
class SlowToShowWork(RecordingPlatform):
    """A platform where people go on writing while it is told that an answer is on its way."""

    bot: list[Bot] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def working(self, address: Address) -> AsyncIterator[None]:
        while self.unsaid:
            await say(self.bot[0], self.unsaid.pop(0))
        yield


async def say(bot: Bot, text: str) -> None:
    await bot.app.receiver.receive(InboundMessage(text, direct("ada"), text, bot.clock()))


async def test_a_message_that_is_joined_to_one_whose_turn_is_about_to_begin_is_answered_with_it(tmp_path: Path) -> None:
    platform = SlowToShowWork(unsaid=["two", "three"])
    async with ScriptedServer(lambda _: says("Yes.")) as server:
        given = {"llm_model": "m", "openai_base_url": server.url, "bot_max_waiting_messages": 1}
        async with open_bot(tmp_path, platform=platform, **given) as bot:
            platform.bot.append(bot)
            await say(bot, "one")
            await bot.app.lanes.idle()
            kept = await bot.app.shelves.recall.queue((await bot.agent()).id)
    assert [message.text for message in kept if message.kind is Kind.USER_MESSAGE] == ["one\n\ntwo\n\nthree"]
    assert "three" in texts(server.requests[0]["messages"], "user")[-1]
