"""What goes wrong on the way to a platform's API, when a test wants it so: what all the fakes share."""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from tests.platforms.clock import Clock

Do = Callable[[], Awaitable[web.StreamResponse]]
"""Does what was asked for, and says what came of it."""

Befall = Callable[[web.Request, Do], Awaitable[web.StreamResponse]]


@dataclass(eq=False)
class Fault:
    """Something that befalls the next requests that its pattern matches, `times` of them."""

    pattern: str
    befall: Befall
    times: int = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds, in the time of the fake."""

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


class Faults(ABC):
    """Each fault is used up; `limits`, by pattern, hold until they are taken away.

    A platform says how a pattern matches (`matches`), and what its answers look like (`answer`, `broken`).
    """

    def __init__(self, clock: Clock) -> None:
        self.limits: dict[str, Limit] = {}
        self.clock = clock
        self._faults: list[Fault] = []
        self._used: defaultdict[object, list[datetime]] = defaultdict(list)

    @abstractmethod
    def matches(self, pattern: str, name: str) -> bool:
        """Whether a pattern names a request."""

    @abstractmethod
    def answer(self, body: Any, status: int) -> web.Response:
        """An answer of the platform's own."""

    @abstractmethod
    def broken(self, status: int) -> web.Response:
        """An answer of a gateway between us."""

    def fail(self, pattern: str, status: int, body: Any = None, *, times: int = 1) -> None:
        """Answer with a status and do nothing; without a body the answer is a gateway's between us."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            return self.broken(status) if body is None else self.answer(body, status)

        self.add(pattern, befall, times)

    def fail_after(self, pattern: str, status: int, *, times: int = 1) -> None:
        """Do the thing and answer that it failed."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            await do()
            return self.broken(status)

        self.add(pattern, befall, times)

    def lose_answer(self, pattern: str, *, times: int = 1) -> None:
        """Do the thing, then break the connection off before the answer."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            response = await do()
            _cut(request)
            return response

        self.add(pattern, befall, times)

    def lose_request(self, pattern: str, *, times: int = 1) -> None:
        """Break the connection off and do nothing."""

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            _cut(request)
            return self.broken(503)

        self.add(pattern, befall, times)

    def hold(self, pattern: str, *, times: int = 1) -> Hold:
        """Let the requests wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            hold.arrived.set()
            await hold.may_go.wait()
            return self.broken(503) if hold.is_dropped else await do()

        self.add(pattern, befall, times)
        return hold

    def hold_answer(self, pattern: str, *, times: int = 1) -> Hold:
        """Do the thing, and let the answers wait until they are released."""
        hold = Hold()

        async def befall(request: web.Request, do: Do) -> web.StreamResponse:
            response = await do()
            hold.arrived.set()
            await hold.may_go.wait()
            return response

        self.add(pattern, befall, times)
        return hold

    def add(self, pattern: str, befall: Befall, times: int) -> None:
        """Let something befall requests."""
        self._faults.append(Fault(pattern, befall, times))

    def next_for(self, name: str) -> Befall | None:
        """What befalls this request; it is used up."""
        for fault in self._faults:
            if self.matches(fault.pattern, name):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault.befall
        return None

    def count(self, of: object, limit: Limit) -> tuple[float, list[datetime]]:
        """How long a request has to wait; if it need not, it is counted. And those that count by now."""
        now, window = self.clock.now(), timedelta(seconds=limit.per_s)
        used = self._used[of] = [at for at in self._used[of] if at > now - window]
        if len(used) >= limit.count:
            return (used[0] + window - now).total_seconds(), used
        used.append(now)
        return 0.0, used


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
