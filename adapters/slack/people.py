"""What people are called, their time zones and what they may: asked of Slack, which tells ids alone in its events."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.slack.errors import translated
from adapters.slack.told import listed_in, part_in, text_in

logger = logging.getLogger(__name__)

ASKED_WITHIN_S = 0.25
"""So long an event waits for the name of somebody of whom nothing is known; then they are called by their id.

Slack waits three seconds until it is acknowledged, for the database as well, and for all who write at once.
"""

AT_ONCE = 8
"""Names that are asked for at a time."""

PAGE, MOST_PAGES = 200, 15
"""Of the list of all; a larger workspace's others are asked for when they write.

https://docs.slack.dev/reference/methods/users.list recommends such pages, and takes some twenty a minute.
"""

KNOWN_FOR_S = 3600.0
ASKED_AGAIN_AFTER_S = 30.0
"""Where Slack did not say."""

MOST_KNOWN = 10_000
MOST_ASKED = 10
"""Of one message."""


class People:
    """Those of a workspace.

    Args:
        client: asks.
        team: the workspace.
        now: a clock that only goes on, in seconds.
    """

    def __init__(self, client: AsyncWebClient, team: str, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._team = team
        self._now = now
        self._known: dict[str, tuple[str | None, float]] = {}
        self._zones: dict[str, str] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._asked_since: dict[str, float] = {}
        self._few = asyncio.Semaphore(AT_ONCE)

    async def learn(self) -> None:
        """Find out what all are called before they write, so that nobody's first message has to wait; never raises."""
        cursor = ""
        try:
            for _ in range(MOST_PAGES):
                with translated():
                    answer = (await self._client.users_list(limit=PAGE, cursor=cursor or None)).data
                told = answer if isinstance(answer, dict) else {}
                for user in listed_in(told, "members"):
                    self._know(text_in(user, "id"), _name_of(user), KNOWN_FOR_S)
                    self._learn_zone(text_in(user, "id"), user)
                if not (cursor := text_in(part_in(told, "response_metadata"), "next_cursor")):
                    return
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("what people are called is asked for when they write: %s", error)

    def ask(self, ids: Collection[str]) -> None:
        """Begin to find out what people are called."""
        for id_ in list(ids)[:MOST_ASKED]:
            _, until = self._known.get(id_, (None, float("-inf")))
            if until <= self._now() and id_ not in self._asked:
                self._asked_since[id_] = asyncio.get_running_loop().time()
                self._asked[id_] = asyncio.create_task(self._look_up(id_), name="a name")

    async def names(self, ids: Collection[str]) -> dict[str, str]:
        """What people are called, as far as that can be told in time; nobody waits for what a name may be by now."""
        self.ask(ids)
        asked = [id_ for id_ in ids if id_ in self._asked and self._known.get(id_, (None,))[0] is None]
        if asked:
            until = max(self._asked_since[id_] for id_ in asked) + ASKED_WITHIN_S
            left_s = max(0.0, until - asyncio.get_running_loop().time())
            await asyncio.wait([self._asked[id_] for id_ in asked], timeout=left_s)
        return self.known(ids)

    def known(self, ids: Collection[str]) -> dict[str, str]:
        """What people are called, as far as that is known now."""
        known = {id_: self._known[id_][0] for id_ in ids if id_ in self._known}
        return {id_: name for id_, name in known.items() if name}

    def zone_of(self, id_: str) -> str | None:
        """The time zone that somebody has set in Slack, as far as it is known."""
        return self._zones.get(id_)

    async def is_admin(self, id_: str) -> bool:
        """Whether somebody looks after the workspace at this moment; not, where Slack does not say."""
        try:
            user = await self._info(id_)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what somebody may cannot be told: %s", error)
            return False
        is_there = not user.get("deleted") and not user.get("is_bot") and self._is_of_team(user)
        return is_there and any(user.get(right) is True for right in ("is_admin", "is_owner", "is_primary_owner"))

    async def close(self) -> None:
        """Ask no more of what events wait for."""
        for task in self._asked.values():
            task.cancel()
        if self._asked:
            await asyncio.wait(list(self._asked.values()))

    async def _look_up(self, id_: str) -> None:
        before, _ = self._known.get(id_, (None, 0.0))
        try:
            async with self._few:
                user = await self._info(id_)
            name, lasts_s = _name_of(user) or before, KNOWN_FOR_S
            self._learn_zone(id_, user)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("what somebody is called cannot be told: %s", error)
            name, lasts_s = before, ASKED_AGAIN_AFTER_S
        finally:
            self._asked.pop(id_, None)
            self._asked_since.pop(id_, None)
        self._know(id_, name, lasts_s)

    def _learn_zone(self, id_: str, user: Mapping[str, Any]) -> None:
        if isinstance(zone := user.get("tz"), str) and zone:
            self._zones[id_] = zone

    def _know(self, id_: str, name: str | None, lasts_s: float) -> None:
        self._known.pop(id_, None)
        self._known[id_] = (name, self._now() + lasts_s)
        if len(self._known) > MOST_KNOWN:
            gone = next(iter(self._known))
            del self._known[gone]
            self._zones.pop(gone, None)

    def _is_of_team(self, user: Mapping[str, Any]) -> bool:
        """Whether somebody belongs to the workspace; in a channel that is shared others' admins write as well."""
        teams = part_in(user, "enterprise_user").get("teams")
        return user.get("team_id") == self._team or (isinstance(teams, list) and self._team in teams)

    async def _info(self, id_: str) -> Mapping[str, Any]:
        with translated():
            told = (await self._client.users_info(user=id_)).get("user")
        return told if isinstance(told, dict) else {}


def _name_of(user: Mapping[str, Any]) -> str | None:
    """What other people see of somebody (https://docs.slack.dev/reference/objects/user-object)."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return next((name for name in names if isinstance(name, str) and name.strip()), None)
