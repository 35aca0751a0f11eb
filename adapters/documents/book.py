"""EPUB: the chapters in reading order. Names inside it are looked up in the archive alone: they lead nowhere else."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from adapters.documents.archive import open_archive, part, xml_part
from adapters.documents.html_to_markdown import markdown_of
from adapters.documents.web_page import decoded_html
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# XHTML may close any element at once; in HTML that would leave it open, and a title would take the whole chapter in.
_CLOSED_AT_ONCE = re.compile(
    r"<(?!(?:br|hr|img|wbr|col|input|link|meta|area|base)\b)([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>"
)


def pages(content: bytes) -> Iterator[Page]:
    """One page, without a number: a reader's device makes the pages.

    Raises:
        DocumentUnreadable: it is protected, damaged, or has no text.
    """
    with open_archive(content, "EPUB book", _CONTAINER) as archive:
        chapters = _chapters(archive)
        if _protected(archive) & set(chapters):
            raise DocumentUnreadable("is protected: its chapters are encrypted")
        there = set(archive.namelist())
        texts = [_text(part(archive, name)) for name in chapters if name in there]
    book = "\n\n".join(text for text in texts if text)
    if not book:
        raise DocumentUnreadable("holds no text")
    yield Page(book)


def _text(chapter: bytes) -> str:
    try:
        html = decoded_html(chapter)
    except DocumentUnreadable:  # empty, or a picture: the other chapters may be read
        return ""
    return markdown_of(_CLOSED_AT_ONCE.sub(r"<\1\2></\1>", html))


def _chapters(archive: zipfile.ZipFile) -> list[str]:
    """The names of its members in reading order, each once."""
    package = next((_written(at, "full-path") for at in xml_part(archive, _CONTAINER).findall(".//{*}rootfile")), "")
    root = xml_part(archive, package)
    files = {_written(item, "id"): _written(item, "href") for item in root.findall(".//{*}item")}
    wanted = [files.get(_written(item, "idref"), "") for item in root.findall(".//{*}itemref")]
    folder = posixpath.dirname(package)
    return list(dict.fromkeys(_member(folder, href) for href in wanted if href))


def _member(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(href).path)))


def _protected(archive: zipfile.ZipFile) -> set[str]:
    """What is encrypted: fonts often are, and do not matter."""
    if _ENCRYPTION not in archive.namelist():
        return set()
    return {_member("", _written(at, "URI")) for at in xml_part(archive, _ENCRYPTION).findall(".//{*}CipherReference")}


def _written(element: Element, name: str) -> str:
    return element.get(name, "")
