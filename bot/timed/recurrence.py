"""What comes again and again: cron expressions, by the clock of a time zone (pure).

APScheduler computes them. It counts weekdays from Monday and wants both days to match, where a crontab counts from
Sunday and takes either: so weekdays are named here before it sees them, and both together are refused.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

LEAST_BETWEEN = timedelta(minutes=15)
"""Whoever wants to hear of something more often wants something else."""

LOOKED_AT = 60
"""So many times are looked at to find out how often something comes."""

MOST_CHARS = 100
"""Of an expression; one that names a thousand minutes takes long to read, and means none other."""

_AHEAD = timedelta(days=366 * 9)
"""A leap day may be eight years away; what does not come in that time never does."""

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ENDS = ("day", "day", "sday", "nesday", "rsday", "day", "urday")
_HOUR, _DAY, _WEEKDAY = 1, 2, 4


class BadRepeat(ValueError):
    """A cron expression cannot be used; the text says why, in a sentence."""


def checked_repeat(cron: str, zone: ZoneInfo, now: datetime) -> str:
    """A cron expression as it is kept.

    Raises:
        BadRepeat: it is none, it never comes, or it comes more often than every `LEAST_BETWEEN`.
    """
    kept = " ".join(cron.split()).lower()
    if len(kept) > MOST_CHARS:
        raise BadRepeat(f"A cron expression has at most {MOST_CHARS} characters.")
    times = [now]
    while len(times) < LOOKED_AT and (following := next_of(kept, zone, times[-1])) is not None:
        times.append(following)
    if len(times) == 1:
        raise BadRepeat(f"{cron!r} never comes.")
    if any(later - earlier < LEAST_BETWEEN for earlier, later in pairwise(times[1:])):
        minutes = int(LEAST_BETWEEN.total_seconds() // 60)
        raise BadRepeat(f"{cron!r} comes too often: at most once in {minutes} minutes.")
    return kept


def next_of(cron: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    """When a cron expression comes next after a moment, in UTC; None: never.

    At a time of day that a clock shows twice it comes once; at one that it leaves out, as much later. What comes every
    hour comes every hour.

    Raises:
        BadRepeat: it is no cron expression.
    """
    trigger: Any = _trigger(cron, zone, after)
    clock: Any = _trigger(cron, ZoneInfo("UTC"), after)
    every_hour = cron.split()[_HOUR].startswith("*")
    moment = after
    while True:
        later = (moment + timedelta(microseconds=1)).astimezone(zone)
        found: datetime | None = trigger.get_next_fire_time(None, later)
        by_clock = _by_clock(clock.get_next_fire_time(None, later.replace(tzinfo=UTC)), zone, moment)
        if by_clock is not None and (found is None or by_clock < found):
            found = by_clock
        if found is None:
            return None
        moment = found.astimezone(UTC)
        if every_hour or not found.fold:
            return moment


def _by_clock(shown: datetime | None, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The moment at which a zone's clock shows a time, if it ever does and that is yet to come.

    Of days that follow a day of 23 hours APScheduler passes over the first hour: it counts on by 24 hours.
    """
    moment = shown.replace(tzinfo=zone) if shown is not None else None
    if moment is None or moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        return None
    return moment if moment.astimezone(UTC) > after else None


def _trigger(cron: str, zone: ZoneInfo, after: datetime) -> Any:
    from apscheduler.triggers.cron import CronTrigger  # 50 ms, which a start need not wait for

    fields = cron.split()
    if len(fields) != 5:
        raise BadRepeat(f"{cron!r} is no cron expression: it should have five fields, such as `0 9 * * mon`.")
    if fields[_DAY] != "*" and fields[_WEEKDAY] != "*":
        raise BadRepeat("Give a day of the month or a day of the week, and * for the other.")
    minute, hour, day, month, weekday = fields
    try:
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_named_days(weekday),
            second="0",
            timezone=zone,
            end_date=after.astimezone(zone) + _AHEAD,
        )
    except (ValueError, KeyError, IndexError) as error:
        raise BadRepeat(f"{cron!r} is no cron expression: {error}.") from None


def _named_days(field: str) -> str:
    """The days of the week of a crontab by their names: `1-5` is mon,tue,wed,thu,fri; 0 and 7 are Sunday."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low = 0 if first == "*" else _day_number(first)
        high = 6 if first == "*" else _day_number(last) if last else (6 if step else low)
        high += 7 if high < low else 0
        if step and (not step.isdigit() or int(step) == 0):
            raise BadRepeat(f"{field!r} names no days of the week.")
        days |= {day % 7 for day in range(low, high + 1, int(step or 1))}
    return ",".join(_DAYS[day] for day in sorted(days, key=lambda day: (day - 1) % 7))


def _day_number(name: str) -> int:
    for number, day in enumerate(_DAYS):
        if name in (day, f"{day}{_ENDS[number]}"):
            return number
    if name.isdigit() and int(name) <= 7:
        return int(name) % 7
    raise BadRepeat(f"{name!r} is no day of the week.")
