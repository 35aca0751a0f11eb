"""What somebody sees of a channel, of the app's Home or of a form, drawn as SVG from the blocks."""

import re
import textwrap
from collections.abc import Iterable, Iterator

from tests.platforms.drawing import COLUMN, FACES, MARGIN, SIZE, SMALL, TOP, WIDTH, Row, entry, lines, sheet, wrapped
from tests.platforms.slack.errors import Json
from tests.platforms.slack.state import State
from tests.platforms.slack.things import Channel, Message, User, View
from tests.platforms.slack.transcript import control, named

INDENT = 44
"""So far to the right stand answers in threads."""

_WIDE_IN_CODE = 0.61
"""Of its height a letter of code is so wide."""

_SLANTED = re.compile(r"_(.+)_")
_STYLE = ".slanted { font-style: italic; }\n</style>"


def picture(state: State, channel: Channel, viewer: User, title: str) -> str:
    """The messages of a channel that a person sees, in order, each with its thread."""
    shown = [it for _, it in sorted(channel.messages.items()) if it.visible_to in (None, viewer)]
    faces = {who: FACES[at % len(FACES)] for at, who in enumerate(state.users.values())}
    parts: list[str] = []
    y = TOP
    for message, indent in _in_threads(shown):
        who, is_private = message.author, message.visible_to is not None
        rows = list(_rows(state, message, indent))
        y = entry(parts, rows, who.name, faces[who], y + 20, is_private=is_private, indent=indent)
    return _sheet(title, parts, y)


def picture_of_view(state: State, view: View, title: str) -> str:
    """The Home, or a form with its buttons below."""
    rows = list(_of_blocks(state, view.body["blocks"], MARGIN - COLUMN))
    buttons = [f"[{view.body[name]['text']}]" for name in ("close", "submit") if view.body.get(name)]
    rows += [Row("quiet", " ".join(buttons))] if buttons else []
    parts: list[str] = []
    return _sheet(title, parts, lines(parts, rows, MARGIN, TOP + 8))


def _sheet(title: str, parts: Iterable[str], bottom: float) -> str:
    return sheet(title, parts, bottom).replace("</style>", _STYLE, 1)


def _in_threads(shown: list[Message]) -> Iterator[tuple[Message, int]]:
    """Each message, and how far to the right it stands."""
    firsts = {it.ts for it in shown if not it.is_reply}
    for message in shown:
        if message.is_reply and message.thread_ts in firsts and not message.is_broadcast:
            continue
        yield message, 0
        yield from ((it, INDENT) for it in shown if it.is_reply and it.thread_ts == message.ts)


def _rows(state: State, message: Message, indent: int) -> Iterator[Row]:
    kind = " · bot" if message.author.is_bot else ""
    only = f" · only {message.visible_to.name} sees this" if message.visible_to is not None else ""
    yield Row("name", f"{message.author.name}{kind}{only}")
    blocks = message.blocks or [{"type": "section", "text": {"type": "mrkdwn", "text": message.text}}]
    yield from _of_blocks(state, blocks, indent)
    yield from (Row("quiet", f"📎 {file.name}, {len(file.content)} bytes") for file in message.files)
    if message.reactions:
        yield Row("quiet", "   ".join(f":{emoji}: {len(people)}" for emoji, people in message.reactions.items()))


def _of_blocks(state: State, blocks: list[Json], indent: int) -> Iterator[Row]:
    for it in blocks:
        match it["type"]:
            case "divider":
                yield Row("quiet", "─" * int((WIDTH - COLUMN - MARGIN - indent) / SIZE), SMALL)
            case "header":
                yield Row("bold", named(state, it["text"]["text"]), SIZE + 2)
            case "markdown":
                yield from _body(named(state, it["text"]), indent)
            case "section":
                for text in [*([it["text"]] if it.get("text") else []), *it.get("fields", [])]:
                    yield from _body(_marked(named(state, text["text"])), indent)
                if "accessory" in it:
                    yield Row("quiet", control(it["accessory"]))
            case "context":
                said = " ".join(named(state, part.get("text", "")) for part in it["elements"])
                yield from (Row("quiet", line, SMALL) for line in wrapped(_marked(said), SMALL, indent))
            case "actions":
                row = " ".join(control(each).replace(" ", "\u00a0") for each in it["elements"])
                yield from (Row("quiet", line) for line in wrapped(row, SIZE, indent))
            case "input":
                yield Row("text", f"**{it['label']['text']}**")
                yield Row("quiet", control(it["element"]))


def _body(text: str, indent: int) -> Iterator[Row]:
    is_code = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif is_code:
            yield from (Row("code", each, SMALL) for each in _in_code(line, indent))
        elif line.strip():
            slanted = _SLANTED.fullmatch(line.strip())
            kind, said = ("slanted", slanted[1]) if slanted else ("text", line)
            yield from (Row(kind, each) for each in wrapped(_linked(said), SIZE, indent))


def _in_code(line: str, indent: int) -> list[str]:
    """A line of code in pieces that fit, with all its white space."""
    most = int((WIDTH - COLUMN - MARGIN - indent) / (SMALL * _WIDE_IN_CODE))
    pieces = textwrap.wrap(line, most, drop_whitespace=False, replace_whitespace=False, break_on_hyphens=False)
    return pieces or [""]


def _marked(text: str) -> str:
    """Slack's own marks as those of Markdown: one star is bold there."""
    return re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"**\1**", re.sub(r"<(https?:[^|>]+)\|([^>]+)>", r"\2", text))


def _linked(line: str) -> str:
    """Of a link its words."""
    return re.sub(r"\[([^\]]+)\]\(https?:[^)]+\)", r"\1", line)
