"""Fetching a page from the web: from public addresses alone, whatever names and redirects lead elsewhere.

Where a name leads is looked at where the connection is made, so that it cannot lead elsewhere a moment later; and so is
each redirect. Source: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import hashlib
import ipaddress
import socket
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from adapters.chat.download import write
from adapters.ports.errors import DocumentUnreadable

TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=20)
MOST_REDIRECTS = 5
MOST_CHARS = 100
"""Of the name of a file; the end of an address tells more than its beginning."""

DIGEST_CHARS = 8
"""Of the address's digest, which tells those apart that would have one name."""

_AGENT = "memgpt-bot (reads a page that somebody asked for)"
_REDIRECTS = (301, 302, 303, 307, 308)
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
}

_UNICAST = ipaddress.ip_network("2000::/3")
"""What anybody may reach by IPv6 (RFC 4291): beyond it lie other guises of IPv4, and what once was for a site alone."""

_NOT_FOR_ALL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        "192.0.0.0/24",  # of protocols (RFC 6890); Oracle's cloud tells of its machines at 192.0.0.192
        "3fff::/20",  # of documentation (RFC 9637)
    )
)
"""What `ipaddress` takes for public, or did in earlier versions, and is not."""

IsAllowed = Callable[[str], bool]


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody may reach; not a private one in another guise."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _by_nat64(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_FOR_ALL)


def _by_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """RFC 6052: the last four bytes of an address below this prefix."""
    if ip not in ipaddress.ip_network("64:ff9b::/96"):
        return None
    return ipaddress.IPv4Address(ip.packed[-4:])


class _Refused(OSError):
    """A name leads to an address that is not allowed."""


class _Guarded(AbstractResolver):
    """Looks names up, and lets nothing through that is not allowed."""

    def __init__(self, resolver: AbstractResolver, is_allowed: IsAllowed) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(self._is_allowed(each["host"]) for each in found):
            raise _Refused(host)
        return found

    async def close(self) -> None:
        await self._resolver.close()


async def fetch_page(
    url: str,
    folder: Path,
    max_bytes: int,
    suffixes: Collection[str],
    *,
    is_allowed: IsAllowed = is_public,
    resolver: AbstractResolver | None = None,
) -> Path:
    """Fetch a page into a file below a folder, named by its address; one that was there is written over.

    Args:
        url: http or https.
        folder: gets a folder for each host.
        max_bytes: the most that is taken.
        suffixes: endings of the files that can be read.
        is_allowed: of an IP address.
        resolver: looks names up; the system's if not given.

    Returns:
        The file.

    Raises:
        DocumentUnreadable: it may not be asked for, is not there, too large, or of no kind that can be read.
        OSError: the file cannot be written.
    """
    resolver = resolver or aiohttp.ThreadedResolver()
    connector = aiohttp.TCPConnector(resolver=_Guarded(resolver, is_allowed), use_dns_cache=False)
    try:
        async with aiohttp.ClientSession(
            connector=connector, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": _AGENT}
        ) as session:
            place = _checked(url, is_allowed)
            for _ in range(MOST_REDIRECTS + 1):
                async with session.get(place, allow_redirects=False) as response:
                    if response.status not in _REDIRECTS:
                        return await _kept(response, URL(url), folder, max_bytes, suffixes)
                    place = _checked(str(place.join(URL(response.headers.get("location", "")))), is_allowed)
            raise DocumentUnreadable(f"leads from one address to the next, more than {MOST_REDIRECTS} times")
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, _Refused):
            raise DocumentUnreadable(_NOT_PUBLIC) from error
        raise DocumentUnreadable("cannot be reached") from error
    except _Refused as error:
        raise DocumentUnreadable(_NOT_PUBLIC) from error
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise DocumentUnreadable(f"cannot be fetched ({type(error).__name__})") from error


_NOT_PUBLIC = "leads to an address that is not public"


def _checked(written: str, is_allowed: IsAllowed) -> URL:
    """An address that may be asked; names are looked at when they are looked up."""
    url = URL(written)
    if url.scheme not in ("http", "https") or not url.host:
        raise DocumentUnreadable("leads to what is no page of the web")
    if url.user is not None or url.password is not None:
        raise DocumentUnreadable("holds a name or a password, which is not sent")
    try:
        is_refused = not is_allowed(url.host)
    except ValueError:  # a name
        is_refused = False
    if is_refused:
        raise DocumentUnreadable(_NOT_PUBLIC)
    return url


async def _kept(
    response: aiohttp.ClientResponse, url: URL, folder: Path, max_bytes: int, suffixes: Collection[str]
) -> Path:
    if response.status != 200:
        raise DocumentUnreadable(f"is not there (HTTP {response.status})")
    own = PurePosixPath(unquote(url.path)).suffix.lower()
    suffix = _SUFFIXES.get(response.content_type, own)
    if response.content_type in ("text/plain", "application/octet-stream") and own in suffixes:
        suffix = own  # many servers say no more of a file
    if suffix not in suffixes:
        raise DocumentUnreadable(f"is {response.content_type}, which cannot be read")
    path = file_for(url, folder, suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        await write(response, part, max_bytes)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def file_for(url: URL, folder: Path, suffix: str) -> Path:
    """Where a page is kept: in a folder of its host, by a name that tells its path and is its alone (pure)."""
    host = _plain(url.host or "") + ("" if url.is_default_port() else f"-{url.port}")
    parts = [part for part in unquote(url.path).split("/") if part] or ["index"]
    name = _plain("-".join(parts)).removesuffix(suffix)
    if url.query_string:
        name = f"{name}-{_plain(url.query_string)}"
    digest = hashlib.sha256(str(url.with_fragment(None)).encode()).hexdigest()[:DIGEST_CHARS]
    return folder / host / f"{name[-MOST_CHARS:]}-{digest}{suffix}"


def _plain(text: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text)
    return kept.strip(".") or "_"
