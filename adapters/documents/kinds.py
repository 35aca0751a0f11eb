"""The kinds of file that are converted: how their names end, and the module whose `pages` knows them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from adapters.ports import Page

Pages = Callable[[bytes], Iterator[Page]]
"""A converter: the content of a file becomes pages; raises `DocumentUnreadable`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A converter, named and not imported: its library is needed in the worker process alone."""

    module: str
    is_markdown: bool


KINDS = {
    ".csv": Kind("adapters.documents.csv_table", is_markdown=False),
    ".docx": Kind("adapters.documents.word", is_markdown=True),
    ".epub": Kind("adapters.documents.book", is_markdown=True),
    ".htm": Kind("adapters.documents.web_page", is_markdown=True),
    ".html": Kind("adapters.documents.web_page", is_markdown=True),
    ".pdf": Kind("adapters.documents.pdf", is_markdown=False),
    ".pptx": Kind("adapters.documents.slides", is_markdown=True),
    ".xlsx": Kind("adapters.documents.spreadsheet", is_markdown=True),
}
