"""What people see of a channel, as text.

Ada: @Memo hello
Memo ↩ Ada: Hello! (edited)
    📎 notes.txt, 12 bytes
    [Yes] [No]
    👍 Ada, Bob
Bob used /agent status
Memo (only Bob sees this): All is well.
"""

import re
from collections.abc import Iterator

from tests.platforms.discord import checks
from tests.platforms.discord.errors import Json
from tests.platforms.discord.state import State
from tests.platforms.discord.things import LOADING, Asked, Channel, Message, Says, User

SELECT, SECTION, SEPARATOR = 3, 9, 14
_INDENT = "    "
_BY_DISCORD = {
    Says.RENAMED: "named this",
    Says.JOINED: "has come",
    Says.THREAD_CREATED: "started a thread:",
}


def transcript(state: State, channel: Channel, viewer: User | None = None) -> str:
    """All messages of a channel in order; with a `viewer`, without what only others see."""
    shown = [it for _, it in sorted(channel.messages.items()) if viewer is None or it.visible_to in (None, viewer)]
    return "\n".join(line for message in shown for line in _lines(state, message))


def _lines(state: State, message: Message) -> Iterator[str]:
    if message.says is Says.THREAD_STARTER:
        return  # people see the message itself there
    if message.says in _BY_DISCORD:
        yield f"{message.author.name} {_BY_DISCORD[message.says]} {message.content}".rstrip()
        return
    if message.answers is not None and message is message.answers.original and message.answers.asked is Asked.COMMAND:
        yield f"{message.answers.person.name} used {message.answers.name}"
    first, *more = [*_text(state, message).splitlines()] or [""]
    yield f"{_head(message)}: {first}".rstrip()
    for line in [*more, *_embeds(state, message), *files_of(message), *controls_of(state, message.components)]:
        yield _INDENT + line if line else ""
    for emoji, people in message.reactions.items():
        yield f"{_INDENT}{emoji} {', '.join(who.name for who in people)}"
    if message.thread is not None and not message.thread.is_deleted:
        yield f"{_INDENT}# {message.thread.name}"


def _head(message: Message) -> str:
    head = message.author.name
    if message.reply_to is not None:
        head += f" ↩ {message.reply_to.author.name}"
    if message.visible_to is not None:
        head += f" (only {message.visible_to.name} sees this)"
    return head


def _text(state: State, message: Message) -> str:
    if message.flags & LOADING:
        return "… is thinking"
    return named(state, message.content) + (" (edited)" if message.edited_at else "")


def named(state: State, text: str) -> str:
    """A text with names instead of the ids of people and channels."""

    def name(match: re.Match[str]) -> str:
        if match[1] == "#":
            channel = state.channels.get(int(match[2]))
            return f"#{channel.name}" if channel else "#unknown"
        who = state.users.get(int(match[2]))
        return f"@{who.name}" if who else "@unknown"

    return re.sub(r"<([@#])!?(\d+)>", name, text)


def _embeds(state: State, message: Message) -> Iterator[str]:
    for embed in message.embeds:
        texts = [embed.get("title"), embed.get("description")]
        texts += [f"{field['name']}: {field['value']}" for field in embed.get("fields", [])]
        texts.append(embed.get("footer", {}).get("text"))
        for text in filter(None, texts):
            yield from (f"│ {line}" for line in named(state, text).splitlines())


def files_of(message: Message) -> Iterator[str]:
    """A line for each file of a message."""
    for file in message.attachments:
        yield f"📎 {file.filename}, {len(file.content)} bytes"


def controls_of(state: State, components: list[Json]) -> Iterator[str]:
    """Buttons, lists and texts of a message, as lines."""
    for it in components:
        if it["type"] == checks.ROW:
            yield " ".join(_control(control) for control in it["components"])
        elif it["type"] == checks.TEXT_DISPLAY:
            yield from named(state, it["content"]).splitlines()
        elif it["type"] == SEPARATOR:
            yield "───"
        else:
            yield from controls_of(state, it.get("components", []))
            if it["type"] == SECTION:
                yield _control(it["accessory"])


def _control(it: Json) -> str:
    """A button as [Yes], one that cannot be pressed as (Yes), a list to choose from as <Which?>."""
    if it["type"] != checks.BUTTON:
        return f"<{it.get('placeholder') or it['custom_id']}>"
    label = it.get("label") or (it.get("emoji") or {}).get("name") or ""
    return f"({label})" if it.get("disabled") else f"[{label}]"
