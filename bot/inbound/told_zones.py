"""Time zones that a platform tells of people: kept when they are news, so that an agent reads their clock right."""

from collections.abc import Callable
from datetime import datetime

from adapters.ports.messages import Origin
from bot.agents import Agents
from bot.clocks import NotAMoment, zone_named
from bot.inbound.lanes import Lanes
from bot.scopes import direct_scope, person_of
from bot.timed.follow_ups import FollowUps
from memory.people.known import People

MOST_AT_HAND = 50_000


class ToldZones:
    """What platforms tell; what people have set themselves comes before it."""

    def __init__(
        self, people: People, agents: Agents, lanes: Lanes, follow_ups: FollowUps, now: Callable[[], datetime]
    ) -> None:
        self._people = people
        self._agents = agents
        self._lanes = lanes
        self._follow_ups = follow_ups
        self._now = now
        self._told: dict[str, str] = {}
        """By person: so that nothing is written, or read, for what was told before."""

    async def note(self, origin: Origin) -> None:
        """A platform tells with a message in which time zone its writer is, if it knows."""
        name, person = origin.person.timezone, person_of(origin)
        if name is None or self._told.get(person) == name:
            return
        if len(self._told) >= MOST_AT_HAND:
            self._told.clear()
        self._told[person] = name
        try:
            zone_named(name)
        except NotAMoment:
            return
        before = await self._people.timezone(person)
        if before == name:
            return
        await self._people.tell_timezone(person, name)
        if await self._people.timezone(person) == before:
            return
        own = direct_scope(person)

        async def read_anew() -> None:
            self._agents.let_go(own)

        self._lanes.submit(own, read_anew)
        await self._follow_ups.moved(person, zone_named(name), self._now())
