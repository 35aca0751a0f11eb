"""What somebody sees of a channel, drawn as SVG."""

import re
from collections.abc import Iterator

from tests.platforms.discord.state import State
from tests.platforms.discord.things import LOADING, Asked, Channel, Message, Says, User
from tests.platforms.discord.transcript import controls_of, files_of, named
from tests.platforms.drawing import FACES, SIZE, SMALL, TOP, Row, entry, sheet, wrapped


def picture(state: State, channel: Channel, viewer: User, title: str) -> str:
    """The messages of a channel that a person sees, in order."""
    shown = [it for _, it in sorted(channel.messages.items()) if it.visible_to in (None, viewer)]
    faces = {who: FACES[at % len(FACES)] for at, who in enumerate(state.users.values())}
    parts: list[str] = []
    y = TOP
    for message in shown:
        who, is_private = message.author, message.visible_to is not None
        y = entry(parts, list(_rows(state, message)), who.name, faces[who], y + 20, is_private=is_private)
    return sheet(title, parts, y)


def _rows(state: State, message: Message) -> Iterator[Row]:
    asked = message.answers
    if asked is not None and message is asked.original and asked.asked is Asked.COMMAND:
        yield Row("quiet", f"{asked.person.name} used {asked.name}", SMALL)
    elif message.reply_to is not None:
        replied = named(state, message.reply_to.content).splitlines() or [""]
        plain = re.sub(r"\*\*|`", "", replied[0])
        yield Row("quiet", f"↩ {message.reply_to.author.name}: {_short(plain)}", SMALL)
    kind = " · bot" if message.author.is_bot else ""
    only = f" · only {message.visible_to.name} sees this" if message.visible_to is not None else ""
    yield Row("name", f"{message.author.name}{kind}{only}")
    text = "… is thinking" if message.flags & LOADING else named(state, message.content)
    if message.says is Says.THREAD_CREATED:
        text = f"started a thread: {message.content}"
    yield from _body(text)
    for line in [*files_of(message), *controls_of(state, message.components)]:
        yield Row("quiet", line)
    if message.reactions:
        yield Row("quiet", "   ".join(f"{emoji} {len(people)}" for emoji, people in message.reactions.items()))
    if message.thread is not None:
        yield Row("quiet", f"# {message.thread.name}", SMALL)


def _body(text: str) -> Iterator[Row]:
    is_code = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif is_code:
            yield Row("code", line, SMALL)
        elif line.startswith("-# "):
            yield from (Row("quiet", each, SMALL) for each in wrapped(line[3:], SMALL))
        elif line.strip():
            yield from (Row("text", each) for each in wrapped(line, SIZE))


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
