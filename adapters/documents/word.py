"""Word's .docx, by mammoth: paragraph styles become headings."""

import io
import re
import xml.dom.expatbuilder  # noqa: F401 (mammoth loads it at the first file, when a worker can open none any more)
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

import mammoth

from adapters.documents.archive import BROKEN_ZIP, open_archive, part, refuse_entities_anywhere
from adapters.documents.html_to_markdown import markdown_of
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_WHAT = "Word document (.docx)"
_DOCUMENT = "word/document.xml"
_PARAGRAPH = re.compile(rb"<(?:\w+:)?p[\s/>]")
MAX_PARAGRAPHS = 100_000
"""More than a library of books has, and more than can be converted in the time that a file is given."""
_STYLES = "p[style-name='Title'] => h1:fresh"


def pages(content: bytes) -> Iterator[Page]:
    """One page, without a number: where pages break is known to Word alone.

    Raises:
        DocumentUnreadable: it is protected, damaged, too large, or has no text.
    """
    with open_archive(content, _WHAT, "[Content_Types].xml") as archive:
        refuse_entities_anywhere(archive)
        if _DOCUMENT in archive.namelist():
            found = sum(1 for _ in _PARAGRAPH.finditer(part(archive, _DOCUMENT)))
            if found > MAX_PARAGRAPHS:
                raise DocumentUnreadable(f"is too large: it has more than {MAX_PARAGRAPHS:,} paragraphs")
    try:
        html: str = mammoth.convert_to_html(
            io.BytesIO(content),
            style_map=_STYLES,
            include_embedded_style_map=False,  # a document does not say what becomes of it
            convert_image=_left_out,
        ).value
    except (KeyError, AttributeError, TypeError, expat.ExpatError, *BROKEN_ZIP) as error:
        raise DocumentUnreadable(f"is damaged, or no {_WHAT}") from error
    text = markdown_of(html)
    if not text:
        raise DocumentUnreadable("holds no text")
    yield Page(text)


def _left_out(image: Any) -> list[Any]:
    return []
