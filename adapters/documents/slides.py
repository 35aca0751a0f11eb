"""PowerPoint's .pptx: a slide is a page, its title a heading, the speaker's notes come after what is on it."""

import posixpath
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from adapters.documents.archive import open_archive, xml_part
from adapters.documents.html_to_markdown import escaped
from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_PRESENTATION = "ppt/presentation.xml"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TEXTS = (f"{_A}t", f"{_A}br")
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def pages(content: bytes) -> Iterator[Page]:
    """The slides that are shown and have text, with their numbers.

    Raises:
        DocumentUnreadable: it is protected, damaged, or has no text.
    """
    has_text = False
    with open_archive(content, "PowerPoint presentation (.pptx)", _PRESENTATION) as archive:
        files = _related(archive, _PRESENTATION)
        for number, entry in enumerate(xml_part(archive, _PRESENTATION).iter(f"{_P}sldId"), 1):
            name = files.get(entry.get(_ID, ""), "")
            slide = xml_part(archive, name)
            if slide.get("show") in ("0", "false"):
                continue
            notes = [
                _text(xml_part(archive, other))
                for other in _related(archive, name).values()
                if posixpath.basename(other).startswith("notesSlide")
            ]
            if text := "\n\n".join(text for text in (_text(slide), *notes) if text):
                has_text = True
                yield Page(text, number)
    if not has_text:
        raise DocumentUnreadable("holds no text")


def _text(slide: Element) -> str:
    """Its title, then its other texts in the order in which they are kept."""
    titles, texts = list[str](), list[str]()
    for frame in slide.iter():
        if frame.tag not in (f"{_P}sp", f"{_P}graphicFrame"):
            continue
        place = frame.find(f".//{_P}ph")
        kind = place.get("type", "") if place is not None else ""
        if kind in _TITLES:
            titles += [f"# {title}"] if (title := " ".join(_paragraphs(frame))) else []
        elif kind not in _FURNITURE:
            rows = [" | ".join(_paragraphs(row)) for row in frame.iter(f"{_A}tr")]
            texts.append("\n".join(escaped(line) for line in rows or _paragraphs(frame)))
    return "\n\n".join(text for text in titles + texts if text)


def _paragraphs(frame: Element) -> list[str]:
    found = []
    for paragraph in frame.iter(f"{_A}p"):
        pieces = [at.text or "" if at.tag == f"{_A}t" else " " for at in paragraph.iter() if at.tag in _TEXTS]
        found.append(" ".join("".join(pieces).split()))
    return [text for text in found if text]


def _related(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    """The members that a member refers to, by the ids that it calls them by."""
    folder, base = posixpath.split(name)
    listed = f"{folder}/_rels/{base}.rels"
    if listed not in archive.namelist():
        return {}
    return {
        at.get("Id", ""): posixpath.normpath(posixpath.join(folder, at.get("Target", ""))).lstrip("/")
        for at in xml_part(archive, listed)
        if at.get("TargetMode") != "External"
    }
