"""Messages and places of the fake Slack are what an unmodified slack-bolt takes them for."""

import pytest
from slack_sdk.errors import SlackApiError

from tests.platforms.slack.echo_bot import Bot
from tests.platforms.slack.world import World


async def test_a_mention_is_told_of_twice_and_answered(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])

    await world.hears(world.general, after=asked)
    await world.until(lambda: bot.heard("message"))

    assert world.transcript(world.general) == "Ada: @Memo hello\nMemo: echo: @Memo hello"
    (twin,), (message,) = bot.heard("app_mention"), bot.heard("message")
    assert twin["ts"] == message["ts"] == asked.ts
    assert (message["channel_type"], "channel_type" in twin) == ("channel", False)


async def test_a_direct_message_reaches_the_bot(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.dm(world.ada), "a < b & c")
    await world.hears(world.dm(world.ada), after=asked)

    (message,) = bot.heard("message")
    assert (message["text"], message["user"], message["channel_type"]) == ("a &lt; b &amp; c", world.ada.id, "im")
    assert world.transcript(world.dm(world.ada)) == "Ada: a < b & c\nMemo: echo: a < b & c"


async def test_an_error_is_a_word(world: World, bot: Bot) -> None:
    with pytest.raises(SlackApiError) as caught:
        await bot.client.chat_postMessage(channel="C0NOWHERE", text="hello")

    assert caught.value.response["error"] == "channel_not_found"
