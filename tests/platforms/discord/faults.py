"""What goes wrong on the way to Discord's REST API, when a test wants it so; and the rate limits.

A route is named as in `POST /channels/*/messages`, a star standing for one part.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from aiohttp import web

from tests.platforms import faults
from tests.platforms.discord.state import State
from tests.platforms.faults import Do, Limit

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Faults(faults.Faults):
    """See above. Limits count for each channel, guild and webhook on its own."""

    def __init__(self, state: State) -> None:
        super().__init__(state.clock)

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a pattern names a route."""
        return re.fullmatch(re.escape(pattern).replace(r"\*", "[^/]+"), name) is not None

    def answer(self, body: Any, status: int) -> web.Response:
        """An answer of Discord's."""
        return answer(body, status)

    def broken(self, status: int) -> web.Response:
        """An answer of a gateway between us: text."""
        return web.Response(status=status, text="upstream connect error")

    def limit(
        self, route: str, retry_after: float, *, is_global: bool = False, has_via: bool = True, times: int = 1
    ) -> None:
        """Answer 429; without `has_via` as Cloudflare does, whose answers discord.py does not try again."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            return too_many(retry_after, is_global=is_global, has_via=has_via)

        self.add(route, befall, times)

    async def run(self, request: web.Request, route: str, handler: Handler) -> web.StreamResponse:
        """Let a request meet what is to befall it. `route` is its method and path."""
        do = partial(handler, request)
        if (befall := self.next_for(route)) is not None:
            return await befall(request, do)
        for pattern, limit in self.limits.items():
            if self.matches(pattern, route):
                return await self._counted(route, limit, do)
        response = await do()
        response.headers.update(_headers(route, Limit(1000, 1), remaining=999, reset_after=1))
        return response

    async def _counted(self, route: str, limit: Limit, do: Do) -> web.StreamResponse:
        wait_s, used = self.count(route, limit)
        if wait_s > 0:
            return too_many(wait_s)
        now = self.clock.now()
        response = await do()
        reset_after = (used[0] + timedelta(seconds=limit.per_s) - now).total_seconds()
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
