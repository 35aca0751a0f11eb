"""What the bot asks of whatever reads documents."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a document's text; kinds of file that know no pages have one, without a number."""

    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What a document says; `is_markdown`: its headings are marked as Markdown marks them."""

    pages: tuple[Page, ...]
    is_markdown: bool = False
    digest: str = field(default="", compare=False)
    """SHA-256 of the content that was read: the file may have changed since, or since it was last looked at."""


class DocumentReader(Protocol):
    """Reads files of some kinds."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of its files end, in lower case, with the dot."""
        ...

    @property
    def max_bytes(self) -> int:
        """A larger file is refused unread."""
        ...

    async def read(self, path: Path) -> DocumentText:
        """The text of a file.

        Raises:
            DocumentUnreadable: it cannot be opened, or there is no text in it.
        """
        ...

    async def close(self) -> None:
        """Release processes; the next file that is read starts them again."""
        ...
