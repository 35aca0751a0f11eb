"""Where Discord is: its own hosts, or those of the settings, for proxies and tests."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from discord.http import Route

FILE_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
"""Where Discord keeps the files of messages (https://discord.com/developers/docs/reference#signed-attachment-cdn-urls)."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the settings; None for Discord's own."""

    api: str | None = None
    gateway: str | None = None

    def use(self) -> None:
        """Point the library to the API. It keeps its address in a class, so this holds for the whole process."""
        if self.api is not None:
            Route.BASE = self.api.rstrip("/")

    def may_download(self, url: str) -> bool:
        """Whether a file may be fetched from there: a host of Discord's, or that of the settings."""
        asked, given = urlsplit(url), urlsplit(self.api or "")
        if asked.scheme == "https" and asked.netloc in FILE_HOSTS:
            return True
        return self.api is not None and (asked.scheme, asked.netloc) == (given.scheme, given.netloc)
