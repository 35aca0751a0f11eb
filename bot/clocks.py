"""Moments as people name them: local times in a zone, and hours in which nobody is to be disturbed (pure)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from config.settings import QuietHours

# RFC 9557 writes a zone so: 2026-03-02T09:00[Europe/Lisbon], with or without an offset before it.
_NAMES_ZONE = re.compile(r"(?P<time>.*?)\s*\[(?P<zone>[\w+/ -]+)\]")
_HAS_TIME = re.compile(r"\d[T ]\d", re.ASCII)

_YEARS = range(1900, 9000)
"""Beside the first year and the last, a moment has no name in every time zone."""


class NotAMoment(ValueError):
    """The text names no moment; it says why, in a sentence."""


class ZoneUnknown(ValueError):
    """The text names a local time, and nobody knows by whose clock."""


@dataclass(frozen=True, slots=True)
class When:
    """A moment as it was named.

    Attributes:
        moment: in UTC.
        local: what the clock is to show then, without an offset; None if a moment was named by its offset.
        zone: the time zone that was named with it; None if none was.
    """

    moment: datetime
    local: str | None
    zone: ZoneInfo | None


def read_when(written: str, zone: ZoneInfo | None) -> When:
    """Read an ISO 8601 time, local or with an offset, perhaps with a time zone in brackets behind it.

    Args:
        written: the time.
        zone: whose local time it is, if it says nothing else; None if that is not known.

    Raises:
        NotAMoment: it names none; also if the clock never shows it, as it is put forward then.
        ZoneUnknown: it is a local time, and there is no zone to read it in.
    """
    text, named = written.strip(), None
    if (found := _NAMES_ZONE.fullmatch(text)) is not None:
        text, named = found["time"], zone_named(found["zone"])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAMoment(f"{written!r} is no time that there is ({error}).") from None
    if not _HAS_TIME.search(text):
        raise NotAMoment(f"{written!r} names a day and no time of day.")
    if moment.year not in _YEARS:
        raise NotAMoment(f"{written!r} is no time for which anything can be planned.")
    if moment.tzinfo is not None:
        return When(moment.astimezone(UTC), None, named)
    by = named or zone
    if by is None:
        raise ZoneUnknown
    if at_local(moment, by).astimezone(by).replace(tzinfo=None, fold=0) != moment:
        raise NotAMoment(f"There is no {moment:%H:%M} on {moment:%Y-%m-%d} in {by.key}: the clock is put forward then.")
    return When(at_local(moment, by), moment.isoformat(), named)


def zone_named(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        NotAMoment: there is none.
    """
    try:
        return ZoneInfo(name.strip())
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, and a name may be that of a folder
        pass
    except KeyError:
        pass
    raise NotAMoment(f"There is no time zone {name!r}; it should be a name such as Europe/Lisbon.")


def at_local(local: datetime, zone: ZoneInfo) -> datetime:
    """When a clock shows a time: the first of two, or, where it is put forward over that time, as much later."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def after_quiet(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """The first moment from this one on that is not in somebody's quiet hours, by their clock."""
    local = moment.astimezone(zone)
    at, over_midnight = local.time(), quiet.start > quiet.end
    is_quiet = at >= quiet.start or at < quiet.end if over_midnight else quiet.start <= at < quiet.end
    if not is_quiet:
        return moment
    day = local.date() + timedelta(days=int(over_midnight and at >= quiet.start))
    ends = (datetime.combine(day, quiet.end, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return next((end for end in ends if end > moment), moment)  # where the clock is put back, the second of two
