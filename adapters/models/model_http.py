"""How calls get to a model's server: over aiohttp, as the SDK offers it, made wider where that is too narrow.

To be imported at the first call: it takes a second.
"""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx2
from openai import DefaultAioHttpClient

MOST_CONNECTIONS = 1000

MAX_HEADER_BYTES = 2**16
"""Of a header of an answer; at aiohttp's own 8,190 every call fails behind a proxy that writes long ones."""

MOST_SLEPT_S = 2.0
"""So long a call may sleep itself where a server asks to be asked later. The SDK would sleep two minutes of a call that
has two minutes: a person waits without a word, and whoever paces the calls never learns what the server asked for."""


class ModelHttp(DefaultAioHttpClient):
    """The SDK's client.

    It keeps 100 connections for 5 s: of more agents at work most would make a new one for each call. And its first
    choice of a client looks at each connection that is idle whenever it needs one. Cookies are not kept: a server's odd
    one would be in every later call, which then fails before it is sent.

    Args:
        heeds_environment: whether proxies and certificates are those of the environment.
    """

    def __init__(self, *, heeds_environment: bool) -> None:
        limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
        super().__init__(
            limits=limits,
            trust_env=heeds_environment,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"response": [_let_it_be_told]},
        )

    def _init_transport(self, *args: Any, **kwargs: Any) -> httpx2.AsyncBaseTransport:
        return _wide(super()._init_transport(*args, **kwargs))

    def _init_proxy_transport(self, proxy: httpx2.Proxy, *args: Any, **kwargs: Any) -> httpx2.AsyncBaseTransport:
        if not proxy.url.scheme.startswith("http"):  # aiohttp would speak HTTP to it, and send the key in clear
            return _Refusing(proxy.url.scheme)
        return _wide(super()._init_proxy_transport(proxy, *args, **kwargs))


async def _let_it_be_told(response: httpx2.Response) -> None:
    """Have the SDK give up where the server asks for a longer pause; it heeds this header before all else."""
    if response.status_code < 400 or (asked := response.headers.get("retry-after")) is None:
        return
    try:
        is_soon = float(asked) <= MOST_SLEPT_S
    except ValueError:  # a date
        is_soon = False
    if not is_soon:
        response.headers["x-should-retry"] = "false"


class _Refusing(httpx2.AsyncBaseTransport):
    """In the place of a proxy that cannot be used."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.UnsupportedProtocol(f"a {self._scheme} proxy is not supported", request=request)


def _wide(transport: Any) -> httpx2.AsyncBaseTransport:
    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=MOST_CONNECTIONS, keepalive_timeout=transport.limits.keepalive_expiry, ssl=transport.ssl_context
        )
        return aiohttp.ClientSession(
            connector=connector, max_field_size=MAX_HEADER_BYTES, cookie_jar=aiohttp.DummyCookieJar()
        )

    transport.client = session
    made: httpx2.AsyncBaseTransport = transport
    return made
