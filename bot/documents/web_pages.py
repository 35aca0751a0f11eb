"""Pages of the web as documents: each is fetched into a file, and that is loaded as any other."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from adapters.ports.errors import DocumentUnreadable
from adapters.web_page import fetch_page, is_public
from bot.errors import PageNotFetched, PathNotFound

_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebPages:
    """Fetches pages, where the operator allows it.

    Attributes:
        folder: keeps their files.
        max_bytes: the most that is taken of a page.
        is_on: whether it is allowed.
        is_allowed: of an IP address.
    """

    folder: Path
    max_bytes: int
    is_on: bool
    is_allowed: Callable[[str], bool] = is_public

    async def as_files(self, words: Sequence[str], suffixes: Sequence[str]) -> list[str]:
        """Paths for words that may be addresses of pages; all others as they are.

        Raises:
            PathNotFound: a page may not be fetched; the text says why.
            PageNotFetched: it cannot be, now; the same.
        """
        return [await self._file(word, suffixes) if _URL.match(word) else word for word in words]

    async def _file(self, url: str, suffixes: Sequence[str]) -> str:
        if not self.is_on:
            raise PathNotFound(f"{url}: pages of the web are not fetched unless BOT_WEB_PAGES=true says so.")
        try:
            page = await fetch_page(url, self.folder, self.max_bytes, suffixes, is_allowed=self.is_allowed)
            return str(page)
        except DocumentUnreadable as fault:
            raise PageNotFetched(f"{url}: {fault}.") from fault
        except OSError as error:
            raise PathNotFound(f"{self.folder}: cannot be written to ({error.strerror or error}).") from error


def host_of(words: Sequence[str]) -> str | None:
    """The one host whose pages these are, if all of them are."""
    hosts = {urlsplit(word).hostname if _URL.match(word) else None for word in words}
    return hosts.pop() if len(hosts) == 1 else None
