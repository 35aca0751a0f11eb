"""Fetching pages: what may be asked for, wherever names and redirects lead; and what is kept of an answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from adapters.ports.errors import DocumentUnreadable
from adapters.web_page import fetch_page, file_for, is_public

DIGEST = "[0-9a-f]" * 8
SUFFIXES = (".html", ".txt", ".md", ".pdf", ".csv")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """A resolver of our own: each name leads to its addresses in turn, the last one for ever."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        known = self.addresses[host.replace(".", "_")]
        address = known.pop(0) if len(known) > 1 else known[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def anywhere(_: str) -> bool:
    return True


def at_ours(address: str) -> bool:
    """As if this machine were a public place: all else that is private stays so."""
    return address == "127.0.0.1" or is_public(address)


def kept_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def page(body: str = "<h1>Otters</h1>", content_type: str = "text/html") -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type=content_type)

    return answer


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("168.63.129.16", False),  # Azure's, from within
        ("::ffff:168.63.129.16", False),
        ("168.63.129.15", True),
        ("192.0.0.192", False),  # Oracle's, from within
        ("192.0.1.1", True),
        ("3fff::1", False),  # of documentation
        ("3fff:1000::1", True),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("fec0::1", False),  # of a site, as once was
        ("::127.0.0.1", False),
        ("::ffff:0:7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),  # Teredo, of 10.0.0.1
    ],
)
def test_public_is_what_anybody_may_reach_in_whatever_guise(address: str, is_one: bool) -> None:
    assert is_public(address) is is_one


async def test_a_page_is_kept_in_a_file_named_by_its_address(tmp_path: Path) -> None:
    async with serving(page()) as port:
        names = Names(otters_example=["127.0.0.1"])
        url = f"http://otters.example:{port}/all/about%20them?lang=en"
        path = await fetch_page(url, tmp_path, 1000, SUFFIXES, is_allowed=anywhere, resolver=names)
    assert path.parent == tmp_path / f"otters.example-{port}"
    assert path.match(f"all-about_them-lang_en-{DIGEST}.html")
    assert path.read_text() == "<h1>Otters</h1>"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",  # 127.0.0.1 in one number
        "http://0x7f.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
async def test_what_is_not_public_is_not_asked_by_whatever_name(url: str, tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(text="secret", content_type="text/html")

    async with serving(answer) as port:
        with pytest.raises(DocumentUnreadable):
            await fetch_page(url.format(port=port), tmp_path, 1000, SUFFIXES)
    assert asked == []
    assert kept_in(tmp_path) == []


async def test_a_name_that_leads_to_a_private_address_is_refused(tmp_path: Path) -> None:
    async with serving(page()) as port:
        names = Names(evil_example=["127.0.0.1"])
        with pytest.raises(DocumentUnreadable, match="leads to an address that is not public"):
            await fetch_page(f"http://evil.example:{port}/", tmp_path, 1000, SUFFIXES, resolver=names)


async def test_a_name_that_leads_elsewhere_a_moment_later_is_refused(tmp_path: Path) -> None:
    """It is looked up once for each connection, and what was looked at is what is connected to."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=302, headers={"location": "/secret", "connection": "close"})

    async with serving(answer) as port:
        names = Names(evil_example=["127.0.0.1", "10.0.0.1"])
        with pytest.raises(DocumentUnreadable, match="not public"):
            await fetch_page(
                f"http://evil.example:{port}/", tmp_path, 1000, SUFFIXES, is_allowed=at_ours, resolver=names
            )
    assert asked == ["/"]


@pytest.mark.parametrize(
    ("leads_to", "told"),
    [
        ("http://10.0.0.1/", "not public"),
        ("http://intern.example/", "not public"),
        ("//169.254.169.254/", "not public"),
        ("file:///etc/passwd", "no page of the web"),
        ("gopher://8.8.8.8/", "no page of the web"),
        ("http://ada:secret@8.8.8.8/", "a name or a password"),
    ],
)
async def test_a_redirect_is_looked_at_like_the_first_address(leads_to: str, told: str, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"location": leads_to})

    async with serving(answer) as port:
        names = Names(otters_example=["127.0.0.1"], intern_example=["10.0.0.1"])
        with pytest.raises(DocumentUnreadable, match=told):
            await fetch_page(
                f"http://otters.example:{port}/", tmp_path, 1000, SUFFIXES, is_allowed=at_ours, resolver=names
            )


async def test_redirects_are_followed_and_not_for_ever(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        step = int(request.path[1:])
        if step == 0:
            return web.Response(text="There.", content_type="text/plain")
        return web.Response(status=307, headers={"location": f"/{step - 1}"})

    async with serving(answer) as port:
        url = f"http://127.0.0.1:{port}"
        path = await fetch_page(f"{url}/5", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)
        assert path.match(f"5-{DIGEST}.txt")  # by the address that was asked for
        assert path.read_text() == "There."
        with pytest.raises(DocumentUnreadable, match="more than 5 times"):
            await fetch_page(f"{url}/6", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)


@pytest.mark.parametrize("is_packed", [False, True])
async def test_what_is_too_large_is_not_kept(tmp_path: Path, is_packed: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.Response(text="x" * 3_000_000, content_type="text/plain")
        if is_packed:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(answer) as port:
        with pytest.raises(DocumentUnreadable, match="is larger than 2 MB"):
            await fetch_page(f"http://127.0.0.1:{port}/", tmp_path, 2_000_000, SUFFIXES, is_allowed=anywhere)
    assert kept_in(tmp_path) == []


@pytest.mark.parametrize(
    ("content_type", "path", "name"),
    [
        ("text/html", "/a.php", f"a.php-{DIGEST}.html"),
        ("text/plain", "/notes.md", f"notes-{DIGEST}.md"),
        ("application/octet-stream", "/table.csv", f"table-{DIGEST}.csv"),
        ("application/pdf", "/paper", f"paper-{DIGEST}.pdf"),
        ("image/png", "/picture.png", None),
        ("application/octet-stream", "/program", None),
    ],
)
async def test_the_kind_is_what_the_server_says_or_else_the_name(
    content_type: str, path: str, name: str | None, tmp_path: Path
) -> None:
    async with serving(page("x", content_type)) as port:
        fetching = fetch_page(f"http://127.0.0.1:{port}{path}", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)
        if name is None:
            with pytest.raises(DocumentUnreadable, match="which cannot be read"):
                await fetching
        else:
            assert (await fetching).match(name)


async def test_what_is_not_there_is_told(tmp_path: Path, unused_tcp_port: int) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    async with serving(answer) as port:
        with pytest.raises(DocumentUnreadable, match=r"is not there \(HTTP 404\)"):
            await fetch_page(f"http://127.0.0.1:{port}/", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)
    with pytest.raises(DocumentUnreadable, match="cannot be reached"):
        await fetch_page(f"http://127.0.0.1:{unused_tcp_port}/", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)


async def test_one_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.web_page.TIMEOUT", aiohttp.ClientTimeout(sock_read=0.05))

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/html"})
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with serving(answer) as port:
        with pytest.raises(DocumentUnreadable, match="cannot be fetched"):
            await fetch_page(f"http://127.0.0.1:{port}/", tmp_path, 1000, SUFFIXES, is_allowed=anywhere)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/", "example.org/index.html"),
        ("https://example.org/a/b/", "example.org/a-b.html"),
        ("https://example.org/%2e%2e/%2e%2e/etc/passwd", "example.org/etc-passwd.html"),
        ("https://example.org/a%2fb", "example.org/a-b.html"),
        ("http://bücher.example/ä", "bücher.example/ä.html"),
        (f"https://example.org/{'x' * 500}", f"example.org/{'x' * 100}.html"),
    ],
)
def test_no_address_leads_out_of_the_folder(url: str, shown: str, tmp_path: Path) -> None:
    kept = file_for(URL(url), tmp_path, ".html")
    assert kept.match(shown.replace(".html", f"-{DIGEST}.html"))
    assert kept.resolve().is_relative_to(tmp_path.resolve())
    assert len(kept.relative_to(tmp_path).parts) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/b", "/a-b"),
        ("/a?b", "/a-b"),
        ("/a b", "/a_b"),
        ("/a/b?c=d", "/a/b?c_d"),
        (f"/one/{'x' * 100}", f"/two/{'x' * 100}"),
        ("/a/b", "/A/b"),
    ],
)
def test_no_two_addresses_share_a_file_and_each_keeps_its_own(one: str, other: str, tmp_path: Path) -> None:
    def name(path: str) -> str:
        return str(file_for(URL(f"https://example.org{path}"), tmp_path, ".html")).lower()  # as some disks see it

    assert name(one) != name(other)
    assert name(one) == name(f"{one}#there")
