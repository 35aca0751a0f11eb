"""What goes wrong on the way to Slack's Web API, when a test wants it so; and the rate limits.

A call is named by its method, as `chat.postMessage`; a star stands for anything, as in `chat.*`. The bytes of files are
`files`, and what is posted to the address of an interaction is `response_url`.
"""

from fnmatch import fnmatchcase
from math import ceil
from typing import Any

from aiohttp import web

from tests.platforms import faults
from tests.platforms.faults import Do
from tests.platforms.slack.state import State


class Faults(faults.Faults):
    """See above. Limits count for each channel on its own.

    Slack's own limit of posts is `faults.limits["chat.postMessage"] = Limit(1, 1)`
    (https://docs.slack.dev/apis/web-api/rate-limits).
    """

    def __init__(self, state: State) -> None:
        super().__init__(state.clock)

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a pattern names a method."""
        return fnmatchcase(name, pattern)

    def answer(self, body: Any, status: int) -> web.Response:
        """An answer of Slack's."""
        return web.json_response(body, status=status)

    def broken(self, status: int) -> web.Response:
        """An answer of a gateway between us: HTML."""
        return web.Response(status=status, text="<html>upstream connect error</html>", content_type="text/html")

    def refuse(self, method: str, error: str, *, times: int = 1, **more: object) -> None:
        """Answer with an error of Slack's and do nothing."""
        self.fail(method, 200, {"ok": False, "error": error, **more}, times=times)

    def limit(self, method: str, retry_after: int = 1, *, times: int = 1) -> None:
        """Answer 429, as if too much had been asked for."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            return _too_many(retry_after)

        self.add(method, befall, times)

    async def run(self, request: web.Request, method: str, channel: str, do: Do) -> web.StreamResponse:
        """Let a call meet what is to befall it."""
        if (befall := self.next_for(method)) is not None:
            return await befall(request, do)
        for pattern, limit in self.limits.items():
            if self.matches(pattern, method):
                wait_s, _ = self.count((pattern, channel), limit)
                if wait_s > 0:
                    return _too_many(ceil(wait_s))
        return await do()


def _too_many(retry_after: int) -> web.Response:
    headers = {"Retry-After": str(retry_after)}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
