"""Markdown as chat platforms read it (pure): its lines, and all that a reader wants to see in one piece.

Read once from front to back, so the time grows with the length of the text and no faster. Not a parser of CommonMark:
Discord and Slack differ from it and from each other, and models write for both; what is unclear is taken for text.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a line is, as far as it matters where a text may be cut."""

    BLANK = auto()
    HEADING = auto()
    ITEM = auto()
    ROW = auto()
    CODE = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """A line in [start, end); its words begin at `content`, after the marks of quotes, lists and headings."""

    start: int
    end: int
    content: int
    kind: Kind
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """Something in [start, end) that is cut only if it must be: between `inner_start` and `inner_end`, both excluded.

    `closing` then ends the one part and `opening` begins the next one; a table's goes before whole rows only.
    """

    start: int
    end: int
    inner_start: int
    inner_end: int
    opening: str = ""
    closing: str = ""
    is_table: bool = False
    is_row: bool = False


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block: its language, and where its code begins and ends."""

    whole: Whole
    language: str
    code_start: int
    code_end: int


@dataclass(frozen=True, slots=True)
class Structure:
    """Lines in order; wholes in the order of their beginnings; fenced code in order."""

    lines: list[Line]
    wholes: list[Whole]
    code: list[CodeBlock]


def structure_of(text: str) -> Structure:
    r"""Read a text whose lines end with \n alone."""
    reader = _Blocks(text)
    reader.read()
    wholes = reader.wholes
    for start, end in reader.passages():
        wholes.extend(_spans(text, start, end))
    wholes.extend(_spoilers(text, reader.stretches(), wholes))
    wholes.sort(key=lambda whole: (whole.start, -whole.end))
    return Structure(reader.lines, wholes, reader.code)


def with_below(text: str, line: str) -> str:
    """A text with a line of its own below, outside of code that nobody closed."""
    told = text.replace("\r\n", "\n").rstrip()
    code = structure_of(told).code
    if code and code[-1].whole.end > len(told):
        text = f"{told}{code[-1].whole.closing}"
    return f"{text}\n\n{line}"


def begins_block(text: str, position: int) -> bool:
    """Whether words that stand within a line would be a heading, an item, a quote or a fence at its beginning."""
    return _BLOCK_MARKS.match(text, position) is not None


# ── blocks: fences, tables, and lines of text ────────────────────────────────────────────────────────

_QUOTE = re.compile(r"(?:[ \t]*+>)*+(?: (?! *+\n))?")
_LIST_MARKS = re.compile(r"(?:[ \t]*+(?:>|[-*+](?=[ \t])|\d{1,9}+[.)](?=[ \t])))*+[ \t]*+(?:\[[ xX]\][ \t]++)?")
_HEADING = re.compile(r"(?:#{1,6}|-#)[ \t]++")
_FENCE = re.compile(r"(?P<marks>`{3,}+|~{3,}+)(?P<info>[^\n]*+)")
_BLOCK_MARKS = re.compile(r"(?:#{1,6}|-#|[-*+]|\d{1,9}[.)])(?=\s)|>|```|~~~|(?:[-*_] *){3,}$", re.MULTILINE)
_DELIMITERS = re.compile(r"[ \t]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")


class _Blocks:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[Line] = []
        self.wholes: list[Whole] = []
        self.code: list[CodeBlock] = []
        self._fenced: set[int] = set()  # the lines of fences and what is inside, by number

    def read(self) -> None:
        start = 0
        while start < len(self.text):
            line = self._line(start)
            fence = _FENCE.match(self.text, line.content, line.end) if line.kind is not Kind.HEADING else None
            if fence and not (fence["marks"][0] == "`" and "`" in fence["info"]):
                self._read_fence(line, fence["marks"], fence["info"].strip())
            elif line.kind in (Kind.TEXT, Kind.ITEM) and (delimiters := self._delimiters_below(line)):
                self._read_table(line, delimiters)
            else:
                self.lines.append(line)
            start = self.lines[-1].end + 1

    def _line(self, start: int) -> Line:
        end = self.text.find("\n", start)
        end = len(self.text) if end < 0 else end
        quote = _QUOTE.match(self.text, start, end)
        after_quote = quote.end() if quote else start
        quoted = self.text[start:after_quote] if ">" in self.text[start:after_quote] else ""
        marks = _LIST_MARKS.match(self.text, start, end)
        content = marks.end() if marks else start
        if content >= end:
            has_items = self.text[after_quote:end].strip(" \t>")
            return Line(start, end, end, Kind.ITEM if has_items else Kind.BLANK, quoted)
        if heading := _HEADING.match(self.text, content, end):
            return Line(start, end, heading.end(), Kind.HEADING, quoted)
        is_item = bool(self.text[after_quote:content].strip())
        return Line(start, end, content, Kind.ITEM if is_item else Kind.TEXT, quoted)

    def _read_fence(self, opener: Line, marks: str, info: str) -> None:
        """All lines up to the one that closes the fence, or up to the end of the quote that it stands in."""
        depth = opener.quote.count(">")
        first, closer = len(self.lines), None
        self.lines.append(Line(opener.start, opener.end, opener.content, Kind.CODE, opener.quote))
        closing = re.compile(rf"[ \t]*+{marks[0]}{{{len(marks)},}}+[ \t]*+$") if len(marks) < 1000 else None
        start = opener.end + 1
        while start < len(self.text) and not closer:
            line = self._code_line(start, depth)
            if line is None:
                break
            self.lines.append(line)
            if closing and closing.match(self.text, line.start + len(line.quote), line.end):
                closer = line
            start = line.end + 1
        end = self.lines[-1].end
        indent = " " * (opener.content - opener.start - len(opener.quote))
        whole = Whole(
            opener.start,
            end if closer else end + 1,  # one that nobody closes is open at its very end
            opener.end,
            closer.start if closer else len(self.text) + 1,
            f"{opener.quote}{indent}{marks}{info}\n",
            f"\n{opener.quote}{indent}{marks}",
        )
        self.wholes.append(whole)
        code_end = max(opener.end, closer.start - 1) if closer else end
        self.code.append(CodeBlock(whole, info.split()[0] if info else "", min(opener.end + 1, code_end), code_end))
        self._fenced.update(range(first, len(self.lines)))

    def _code_line(self, start: int, depth: int) -> Line | None:
        end = self.text.find("\n", start)
        end = len(self.text) if end < 0 else end
        if not depth:
            return Line(start, end, start, Kind.CODE)
        marks = re.compile(rf"(?:[ \t]*+>){{{depth}}} ?").match(self.text, start, end)
        return Line(start, end, marks.end(), Kind.CODE, marks.group()) if marks else None

    def _delimiters_below(self, header: Line) -> Line | None:
        """The line under a table's header, if this is one."""
        if header.end + 1 >= len(self.text) or "|" not in self.text[header.content : header.end]:
            return None
        below = self._line(header.end + 1)
        if below.quote != header.quote or "|" not in self.text[below.start : below.end]:
            return None
        return below if _DELIMITERS.match(self.text, below.start + len(below.quote), below.end) else None

    def _read_table(self, header: Line, delimiters: Line) -> None:
        rows = [header, delimiters]
        while rows[-1].end + 1 < len(self.text):
            row = self._line(rows[-1].end + 1)
            if row.kind is not Kind.TEXT or row.quote != header.quote or "|" not in self.text[row.content : row.end]:
                break
            rows.append(row)
        for row in rows:
            self.lines.append(Line(row.start, row.end, row.start + len(row.quote), Kind.ROW, row.quote))
            self.wholes.append(Whole(row.start, row.end, row.start, row.end, is_row=True))
        repeated = self.text[header.start : delimiters.end + 1]
        cut_after = rows[2].end if len(rows) > 2 else rows[-1].end
        self.wholes.append(Whole(header.start, rows[-1].end, cut_after - 1, rows[-1].end, repeated, is_table=True))

    def passages(self) -> Iterator[tuple[int, int]]:
        """Start and end of each paragraph, item, heading and row: what a mark opens there is closed there."""
        start, end, before = -1, -1, None
        for number, line in enumerate(self.lines):
            is_text = number not in self._fenced and line.kind is not Kind.BLANK
            goes_on = is_text and line.kind is Kind.TEXT and before in (Kind.TEXT, Kind.ITEM) and start >= 0
            if not goes_on and start >= 0:
                yield start, end
                start = -1
            if is_text:
                start, end = (start, line.end) if goes_on else (line.content, line.end)
            before = line.kind if is_text else None
        if start >= 0:
            yield start, end

    def stretches(self) -> Iterator[tuple[int, int]]:
        """Start and end of all that stands between fences and tables: a spoiler may cover several paragraphs."""
        start, end = -1, -1
        for number, line in enumerate(self.lines):
            if number in self._fenced or line.kind is Kind.ROW:
                if start >= 0:
                    yield start, end
                start = -1
            else:
                start, end = (line.start if start < 0 else start), line.end
        if start >= 0:
            yield start, end


# ── spans: what stands within a paragraph ────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r"""
      (?P<escape> \\[!-/:-@\[-`{-~] )
    | (?P<ticks> `++ )
    | (?P<angle> <(?: [@#!/] | a?: | t: | id: | sound: | https?:// | mailto: )[^<>\n]*+> )    # mentions, emoji, times
    | (?P<url> (?:https?|ftp|mailto|discord|slack) :// [^\s<>|]*[^\s<>|.,;:!?'"*_~)\]] )
    | (?P<emoji> :[a-zA-Z0-9_+-]{2,64}: )
    | (?P<open> !?\[ )
    | (?P<close> \](?P<address>\( [ ]*+ (?: <[^<>\n]*+> | [^\s()<>]*+ (?: \([^\s()]*+\) [^\s()<>]*+ )*+ )
        (?: \s++ (?: "[^"\n]*+" | '[^'\n]*+' ) )?+ [ ]*+ \))? )
    """,
    re.VERBOSE,
)
_TICKS = re.compile(r"`++")
_EMPHASIS = re.compile(r"\\.|\*{1,3}+(?!\*)|\*{4,}+|_{1,3}+(?!_)|_{4,}+|~~(?!~)|~{3,}+", re.DOTALL)
_SPOILER = re.compile(r"\\.|\|\|(?!\|)|\|{3,}+", re.DOTALL)
_MAX_OPEN = 10
"""Marks that wait to be closed; nobody nests deeper, and junk must not make it slow."""


def _spans(text: str, start: int, end: int) -> Iterable[Whole]:
    atoms = _atoms(text, start, end)
    yield from atoms
    yield from _emphases(text, start, end, _outermost(atoms))


def _atoms(text: str, start: int, end: int) -> list[Whole]:
    """Links, addresses, code, mentions and emoji names, in the order of their ends."""
    found: list[Whole] = []
    brackets: list[int] = []
    runs: dict[int, list[int]] | None = None
    position = start
    while token := _TOKEN.search(text, position, end):
        position = token.end()
        if token["ticks"]:
            runs = _runs_by_length(text, start, end) if runs is None else runs
            length = len(token["ticks"])
            places = runs.get(length, [])
            nearest = bisect_left(places, position)
            if nearest < len(places):
                position = places[nearest] + length
                ticks = token["ticks"]
                found.append(Whole(token.start(), position, token.end(), places[nearest], ticks, ticks))
        elif token["angle"] or token["url"] or token["emoji"]:
            found.append(Whole(token.start(), position, token.start(), position))
        elif token["open"]:
            brackets.append(token.start())
        elif token["close"] and brackets:
            opened = brackets.pop()
            if token["address"]:
                found.append(Whole(opened, position, opened, position))
    return found


def _runs_by_length(text: str, start: int, end: int) -> dict[int, list[int]]:
    runs: dict[int, list[int]] = {}
    for run in _TICKS.finditer(text, start, end):
        runs.setdefault(run.end() - run.start(), []).append(run.start())
    return runs


def _outermost(wholes: Iterable[Whole]) -> list[tuple[int, int]]:
    """Where they stand, without those inside others, in order."""
    places: list[tuple[int, int]] = []
    for whole in sorted(wholes, key=lambda whole: (whole.start, -whole.end)):
        if not places or whole.start >= places[-1][1]:
            places.append((whole.start, whole.end))
    return places


def _is_within(position: int, places: list[tuple[int, int]]) -> bool:
    at = bisect_right(places, (position, 1 << 62)) - 1
    return at >= 0 and position < places[at][1]


@dataclass(slots=True)
class _Opener:
    mark: str
    count: int
    end: int


def _emphases(text: str, start: int, end: int, atoms: list[tuple[int, int]]) -> Iterator[Whole]:
    """Bold, italic, underlined and struck words: marks are paired as CommonMark pairs them, a little simplified."""
    waiting: list[_Opener] = []
    for run in _EMPHASIS.finditer(text, start, end):
        mark, count = run.group()[0], run.end() - run.start()
        if mark == "\\" or count > 3 or (mark == "~" and count != 2) or _is_within(run.start(), atoms):
            continue
        before = text[run.start() - 1] if run.start() > start else " "
        after = text[run.end()] if run.end() < end else " "
        can_open = not after.isspace() and not (mark == "_" and before.isalnum())
        can_close = not before.isspace() and not (mark == "_" and after.isalnum())
        left, at = count, run.start()
        while can_close and left:
            match = next((n for n in reversed(range(len(waiting))) if waiting[n].mark == mark), None)
            if match is None:
                break
            opener = waiting[match]
            used = min(opener.count, left)
            marks = mark * used
            yield Whole(opener.end - used, at + used, opener.end, at, marks, marks)
            del waiting[match + 1 :]
            opener.count -= used
            opener.end -= used
            left, at = left - used, at + used
            if not opener.count:
                waiting.pop()
        if can_open and left:
            waiting.append(_Opener(mark, left, run.end()))
            if len(waiting) > _MAX_OPEN:
                waiting.pop(0)


def _spoilers(text: str, stretches: Iterable[tuple[int, int]], wholes: list[Whole]) -> list[Whole]:
    spans = (whole for whole in wholes if not whole.is_table and not whole.is_row)
    atoms = _outermost(whole for whole in spans if whole.opening[:1] in ("", "`"))
    found: list[Whole] = []
    for start, end in stretches:
        opened: int | None = None
        for mark in _SPOILER.finditer(text, start, end):
            if mark.group() != "||" or _is_within(mark.start(), atoms):
                continue
            if opened is None:
                opened = mark.start()
            else:
                found.append(Whole(opened, mark.end(), opened + 2, mark.start(), "||", "||"))
                opened = None
    return found
