"""What people see of a channel, as text.

Ada: @Memo hello
Memo: Hello! (edited)
    📎 notes.txt, 12 bytes
    [Yes] [No]
    :thumbsup: Ada, Bob
    Bob ↳ What about me?
Memo (only Bob sees this): All is well.
"""

import re
from collections.abc import Iterator

from tests.platforms.slack.errors import Json
from tests.platforms.slack.payloads import unescaped
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Message, User, View

_INDENT = "    "


def transcript(state: State, channel: Channel, viewer: User | None = None) -> str:
    """All messages of a channel in order, with their threads; with a `viewer`, without what only others see."""
    shown = [it for _, it in sorted(channel.messages.items()) if viewer is None or it.visible_to in (None, viewer)]
    return "\n".join(line for it in shown if not _is_inside(it) for line in _with_thread(state, it, shown))


def _is_inside(it: Message) -> bool:
    return it.is_reply and it.thread_ts in it.channel.messages and not it.is_broadcast


def _with_thread(state: State, message: Message, shown: list[Message]) -> Iterator[str]:
    yield from _lines(state, message)
    for it in shown:
        if it.is_reply and it.thread_ts == message.ts:
            first, *more = _lines(state, it, " ↳")
            yield _INDENT + first
            yield from (f"{_INDENT}{line}" for line in more)


def _lines(state: State, message: Message, sign: str = "") -> Iterator[str]:
    head = message.author.name + sign
    if message.visible_to is not None:
        head += f" (only {message.visible_to.name} sees this)"
    elif message.is_reply and not sign:
        head += " (also in the channel)"
    first, *more = [*_shown(state, message), ""][:-1] or [""]
    edited = " (edited)" if message.edited_ts and not message.is_deleted else ""
    yield f"{head}: {first}".rstrip() + (edited if not more else "")
    for number, line in enumerate(more, start=1):
        yield (_INDENT + line if line else "") + (edited if number == len(more) else "")
    for file in message.files:
        yield f"{_INDENT}📎 {file.name}, {len(file.content)} bytes"
    for preview in message.unfurled:
        yield f"{_INDENT}│ {preview['title']}"
    for emoji, people in message.reactions.items():
        yield f"{_INDENT}:{emoji}: {', '.join(who.name for who in people)}"


def _shown(state: State, message: Message) -> Iterator[str]:
    """Where there are blocks people see these, and the text in notifications only."""
    if message.blocks:
        yield from blocks_of(state, message.blocks)
    else:
        yield from named(state, message.text).splitlines()


def view_lines(state: State, view: View) -> Iterator[str]:
    """A form between its title and its buttons, or the Home."""
    if not view.is_home:
        yield f"── {view.body['title']['text']} ──"
    yield from blocks_of(state, view.body["blocks"])
    buttons = [view.body[name]["text"] for name in ("close", "submit") if view.body.get(name)]
    if buttons:
        yield " ".join(f"[{text}]" for text in buttons)


def blocks_of(state: State, blocks: list[Json]) -> Iterator[str]:
    """Blocks as lines: texts as they are, a button as [Yes], a field as <Name>."""
    for it in blocks:
        match it["type"]:
            case "divider":
                yield "───"
            case "markdown":
                yield from named(state, it["text"]).splitlines()
            case "header" | "section":
                texts = [it[name] for name in ("text",) if it.get(name)] + it.get("fields", [])
                for text in texts:
                    yield from named(state, text["text"]).splitlines()
                if "accessory" in it:
                    yield control(it["accessory"])
            case "context":
                yield " ".join(named(state, part.get("text", "🖼")) for part in it["elements"])
            case "actions":
                yield " ".join(map(control, it["elements"]))
            case "input":
                yield f"{it['label']['text']}: {control(it['element'])}"
            case other:
                yield f"({other})"


def control(it: Json) -> str:
    """A button as [Yes], anything else by what it says of itself."""
    if it["type"] == "button":
        return f"[{it['text']['text']}]"
    return f"<{it.get('initial_value') or (it.get('placeholder') or {}).get('text') or it.get('action_id', '')}>"


def named(state: State, text: str) -> str:
    """A text with names instead of the ids of people and channels."""

    def name(match: re.Match[str]) -> str:
        if match[1] == "#":
            channel = state.channels.get(match[2])
            return f"#{channel.name}" if channel else "#unknown"
        who = state.users.get(match[2])
        return f"@{who.name}" if who else "@unknown"

    return unescaped(re.sub(r"<([@#])(\w+)(?:\|[^>]*)?>", name, text))
