"""What goes wrong on the way to Discord's REST API, when a test wants it so; and the rate limits.

A route is named as in `POST /channels/*/messages`, a star standing for one part.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from tests.platforms.discord.errors import Json
from tests.platforms.discord.state import State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(eq=False)
class Fault:
    """Something that befalls the next requests of a route, `times` of them."""

    route: re.Pattern[str]
    befall: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds; counted for each channel, guild and webhook on its own."""

    count: int
    per_s: float


@dataclass(eq=False)
class Hold:
    """Requests that wait; `arrived` is set when one does, `release` lets them go on, `drop` ends them undone."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    is_dropped: bool = False

    def release(self) -> None:
        self.may_go.set()

    def drop(self) -> None:
        self.is_dropped = True
        self.may_go.set()


class Faults:
    """See above. Each fault is used up; `limits` hold until they are taken away."""

    def __init__(self, state: State) -> None:
        self.limits: dict[str, Limit] = {}
        self._state = state
        self._faults: list[Fault] = []
        self._used: defaultdict[str, list[datetime]] = defaultdict(list)

    def fail(self, route: str, status: int, body: Json | None = None, *, times: int = 1) -> None:
        """Answer with a status and do nothing; without a body the answer is text, as a gateway's between us is."""

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            if body is None:
                return web.Response(status=status, text="upstream connect error")
            return answer(body, status)

        self._add(route, befall, times)

    def fail_after(self, route: str, status: int, *, times: int = 1) -> None:
        """Do the thing and answer that it failed."""

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            await handler(request)
            return web.Response(status=status, text="upstream connect error")

        self._add(route, befall, times)

    def lose_answer(self, route: str, *, times: int = 1) -> None:
        """Do the thing, then break the connection off before the answer."""

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            _cut(request)
            return response

        self._add(route, befall, times)

    def lose_request(self, route: str, *, times: int = 1) -> None:
        """Break the connection off and do nothing."""

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            _cut(request)
            return web.Response(status=503)

        self._add(route, befall, times)

    def hold(self, route: str, *, times: int = 1) -> Hold:
        """Let the requests wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            hold.arrived.set()
            await hold.may_go.wait()
            return web.Response(status=503) if hold.is_dropped else await handler(request)

        self._add(route, befall, times)
        return hold

    def hold_answer(self, route: str, *, times: int = 1) -> Hold:
        """Do the thing, and let the answers wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            hold.arrived.set()
            await hold.may_go.wait()
            return response

        self._add(route, befall, times)
        return hold

    def limit(
        self, route: str, retry_after: float, *, is_global: bool = False, has_via: bool = True, times: int = 1
    ) -> None:
        """Answer 429; without `has_via` as Cloudflare does, whose answers discord.py does not try again."""

        async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
            return too_many(retry_after, is_global=is_global, has_via=has_via)

        self._add(route, befall, times)

    async def run(self, request: web.Request, route: str, handler: Handler) -> web.StreamResponse:
        """Let a request meet what is to befall it. `route` is its method and path."""
        for fault in self._faults:
            if fault.route.fullmatch(route):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return await fault.befall(request, handler)
        for pattern, limit in self.limits.items():
            if _pattern(pattern).fullmatch(route):
                return await self._count(request, route, limit, handler)
        response = await handler(request)
        response.headers.update(_headers(route, Limit(1000, 1), remaining=999, reset_after=1))
        return response

    def _add(
        self, route: str, befall: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]], times: int
    ) -> None:
        self._faults.append(Fault(_pattern(route), befall, times))

    async def _count(self, request: web.Request, route: str, limit: Limit, handler: Handler) -> web.StreamResponse:
        now, window = self._state.clock.now(), timedelta(seconds=limit.per_s)
        used = self._used[route] = [at for at in self._used[route] if at > now - window]
        if len(used) >= limit.count:
            return too_many((used[0] + window - now).total_seconds())
        used.append(now)
        response = await handler(request)
        reset_after = (used[0] + window - now).total_seconds()
        response.headers.update(_headers(route, limit, limit.count - len(used), reset_after))
        return response


def answer(body: object, status: int = 200) -> web.Response:
    """An answer in JSON; with a charset behind the type discord.py would take it for text."""
    return web.Response(status=status, body=web.json_response(body).body, headers={"Content-Type": "application/json"})


def too_many(retry_after: float, *, is_global: bool = False, has_via: bool = True) -> web.Response:
    """The answer 429."""
    body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": is_global}
    response = answer(body, 429)
    response.headers["Retry-After"] = str(int(retry_after) + 1)
    response.headers["X-RateLimit-Scope"] = "global" if is_global else "user"
    if is_global:
        response.headers["X-RateLimit-Global"] = "true"
    if has_via:
        response.headers["Via"] = "1.1 google"
    return response


def _headers(route: str, limit: Limit, remaining: int, reset_after: float) -> dict[str, str]:
    bucket = re.sub(r"\d+", "", route).replace("/", "-").replace(" ", "")
    return {
        "X-RateLimit-Limit": str(limit.count),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset-After": f"{reset_after:.3f}",
        "X-RateLimit-Bucket": bucket,
    }


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.escape(route).replace(r"\*", "[^/]+").replace(r"\ ", " "))


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
