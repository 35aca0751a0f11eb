"""What a page of HTML shows, as the Markdown that pieces are cut from: headings, lists, tables as lines, plain text.

No links and no emphasis: a piece is read by its words. Walks the tree without recursion, for pages nest as they like.
"""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from adapters.ports.errors import DocumentUnreadable

_UNSEEN = frozenset(
    "head script style template noscript iframe object embed canvas audio video svg math select datalist textarea "
    "input button rp rt meter progress".split()
)
_PARAGRAPHS = frozenset(
    "address article aside blockquote body center details dialog dir div dl fieldset figcaption figure footer form "
    "header hgroup hr main menu nav ol p section summary table ul caption".split()
)
_LINES = frozenset("br dd dt legend li tr".split())
_LISTS = frozenset("ol ul menu dir".split())
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_LAYOUT = "h1,h2,h3,h4,h5,h6,table,pre,li"
_HIDING = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:font-size|opacity)\s*:\s*0(?:\.0*)?\s*[a-z%]*\s*(?:[;!]|$))",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[ \t\n\r\f\xa0]+")
_SOFT_HYPHEN = "\xad"
_FENCE = re.compile(r"`{3,}")
# What Markdown would take for a heading, a fence, or the underline of a heading.
_MARK = re.compile(r"(?=#{1,6}(?:\s|$)|`{3}|~{3}|=+\s*$|-+\s*$)")
_MAX_INDENT = 8
MAX_DEPTH = 5_000
"""Blocks within blocks; the parser looks at all that are open whenever one begins. Browsers show some 500."""
MAX_TAGS = 2_000_000
_SEEN = 100  # of what is open: an end tag that belongs to none of these is taken for a stray one
_NESTING = re.compile(
    rf"<(/?)({'|'.join(sorted(_PARAGRAPHS - {'p'}))}|pre|h[1-6]|script|style)(?=[\s/>])|<!--|-->", re.IGNORECASE
)


def markdown_of(html: str, *, with_title: bool = False) -> str:
    """The text that a page shows; `with_title`: under the title in its head, if there is no first-level heading.

    Raises:
        DocumentUnreadable: it is nested too deeply, or too large.
    """
    _refuse_what_takes_too_long(html)
    try:
        parsed = LexborHTMLParser(html)
    except SelectolaxError as error:  # no memory left for its tree
        raise DocumentUnreadable("is too large to be converted") from error
    if parsed.body is None:
        return ""
    writer = _Writer()
    for node, is_start in _walked(parsed.body):
        writer.take(node, is_start=is_start)
    text = writer.written
    if with_title and text and not writer.has_title and (head := parsed.css_first("head > title")) is not None:
        title = " ".join(head.text().split())
        return f"# {title}\n\n{text}" if title else text
    return text


def escaped(line: str) -> str:
    """A line of text, so that Markdown takes it for nothing else."""
    return f"\\{line}" if _MARK.match(line) else line


def _refuse_what_takes_too_long(html: str) -> None:
    if html.count("<") > MAX_TAGS:
        raise DocumentUnreadable(f"is too large: it has more than {MAX_TAGS:,} tags")
    stack, within = list[str](), ""  # what is open; whether the tags are a script's, or in a comment
    for found in _NESTING.finditer(html):
        is_end, tag = bool(found[1]), (found[2] or found[0]).lower()
        if within:
            within = "" if tag == within or (tag == "-->" and within == "<!--") else within
        elif tag in ("script", "style", "<!--"):
            within = "" if is_end else tag
        elif not is_end and tag != "-->":
            stack.append(tag)
            if len(stack) > MAX_DEPTH:
                raise DocumentUnreadable("is nested too deeply")
        elif tag in stack[-_SEEN:]:  # it ends those that are open within it, too
            while stack.pop() != tag:
                pass


def _walked(root: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Each node that is shown as it begins, and each of them that is an element once more as it ends."""
    node = root
    while True:
        child = None
        if _is_shown(node):
            yield node, True
            child = node.first_child
            if child is None and node.is_element_node:
                yield node, False
        if child is not None:
            node = child
            continue
        while node.mem_id != root.mem_id and (following := node.next) is None:
            parent = node.parent
            assert parent is not None
            node = parent
            yield node, False
        if node.mem_id == root.mem_id:
            return
        assert following is not None
        node = following


def _is_shown(node: LexborNode) -> bool:
    if not node.is_element_node:
        return bool(node.is_text_node)
    if node.tag in _UNSEEN:
        return False
    attributes = node.attributes
    return "hidden" not in attributes and not _HIDING.search(attributes.get("style") or "")


class _Writer:
    """Puts down text, with what stands between one text and the next."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line: list[str] = []
        self._breaks = 0
        self._prefix = ""
        self._lists: list[int | None] = []
        self._flat = 0
        self._heading_id: int | None = None
        self._cells = 0
        self._code: list[str] | None = None
        self.has_title = False

    @property
    def written(self) -> str:
        """All of it."""
        self._end_line()
        return "".join(self._parts).strip()

    def take(self, node: LexborNode, *, is_start: bool) -> None:
        """A node that begins, or ends."""
        tag = node.tag or ""
        if node.is_text_node:
            self._text(node.text_content or "")
        elif tag == "pre" and not self._flat:
            self._pre(is_start=is_start)
        elif self._code is not None:
            is_border = tag in _PARAGRAPHS or tag in _LINES
            self._code += ["\n"] if is_border and is_start == (tag == "br") else []
        elif tag in _HEADINGS and (not self._flat if is_start else node.mem_id == self._heading_id):
            self._heading_id = node.mem_id
            self._heading(tag, is_start=is_start)
        elif tag in ("td", "th"):
            self._cell(node, is_start=is_start)
        elif tag == "img":
            self._text(f" {node.attributes.get('alt') or ''} " if is_start else "")
        elif tag in _PARAGRAPHS or tag in _LINES:
            self._block(tag, is_start=is_start)

    def _text(self, text: str) -> None:
        text = text.replace(_SOFT_HYPHEN, "")
        if self._code is not None:
            self._code.append(text)
        elif text:
            self._line.append(text)

    def _break(self, lines: int) -> None:
        if self._flat:
            self._line.append(" ")
            return
        self._end_line()
        self._breaks = max(self._breaks, lines)

    def _end_line(self) -> None:
        text = _BLANKS.sub(" ", "".join(self._line)).strip()
        self._line.clear()
        if text.strip(" |"):
            self.has_title = self.has_title or self._prefix == "# "
            self._put(self._prefix + (text if self._prefix.startswith("#") else escaped(text)))
            self._prefix = ""

    def _put(self, text: str) -> None:
        self._parts += ["\n" * self._breaks if self._parts else "", text]
        self._breaks = 0

    def _heading(self, tag: str, *, is_start: bool) -> None:
        if is_start:
            self._break(2)
            self._prefix, self._flat = f"{_HEADINGS[tag]} ", self._flat + 1
        else:
            self._flat -= 1
            self._break(2)
            self._prefix = ""  # of a heading without text

    def _pre(self, *, is_start: bool) -> None:
        self._break(2)
        if is_start:
            self._code = self._code or []
        elif self._code is not None:
            code, self._code = "".join(self._code).strip("\n"), None
            fence = "`" * (max([2, *(len(run) for run in _FENCE.findall(code))]) + 1)
            if code.strip():
                self._put(f"{fence}\n{code}\n{fence}")
            self._break(2)

    def _cell(self, node: LexborNode, *, is_start: bool) -> None:
        """A cell is flat text, but for one that is there to place whole parts of a page."""
        is_layout = not self._flat and node.css_first(_LAYOUT) is not None
        if is_layout:
            self._break(2)
            self._cells = 0
        elif is_start:
            self._line += [" | "] if self._cells else []
            self._cells += 1
            self._flat += 1
        else:
            self._flat -= 1

    def _block(self, tag: str, *, is_start: bool) -> None:
        is_nested = tag in _LISTS and (len(self._lists) > (0 if is_start else 1))
        self._break(1 if tag in _LINES or is_nested else 2)
        self._cells = 0 if tag == "tr" else self._cells
        if tag in _LISTS and not self._flat:
            if is_start:
                self._lists.append(1 if tag == "ol" else None)
            elif self._lists:
                self._lists.pop()
        elif tag == "li" and not self._flat:
            self._prefix = self._item() if is_start else ""

    def _item(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is not None:
            self._lists[-1] = number + 1
        return "  " * min(len(self._lists) - 1, _MAX_INDENT) + (f"{number}. " if number else "- ")
