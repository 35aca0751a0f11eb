"""PDF, with its page numbers, by PDFium."""

from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from adapters.ports.documents import Page
from adapters.ports.errors import DocumentUnreadable

_HYPHEN_AT_LINE_END = "\ufffe"  # PDFium's sign for it: what stands before and after is one word


def pages(content: bytes) -> Iterator[Page]:
    """The pages that have text.

    Raises:
        DocumentUnreadable: it is protected, damaged, or holds pictures only.
    """
    document = _opened(content)
    unreadable, has_text = 0, False
    for number in range(1, len(document) + 1):
        try:
            text = _text(document, number - 1)
        except pypdfium2.PdfiumError:  # one page is damaged; the others may be whole
            unreadable += 1
            continue
        if text.strip():
            has_text = True
            yield Page(text, number)
    if not has_text and unreadable:
        raise DocumentUnreadable("is damaged: none of its pages can be read")
    if not has_text:
        raise DocumentUnreadable("holds no text: its pages are pictures or empty (it may need text recognition first)")


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    if b"%PDF-" not in content[:1024]:
        raise DocumentUnreadable("is no PDF")
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise DocumentUnreadable("is protected by a password") from error
        if error.err_code == pdfium.FPDF_ERR_SECURITY:
            raise DocumentUnreadable("is protected in a way that is not known") from error
        raise DocumentUnreadable("is damaged, or no PDF") from error


def _text(document: pypdfium2.PdfDocument, index: int) -> str:
    page = document[index]
    try:
        written = page.get_textpage()
        try:
            text: str = written.get_text_range()
        finally:
            written.close()
    finally:
        page.close()
    return text.replace(_HYPHEN_AT_LINE_END, "").replace("\r\n", "\n")
