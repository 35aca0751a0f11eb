"""What goes wrong on the way to Slack's Web API, when a test wants it so; and the rate limits.

A call is named by its method, as `chat.postMessage`; a star stands for anything, as in `chat.*`. The bytes of files are
`files`, and what is posted to the address of an interaction is `response_url`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from math import ceil

from aiohttp import web

from tests.platforms.slack.errors import Json
from tests.platforms.slack.state import State

Answer = Callable[[], Awaitable[web.StreamResponse]]
"""Does what was asked for, and says what came of it."""


@dataclass(eq=False)
class Fault:
    """Something that befalls the next calls of a method, `times` of them."""

    method: str
    befall: Callable[[web.Request, Answer], Awaitable[web.StreamResponse]]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so many seconds, in the time of the fake; counted for each channel on its own."""

    count: int
    per_s: float


@dataclass(eq=False)
class Hold:
    """Calls that wait; `arrived` is set when one does, `release` lets them go on, `drop` ends them undone."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    is_dropped: bool = False

    def release(self) -> None:
        self.may_go.set()

    def drop(self) -> None:
        self.is_dropped = True
        self.may_go.set()


class Faults:
    """See above. Each fault is used up; `limits` hold until they are taken away.

    Slack's own limit of posts is `faults.limits["chat.postMessage"] = Limit(1, 1)`
    (https://docs.slack.dev/apis/web-api/rate-limits).
    """

    def __init__(self, state: State) -> None:
        self.limits: dict[str, Limit] = {}
        self._state = state
        self._faults: list[Fault] = []
        self._used: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)

    def refuse(self, method: str, error: str, *, times: int = 1, **more: object) -> None:
        """Answer with an error of Slack's and do nothing."""
        self.fail(method, 200, {"ok": False, "error": error, **more}, times=times)

    def fail(self, method: str, status: int, body: Json | None = None, *, times: int = 1) -> None:
        """Answer with a status and do nothing; without a body the answer is HTML, as a gateway's between us is."""

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            return _broken(status) if body is None else web.json_response(body, status=status)

        self._faults.append(Fault(method, befall, times))

    def fail_after(self, method: str, status: int, *, times: int = 1) -> None:
        """Do the thing and answer that it failed."""

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            await answer()
            return _broken(status)

        self._faults.append(Fault(method, befall, times))

    def lose_answer(self, method: str, *, times: int = 1) -> None:
        """Do the thing, then break the connection off before the answer."""

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            response = await answer()
            _cut(request)
            return response

        self._faults.append(Fault(method, befall, times))

    def lose_request(self, method: str, *, times: int = 1) -> None:
        """Break the connection off and do nothing."""

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            _cut(request)
            return _broken(503)

        self._faults.append(Fault(method, befall, times))

    def hold(self, method: str, *, times: int = 1) -> Hold:
        """Let the calls wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            hold.arrived.set()
            await hold.may_go.wait()
            return _broken(503) if hold.is_dropped else await answer()

        self._faults.append(Fault(method, befall, times))
        return hold

    def hold_answer(self, method: str, *, times: int = 1) -> Hold:
        """Do the thing, and let the answers wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            response = await answer()
            hold.arrived.set()
            await hold.may_go.wait()
            return response

        self._faults.append(Fault(method, befall, times))
        return hold

    def limit(self, method: str, retry_after: int = 1, *, times: int = 1) -> None:
        """Answer 429, as if too much had been asked for."""

        async def befall(request: web.Request, answer: Answer) -> web.StreamResponse:
            return _too_many(retry_after)

        self._faults.append(Fault(method, befall, times))

    async def run(self, request: web.Request, method: str, channel: str, answer: Answer) -> web.StreamResponse:
        """Let a call meet what is to befall it."""
        for fault in self._faults:
            if fnmatchcase(method, fault.method):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return await fault.befall(request, answer)
        for pattern, limit in self.limits.items():
            if fnmatchcase(method, pattern) and (wait_s := self._count(pattern, channel, limit)) > 0:
                return _too_many(ceil(wait_s))
        return await answer()

    def _count(self, pattern: str, channel: str, limit: Limit) -> float:
        """How long the call has to wait; if it need not, it is counted."""
        now, window = self._state.clock.now(), timedelta(seconds=limit.per_s)
        used = self._used[pattern, channel] = [at for at in self._used[pattern, channel] if at > now - window]
        if len(used) >= limit.count:
            return (used[0] + window - now).total_seconds()
        used.append(now)
        return 0.0


def _too_many(retry_after: int) -> web.Response:
    headers = {"Retry-After": str(retry_after)}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def _broken(status: int) -> web.Response:
    return web.Response(status=status, text="<html>upstream connect error</html>", content_type="text/html")


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
