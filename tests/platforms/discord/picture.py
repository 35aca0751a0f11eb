"""What somebody sees of a channel, drawn as SVG: our own plain look, and nobody's fonts, colours or signs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.platforms.discord.state import State
from tests.platforms.discord.things import LOADING, Asked, Channel, Message, Says, User
from tests.platforms.discord.transcript import controls_of, files_of, named

WIDTH, MARGIN, COLUMN = 760, 24, 72
SIZE, SMALL = 14, 12
WIDE = 0.56
"""Of its height a letter is so wide, on the average."""

FACES = ("#3f7cac", "#b0563b", "#5b8a3c", "#8a5a9e", "#a07d1c")
STYLE = """
text { font-family: Verdana, "DejaVu Sans", "Noto Sans", sans-serif; fill: #22272e; white-space: pre; }
.quiet { fill: #6b7280; }
.bold { font-weight: bold; }
.code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #7a3e1d; }
""".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of text; `kind` says how it looks."""

    kind: str
    text: str
    size: int = SIZE


def picture(state: State, channel: Channel, viewer: User, title: str) -> str:
    """The messages of a channel that a person sees, in order."""
    shown = [it for _, it in sorted(channel.messages.items()) if it.visible_to in (None, viewer)]
    faces = {who: FACES[at % len(FACES)] for at, who in enumerate(state.users.values())}
    parts: list[str] = []
    y = 56.0
    for message in shown:
        y = _draw(parts, state, message, faces, y + 20)
    height = round(y + MARGIN)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10" fill="#fcfcfa" stroke="#d6d8dc"/>\n'
        f'<line x1="0" y1="48" x2="{WIDTH}" y2="48" stroke="#d6d8dc"/>\n' + _text(MARGIN, 30, "bold", title, SIZE)
    )
    return head + "".join(parts) + "</svg>\n"


def _draw(parts: list[str], state: State, message: Message, faces: dict[User, str], y: float) -> float:
    """Draw a message whose upper edge is there; returns its lower edge."""
    rows = list(_rows(state, message))
    height = sum(row.size * 1.5 for row in rows)
    if message.visible_to is not None:
        parts.append(
            f'<rect x="10" y="{y - 10:g}" width="{WIDTH - 20}" height="{height + 16:g}" rx="6" fill="#eef2f7"/>\n'
        )
    face_y = y + (SMALL * 1.5 if rows[0].kind == "quiet" else 0) + 14
    initial = escape(message.author.name[:1])
    parts.append(f'<circle cx="44" cy="{face_y:g}" r="16" fill="{faces[message.author]}"/>\n')
    parts.append(
        f'<text x="44" y="{face_y + 5:g}" font-size="15" text-anchor="middle" style="fill: #fff">{initial}</text>\n'
    )
    for row in rows:
        y += row.size * 1.5
        parts.append(_text(COLUMN, y - row.size * 0.4, row.kind, row.text, row.size))
    return y


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
            yield from (Row("quiet", each, SMALL) for each in _wrapped(line[3:], SMALL))
        elif line.strip():
            yield from (Row("text", each) for each in _wrapped(line, SIZE))


def _wrapped(line: str, size: int) -> Iterator[str]:
    """The line in pieces that fit; what is marked stays marked on both sides of a break."""
    most = int((WIDTH - COLUMN - MARGIN) / (size * WIDE))
    start = ""
    for word in line.split(" "):
        if start and len(start) + 1 + len(word) > most:
            mark = next((mark for mark in ("**", "`") if start.count(mark) % 2), "")
            yield start + mark
            start = mark + word
        else:
            start = f"{start} {word}" if start else word
    yield start


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _text(x: float, y: float, kind: str, text: str, size: int) -> str:
    if kind == "name":
        name, dot, more = text.partition(" · ")
        spans = f'<tspan class="bold">{escape(name)}</tspan><tspan class="quiet" font-size="11">{escape(dot + more)}'
        return f'<text x="{x:g}" y="{y:g}" font-size="{size}">{spans}</tspan></text>\n'
    shown = escape(text) if kind == "code" else _marked(text)
    its_class = f' class="{kind}"' if kind != "text" else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}"{its_class}>{shown}</text>\n'


def _marked(text: str) -> str:
    """Bold and code, as people see them."""

    def span(found: re.Match[str]) -> str:
        return f'<tspan class="{"bold" if found[1] else "code"}">{found[1] or found[2]}</tspan>'

    return re.sub(r"\*\*(.+?)\*\*|`(.+?)`", span, escape(text))
