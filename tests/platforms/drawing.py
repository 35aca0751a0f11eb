"""How the pictures of platforms look: our own plain look, and nobody's fonts, colours or signs; as SVG."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, MARGIN, COLUMN = 760, 24, 72
SIZE, SMALL = 14, 12
TOP = 56.0
"""Where the first entry begins."""
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


def sheet(title: str, parts: Iterable[str], bottom: float) -> str:
    """The whole picture, with its title above what was drawn."""
    height = round(bottom + MARGIN)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10" fill="#fcfcfa" stroke="#d6d8dc"/>\n'
        f'<line x1="0" y1="48" x2="{WIDTH}" y2="48" stroke="#d6d8dc"/>\n' + text_at(MARGIN, 30, "bold", title, SIZE)
    )
    return head + "".join(parts) + "</svg>\n"


def entry(
    parts: list[str], rows: list[Row], name: str, colour: str, y: float, *, is_private: bool, indent: int = 0
) -> float:
    """Draw what somebody said, the upper edge at `y`; returns its lower edge."""
    height = sum(row.size * 1.5 for row in rows)
    if is_private:
        parts.append(
            f'<rect x="{10 + indent}" y="{y - 10:g}" width="{WIDTH - 20 - indent}" height="{height + 16:g}" rx="6" '
            'fill="#eef2f7"/>\n'
        )
    face_y = y + (SMALL * 1.5 if rows[0].kind == "quiet" else 0) + 14
    initial = escape(name[:1])
    parts.append(f'<circle cx="{44 + indent}" cy="{face_y:g}" r="16" fill="{colour}"/>\n')
    parts.append(
        f'<text x="{44 + indent}" y="{face_y + 5:g}" font-size="15" text-anchor="middle" style="fill: #fff">'
        f"{initial}</text>\n"
    )
    return lines(parts, rows, COLUMN + indent, y)


def lines(parts: list[str], rows: Iterable[Row], x: float, y: float) -> float:
    """Draw lines one below the other; returns their lower edge."""
    for row in rows:
        y += row.size * 1.5
        parts.append(text_at(x, y - row.size * 0.4, row.kind, row.text, row.size))
    return y


def wrapped(line: str, size: int, indent: int = 0) -> Iterator[str]:
    """The line in pieces that fit; what is marked stays marked on both sides of a break."""
    most = int((WIDTH - COLUMN - MARGIN - indent) / (size * WIDE))
    start = ""
    for word in line.split(" "):
        if start and len(start) + 1 + len(word) > most:
            mark = next((mark for mark in ("**", "`") if start.count(mark) % 2), "")
            yield start + mark
            start = mark + word
        else:
            start = f"{start} {word}" if start else word
    yield start


def text_at(x: float, y: float, kind: str, text: str, size: int) -> str:
    """A line of text; of a `name` what stands behind the dot is small."""
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
