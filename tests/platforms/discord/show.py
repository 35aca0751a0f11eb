"""A short play for the documentation: what the people of the book club see of the bot.

The bot is whoever serves the world; its model is `think`, which says its part and nothing else.
"""

import json
from dataclasses import dataclass

from adapters.testing import Reply, Request, answer, fails, says
from tests.platforms.discord.things import Channel, Intent, Message, User
from tests.platforms.discord.world import World

Call = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A place as one of its people sees it at the end."""

    name: str
    title: str
    channel: Channel
    viewer: User


# ── the model's part ─────────────────────────────────────────────────────────────────────────────────


def _note(content: str, label: str) -> list[Call]:
    return [("core_memory_append", {"label": label, "content": content, "request_heartbeat": True})]


def _say(message: str) -> list[Call]:
    return [("send_message", {"message": message, "request_heartbeat": False})]


HELLO = "Hello! I am Ada. I live in Lisbon with my dog Biscuit, who is afraid of thunder."
STORM = "A storm is coming tonight. Anything I should think of?"
WHICH = "which book was it, and when do we meet?"
GOING = "I shall bring the cake!"
THERE = "are you there?"

_PART: dict[str, list[list[Call]]] = {
    HELLO: [
        _note("Ada lives in Lisbon. Her dog Biscuit is afraid of thunder.", "human"),
        _say("Nice to meet you, Ada, and Biscuit too! I will keep in mind what thunder does to him."),
    ],
    STORM: [_say("Biscuit: thunder frightens him. Close the shutters early, and keep him company.")],
    WHICH: [_say("**Middlemarch**, and you meet on Friday at eight, at Bob's.")],
    THERE: [_say("I am. Of what is written here I am shown what mentions me, and answers to what I said.")],
    GOING: [
        [
            ("react", {"emoji": "🎂", "request_heartbeat": False}),
            ("send_message", {"message": "Then there will be cake on Friday.", "request_heartbeat": False}),
        ]
    ],
}


def think(request: Request) -> Reply:
    """The model's next answer: by what was said last, and how often it was asked since."""
    messages = request["messages"]
    at = max(number for number, message in enumerate(messages) if message["role"] == "user")
    steps = sum(message["role"] == "assistant" for message in messages[at:])
    try:
        said = str(json.loads(messages[at]["content"])["message"])
    except (ValueError, KeyError):  # somebody who only looks whether it is there
        return says("Hello.")
    part = next((part for line, part in _PART.items() if said.endswith(line)), [])
    return answer(None, *part[steps]) if steps < len(part) else fails(400, "this is no part of the play")


# ── the people's part ────────────────────────────────────────────────────────────────────────────────


async def play(world: World) -> tuple[Scene, ...]:
    """Let people write, in front of a bot that is there; returns what is to be seen."""
    direct, general = world.dm(world.ada), world.general
    for line in (HELLO, STORM):
        asked = await world.says(world.ada, direct, line)
        await world.hears(direct, after=asked)

    await world.answered(await world.slash(world.ada, general, "agent admin mode", mode="listen"))
    announced = await world.hears(general, holds=_is_for_all)
    await world.says(world.bob, general, "The next book is Middlemarch. We meet on Friday at eight, at my place.")
    asked = await world.says(world.ada, general, WHICH, mentions=[world.bot])
    reply = await world.hears(general, after=announced)
    more = await world.says(world.bob, general, GOING, reply_to=reply)
    await world.hears(general, after=more)
    await world.until(lambda: more.reactions)

    notes = world.channel("notes")
    await world.answered(await world.slash(world.ada, notes, "agent remember", text="We read a book a month."))
    await world.answered(await world.slash(world.ada, notes, "agent reset", part="core memory"))
    return (
        Scene("hello", "Direct messages of Ada and Memo", direct, world.ada),
        Scene("channel", "#general of Book club, as Ada sees it", general, world.ada),
        Scene("private", "#notes of Book club, as Ada sees it; nobody else sees this", notes, world.ada),
    )


async def play_without_intent(world: World) -> tuple[Scene, ...]:
    """The same place, served by a bot that Discord refuses the Message Content intent."""
    assert not world.state.granted & Intent.MESSAGE_CONTENT
    await world.answered(await world.slash(world.ada, world.general, "agent admin mode", mode="listen"))
    asked = await world.says(world.ada, world.general, THERE, mentions=[world.bot])
    await world.hears(world.general, after=asked, holds=_is_for_all)
    title = "#general of Book club, without the Message Content intent"
    return (Scene("refused", title, world.general, world.ada),)


def _is_for_all(message: Message) -> bool:
    return message.visible_to is None
