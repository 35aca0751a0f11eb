"""Pictures of the fake Slack show what stands in the blocks."""

import re
from xml.etree import ElementTree

from tests.platforms.slack.echo_bot import Bot
from tests.platforms.slack.picture import picture, picture_of_view
from tests.platforms.slack.world import World


def seen(drawn: str) -> list[tuple[str, str]]:
    """Where each text begins, and what it says."""
    texts = ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", drawn)).iter("text")
    return [(it.attrib["x"], "".join(it.itertext())) for it in texts if it.get("text-anchor") is None]


async def test_a_thread_is_drawn_below_its_first_message(world: World, bot: Bot) -> None:
    bot.silent = True
    first = await world.says(world.ada, world.general, "which book & when?", mentions=[world.bot])
    await world.says(world.bob, world.general, "later")
    place = {"channel": world.general.id}
    answer = "**Middlemarch**, on [Friday](https://example.com)"
    blocks = [{"type": "markdown", "text": answer}]
    await bot.client.chat_postMessage(**place, thread_ts=first.ts, text="Middlemarch", blocks=blocks)
    await bot.client.chat_postEphemeral(**place, user=world.ada.id, text="*Only* you")

    assert seen(picture(world.state, world.general, world.bob, "#general")) == [
        ("24", "#general"),
        ("72", "Ada"),
        ("72", "@Memo which book & when?"),
        ("116", "Memo · bot"),
        ("116", "Middlemarch, on Friday"),
        ("72", "Bob"),
        ("72", "later"),
    ]
    assert ("72", "Only you") in seen(picture(world.state, world.general, world.ada, "#general"))


async def test_the_home_is_drawn(world: World, bot: Bot) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Forget"}, "action_id": "forget"}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "What I know"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Dog:* Biscuit"}, "accessory": button},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "Since Friday"}]},
    ]
    await bot.client.views_publish(user_id=world.ada.id, view={"type": "home", "blocks": blocks})

    drawn = seen(picture_of_view(world.state, world.home(world.ada), "Home"))
    assert [text for _, text in drawn] == ["Home", "What I know", "Dog: Biscuit", "[Forget]", "Since Friday"]
