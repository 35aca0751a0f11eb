"""What narrows a search: `from:Ada`, `after:2026-03-01`, `before:…` and `on:…` among the words of a query (pure).

A name that nobody has or a day that there is not stays a word to look for, and is told, lest the finds be taken for
what was asked for.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from memory.search.words import fold

# Behind a space only if it is understood: `from: the market` is prose.
_NARROWS = re.compile(
    r"""(?<![^\s(,;])(from|after|before|on)[:：](\s+(?!(?:from|after|before|on)[:：]))?("[^"]*"|'[^']*'|\S+)""",
    re.IGNORECASE,
)
_BEHIND = ",.;:!?)"
_HOUR = re.compile(r"\d[T ]\d", re.ASCII)
_MONTH = re.compile(r"(\d{4})(?:-(\d{1,2}))?", re.ASCII)
_MAX_TOLD_CHARS = 40
_MAX_TOLD = 3


class Role(StrEnum):
    """Whose words: people's or the agent's."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A query taken apart: the words, and what a find must be besides.

    Attributes:
        words: the query without what narrows it.
        speakers: the names that `from:` names; None for anybody. Empty if two of them exclude each other.
        role: whose words; None for anybody's.
        since: the first local day.
        until: the first local day that is too late.
        untaken: what was not understood, in words for whoever asked.
    """

    words: str
    speakers: frozenset[str] | None = None
    role: Role | None = None
    since: date | None = None
    until: date | None = None
    untaken: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether anything is left out for another reason than its words."""
        return any(part is not None for part in (self.speakers, self.role, self.since, self.until))

    def moments(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """The days as moments: from, and up to but not including."""
        return _midnight(self.since, zone), _midnight(self.until, zone)


def may_narrow(query: str) -> bool:
    """Whether a query has anything in it that looks like narrowing it."""
    return bool(_NARROWS.search(query))


def narrowed(query: str, names: Sequence[str] | None = None) -> Narrowed:
    """Take a query apart.

    Args:
        query: as it was written. Names stand in quotes if they have spaces; a month or a year stands for its days.
        names: of those who spoke, for `from:`, which takes a whole name or any part of one; None where nobody speaks.
    """
    if not may_narrow(query):
        return Narrowed(query)
    speakers: frozenset[str] | None = None
    roles: set[Role] = set()
    days: list[tuple[date | None, date | None]] = []
    untaken: list[str] = []

    def take(found: re.Match[str]) -> str:
        nonlocal speakers
        operator, value = found[1].lower(), _bare(found[3])
        if operator != "from":
            if (span := _span(operator, value)) is None:
                return leave(found, f"{_short(value)} is no day such as 2026-03-31; not narrowed")
            days.append(span)
            if _HOUR.search(value):
                untaken.append(f"of {_short(value)} only the day counts")
        elif value.lower() in set(Role):  # also if somebody calls himself so
            roles.add(Role(value.lower()))
        elif named := _named(value, names or ()):
            speakers = named if speakers is None else speakers & named
        elif names is None:
            return leave(found, "notes have no speaker; not narrowed")
        else:
            return leave(found, f"nobody here is called {_short(value)}; not narrowed")
        return " "

    def leave(found: re.Match[str], why: str) -> str:
        if not found[2]:
            untaken.append(why)
        return found[0]

    words = _NARROWS.sub(take, query)
    if len(roles) > 1:
        speakers, roles = frozenset(), set()
    taken = Narrowed(
        " ".join(words.split()),
        speakers,
        next(iter(roles), None),
        max((since for since, _ in days if since), default=None),
        min((until for _, until in days if until), default=None),
        tuple(dict.fromkeys(untaken))[:_MAX_TOLD],
    )
    return taken if taken.narrows else replace(taken, words=query)


def _bare(value: str) -> str:
    """What was written, without its quotes and what ends the clause that it stands in."""
    for quote in "\"'":
        if value[0] == quote == value[-1]:
            return value.strip(quote).strip()
    return value.rstrip(_BEHIND).strip("\"'")


def _short(value: str) -> str:
    return value if len(value) <= _MAX_TOLD_CHARS else f"{value[:_MAX_TOLD_CHARS]}…"


def _span(operator: str, value: str) -> tuple[date | None, date | None] | None:
    """From which day, and up to which, not included; None if no day is named."""
    try:
        first, last = _days(value)
    except ValueError:
        return None
    behind = last + timedelta(days=1) if last < date.max else None
    if operator == "before":
        return None, behind if _HOUR.search(value) else first  # what was said in the morning is before noon
    return first, behind if operator == "on" else None


def _days(value: str) -> tuple[date, date]:
    """The first and the last day of what is named: a day, a moment, a month or a year."""
    if (named := _MONTH.fullmatch(value)) is None:
        day = datetime.fromisoformat(value).date()
        return day, day
    year, month = int(named[1]), int(named[2] or 0)
    last = date(year, month or 12, monthrange(year, month or 12)[1])
    return date(year, month or 1, 1), last


def _named(value: str, names: Sequence[str]) -> frozenset[str]:
    sought = _key(value)
    return frozenset(name for name in names if sought and f" {sought} " in f" {_key(name)} ")


def _key(name: str) -> str:
    """A name as it is compared: the words of it, without accents and apostrophes."""
    return " ".join(re.sub("['’]", "", fold(name)).split())


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone)
