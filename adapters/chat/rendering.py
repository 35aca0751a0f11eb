"""Markdown in parts within a platform's limit (pure).

A part ends at the best place near the limit: before a heading, between paragraphs, after a list item, a line, a
sentence, a word. What a reader wants whole (a link, code, a table, bold words) is cut only if it is longer than a part;
it is then closed at the end of the one and opened again in the next. What is one character to a reader stays one.

    ```python                  ```python        ```python
    one()                 →    one()       +    two()
    two()                      ```              ```
    ```
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

from wcwidth import iter_graphemes

from adapters.chat.markdown import CodeBlock, Kind, Line, Structure, Whole, begins_block, structure_of

DISCORD_LIMIT = 2000
"""Characters of a message, as Python counts them: Discord's API does, too.

https://github.com/discord/discord-api-docs/issues/1315: "the API calculates length based on the number of codepoints".
"""

SLACK_LIMIT = 11_500
"""Characters of a message; Slack takes 12,000 in a `markdown` block, and something goes around it."""

MOST_PARTS = 5
"""Of an answer; code that takes more is a file."""


def parts_of(text: str, limit: int) -> tuple[str, ...]:
    """Cut a text; none of the parts is longer than the limit or blank, and nothing but white space is lost."""
    return tuple(_Parts(_tidy(text), limit))


@dataclass(frozen=True, slots=True)
class CodeFile:
    """Code that is sent as a file, and what was said around it; `introduction` may be empty."""

    introduction: str
    name: str
    content: str


def is_one_code_block(text: str) -> bool:
    """Whether a text is one fenced block and little else."""
    return _one_block(_tidy(text)) is not None


def as_file(text: str, limit: int, most_parts: int = MOST_PARTS) -> CodeFile | None:
    """The answer as a file, if it is one block of code that would fill more parts than anybody reads."""
    text = _tidy(text)
    block = _one_block(text)
    if block is None or len(text) <= limit or len(parts_of(text, limit)) <= most_parts:
        return None
    around = (text[: block.whole.start].strip(), text[block.whole.end :].strip())
    introduction = "\n\n".join(words for words in around if words)
    if len(introduction) > limit:
        return None
    ending = _ENDINGS.get(block.language.lower(), block.language.lower())
    ending = ending if re.fullmatch(r"[a-z0-9]{1,10}", ending) else "txt"
    return CodeFile(introduction, f"answer.{ending}", _code(text, block))


_ENDINGS = {
    "bash": "sh",
    "c#": "cs",
    "c++": "cpp",
    "console": "txt",
    "csharp": "cs",
    "elixir": "ex",
    "erlang": "erl",
    "f#": "fs",
    "fsharp": "fs",
    "golang": "go",
    "haskell": "hs",
    "javascript": "js",
    "jsonc": "json",
    "julia": "jl",
    "kotlin": "kt",
    "latex": "tex",
    "markdown": "md",
    "matlab": "m",
    "objective-c": "m",
    "ocaml": "ml",
    "perl": "pl",
    "plaintext": "txt",
    "powershell": "ps1",
    "python": "py",
    "python3": "py",
    "ruby": "rb",
    "rust": "rs",
    "shell": "sh",
    "terraform": "tf",
    "text": "txt",
    "typescript": "ts",
    "yml": "yaml",
    "zsh": "sh",
}
"""What a language's files end with; of others, their name in the fence is the ending: `css`, `html`, `sql`."""


def _one_block(text: str) -> CodeBlock | None:
    """The only fenced block of a text, if nine tenths of the text or more is its."""
    code = structure_of(text).code
    if len(code) != 1 or (code[0].whole.end - code[0].whole.start) * 10 < len(text) * 9:
        return None
    return code[0]


def _code(text: str, block: CodeBlock) -> str:
    """The code without the marks of a quote, and without the white space before every line of it."""
    lines = text[block.code_start : block.code_end].split("\n")
    if depth := block.whole.opening.split("`")[0].split("~")[0].count(">"):
        marks = re.compile(rf"(?:[ \t]*>){{{depth}}} ?")
        lines = [marks.sub("", line, count=1) for line in lines]
    return f"{dedent(chr(10).join(lines))}\n"


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text)


# ── where to cut ─────────────────────────────────────────────────────────────────────────────────────

# How good a place is; the lower the better.
_HEADING, _PARAGRAPH, _BLOCK, _LINE, _SENTENCE, _WORD, _EDGE, _TORN = range(8)

_SPACE_OR_POINT = re.compile(r"\s+|(?<=[。！？，、；])(?=[^\s。！？，、；」』”）])")
_SENTENCE_END = re.compile(r"(?:(?<![A-Z])\.|[!?…。！？؟۔।])[\"'”’»)\]*_~|」』]*\Z")
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part ends before `end`, and with `closing`; the next one begins with `opening`, and at `following`."""

    end: int
    following: int
    closing: str = ""
    opening: str = ""


class _Parts:
    """Walks through a text once, and knows what is open around the place where it stands."""

    def __init__(self, text: str, limit: int) -> None:
        self._text = text
        self._limit = limit
        self._structure: Structure = structure_of(text)
        self._starts = [line.start for line in self._structure.lines]
        self._after_blank = self._next_words()
        self._seen = 0  # of the wholes, those that begin before the window's end
        self._near: list[Whole] = []  # of these, those that do not end before the window's start

    def __iter__(self) -> Iterator[str]:
        position, opening = 0, ""
        while position < len(self._text):
            cut = self._next_cut(position, len(opening))
            if body := self._text[position : cut.end].rstrip():
                yield opening + body + cut.closing
            position, opening = cut.following, cut.opening

    def _next_cut(self, position: int, used: int) -> _Cut:
        room, size = self._limit - used, len(self._text)
        highest = min(position + room, size)
        self._look_at(position, highest)
        if highest == size:
            cut = self._cut(self._around(size), size, size)
            if size - position + len(cut.closing) <= room:
                return cut
        borders = _grapheme_borders(self._text[position : highest + 1], position)
        best: _Cut | None = None
        best_key = (99, 0, 0)
        for end, following, rank, around in self._places(position, highest):
            if borders is not None and not (end in borders and self._begins_a_character(following)):
                continue
            key = self._key(end - position, rank)
            if key < best_key:
                cut = self._cut(around, end, following)
                if end - position + len(cut.closing) <= room:
                    best, best_key = cut, key
        return best or self._torn(position, highest, room, borders)

    def _next_words(self) -> list[int]:
        """For each line, and for the end of the text, where the next line begins that is not blank."""
        following = [len(self._text)]
        for line in reversed(self._structure.lines):
            following.append(following[-1] if line.kind is Kind.BLANK else line.start)
        return following[::-1]

    def _key(self, length: int, rank: int) -> tuple[int, int, int]:
        """Paragraphs and sentences are to fill half a part, else a little of it; then come words, then any place."""
        is_filled = length * 7 >= self._limit
        if rank <= _SENTENCE and length * 2 >= self._limit:
            return 0, rank, -length
        if rank <= _SENTENCE and is_filled:
            return 1, 0, -length
        if rank <= _WORD:
            return (2 if is_filled else 3), 0, -length
        return 4 + rank, 0, -length

    def _look_at(self, position: int, highest: int) -> None:
        wholes = self._structure.wholes
        while self._seen < len(wholes) and wholes[self._seen].start <= highest:
            self._near.append(wholes[self._seen])
            self._seen += 1
        self._near = [whole for whole in self._near if whole.end > position]

    def _places(self, position: int, highest: int) -> Iterator[tuple[int, int, int, list[Whole]]]:
        """End, beginning of the next part, rank and what is cut there, of each place in order."""
        around: list[tuple[Whole, bool]] = []
        begun = 0
        for end, following in self._borders(position, highest):
            while begun < len(self._near) and self._near[begun].start < end:
                whole = self._near[begun]
                around = [(other, fits) for other, fits in around if other.end > whole.start]
                around.append((whole, whole.start >= position and self._fits(whole, [other for other, _ in around])))
                begun += 1
            around = [(other, fits) for other, fits in around if other.end > end]
            if any(fits or not (other.inner_start < end and following < other.inner_end) for other, fits in around):
                continue
            rank = self._rank(end, following)
            if rank is None:
                continue
            inside = [other for other, _ in around]
            is_bare = any(not other.opening and not other.is_row and not other.is_table for other in inside)
            yield end, following, (_TORN if is_bare else rank), inside

    def _borders(self, position: int, highest: int) -> list[tuple[int, int]]:
        """White space, the points of Chinese and Japanese, and both ends of all that should stay whole."""
        text = self._text
        found = set()
        for match in _SPACE_OR_POINT.finditer(text, position, min(highest + 1, len(text))):
            if position < match.start() <= highest:
                found.add((match.start(), self._after_space(match.start())))
        for whole in self._near:
            for edge in (whole.start, whole.end):
                if position < edge <= highest and edge < len(text) and not f"{text[edge - 1]}{text[edge]}".isspace():
                    found.add((edge, self._after_space(edge)))
        return sorted(found)

    def _after_space(self, at: int) -> int:
        """Where the next part would begin: at the next word, or at the beginning of its line, marks and all."""
        found = _NOT_SPACE.search(self._text, at)
        if not found:
            return len(self._text)
        line = self._line_at(found.start())
        if line.start <= at:
            return found.start()
        if line.kind is Kind.BLANK:  # marks of a quote with nothing in it
            return self._after_blank[bisect_right(self._starts, line.start)]
        indent = found.start() - line.start
        # Slack would take a part that begins with four spaces for code; Discord takes away the spaces anyway.
        is_kept = indent < 4 or (line.kind is Kind.CODE and indent <= self._limit // 4)
        return line.start if is_kept else found.start()

    def _line_at(self, position: int) -> Line:
        return self._structure.lines[bisect_right(self._starts, position) - 1]

    def _rank(self, end: int, following: int) -> int | None:
        """How good it is to cut here; None within the marks that begin a line."""
        text = self._text
        before = self._line_at(end - 1)
        if following >= len(text):
            return _WORD
        after = self._line_at(following)
        if after.start == before.start:
            if following <= after.content:
                return None
            if following == end and text[end - 1] not in "。！？，、；":
                return _EDGE
            if begins_block(text, following):
                return _TORN  # "a > b" would become a quote
            is_sentence = after.kind is not Kind.CODE and not text[following].islower()
            return _SENTENCE if is_sentence and _SENTENCE_END.search(text, max(0, end - 8), end) else _WORD
        if before.kind is Kind.BLANK or end <= before.content:
            return None
        lines = text.count("\n", end, following)
        if after.kind is Kind.CODE and before.kind is Kind.CODE and after.content == after.start + len(after.quote):
            return _LINE if lines > 1 else _SENTENCE
        if before.kind is Kind.HEADING:
            return _TORN  # a heading stays with what it heads
        if text[end - 1] == ":":
            return _SENTENCE  # and words with what they announce
        if after.kind is Kind.HEADING:
            return _HEADING
        if after.kind is Kind.ITEM:
            return _BLOCK
        if lines > 1:
            return _PARAGRAPH
        return _BLOCK if after.kind is not before.kind else _LINE

    # ── what is open at a cut ────────────────────────────────────────────────────────────────────────

    def _around(self, end: int) -> list[Whole]:
        return [whole for whole in self._near if whole.start < end < whole.end]

    def _fits(self, whole: Whole, around: list[Whole]) -> bool:
        """Whether it fits in a part, with all that must be opened before it and closed after."""
        start = whole.start
        for outer in reversed(around):
            start = outer.start if outer.inner_start >= start else start
        line = self._line_at(start)
        start = line.start if start <= line.content else start  # nothing is cut behind the marks of a line
        before = self._cut([outer for outer in around if outer.start < start], start, start)
        after = self._cut(around, whole.end, whole.end)
        return len(before.opening) + whole.end - before.following + len(after.closing) <= self._limit

    def _cut(self, around: list[Whole], end: int, following: int) -> _Cut:
        """What closes a part that ends inside all these, and opens the next one; nothing if that takes too much."""
        blocks = [whole for whole in around if whole.is_table or whole.opening.endswith("\n")]
        spans = [whole for whole in around if whole not in blocks]
        closing = "".join(whole.closing for whole in (*reversed(spans), *blocks))
        opening, start = "", following
        if following < len(self._text):
            line = self._line_at(following)
            opening = "".join(
                self._header(block, line, following) if block.is_table else block.opening
                for block in blocks
                if following < block.end
            )
            reopened = "".join(span.opening for span in spans if following < span.end)
            if following > line.start:
                opening += line.quote if line.quote.endswith(" ") or not line.quote else f"{line.quote} "
            elif reopened:  # the marks of a line come before those of its words
                opening, start = opening + self._text[line.start : line.content], line.content
            opening += reopened
        if len(closing) + len(opening) > self._limit // 2:
            return _Cut(end, following)
        return _Cut(end, start, closing, opening)

    def _header(self, table: Whole, line: Line, following: int) -> str:
        """A table's first two lines, before a whole row that fits under them."""
        if line.start != following or len(table.opening) + line.end - line.start > self._limit:
            return ""
        return table.opening

    # ── when there is no good place ──────────────────────────────────────────────────────────────────

    def _torn(self, position: int, highest: int, room: int, borders: set[int] | None) -> _Cut:
        """Between two characters, inside a word, or inside a character that is longer than a part."""
        text, end = self._text, highest
        while end > position:
            if (borders is not None and end not in borders) or begins_block(text, end):
                end -= 1
                continue
            around = self._around(end)
            if all(whole.inner_start < end < whole.inner_end for whole in around if whole.closing):
                cut = self._cut(around, end, end)
                if end - position + len(cut.closing) <= room:
                    return cut
            end -= 1
        return _Cut(highest, highest)

    def _begins_a_character(self, at: int) -> bool:
        """Whether what stands here is a character of its own, and no accent on the white space before."""
        if at >= len(self._text) or at == 0 or self._text[at] < "\u0300" or self._text[at - 1] == "\n":
            return True
        return len(next(iter_graphemes(self._text[at - 1 : at + 1]))) == 1


def _grapheme_borders(window: str, offset: int) -> set[int] | None:
    """The places between characters as readers see them; None if that is everywhere."""
    if window.isascii():
        return None
    borders, at = set(), offset
    for cluster in iter_graphemes(window):
        at += len(cluster)
        borders.add(at)
    return borders
