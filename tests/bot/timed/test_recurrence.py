"""What comes again and again, by the clock of a place."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.timed.recurrence import BadRepeat, checked_repeat, next_of

LISBON = ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday


def times(cron: str, after: datetime, count: int, zone: ZoneInfo = LISBON) -> list[str]:
    found = []
    for _ in range(count):
        following = next_of(cron, zone, after)
        assert following is not None
        after = following
        found.append(f"{after.astimezone(zone):%a %d %b %H:%M}")
    return found


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * *", ["Mon 02 Mar 09:00", "Tue 03 Mar 09:00"]),
        ("0 9 * * 0", ["Sun 08 Mar 09:00", "Sun 15 Mar 09:00"]),  # as crontabs count, not as APScheduler does
        ("0 9 * * 7", ["Sun 08 Mar 09:00"]),
        ("0 9 * * 1", ["Mon 02 Mar 09:00"]),
        ("0 9 * * 6-1", ["Mon 02 Mar 09:00", "Sat 07 Mar 09:00", "Sun 08 Mar 09:00"]),
        ("30 18 * * MON-FRI", ["Mon 02 Mar 18:30"]),
        ("0 9 1 * *", ["Wed 01 Apr 09:00", "Fri 01 May 09:00"]),
        ("0 */6 * * *", ["Sun 01 Mar 18:00", "Mon 02 Mar 00:00"]),
        ("0 9 29 2 *", ["Tue 29 Feb 09:00"]),
    ],
)
def test_it_comes_when_a_crontab_says(cron: str, expected: list[str]) -> None:
    assert times(cron, NOW, len(expected)) == expected


def test_nine_in_the_morning_stays_nine_where_the_clock_is_put_forward_and_back() -> None:
    before_spring, before_autumn = datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC)
    assert times("0 9 * * *", before_spring, 3) == ["Sat 28 Mar 09:00", "Sun 29 Mar 09:00", "Mon 30 Mar 09:00"]
    assert times("0 9 * * *", before_autumn, 3) == ["Sat 24 Oct 09:00", "Sun 25 Oct 09:00", "Mon 26 Oct 09:00"]


def test_a_time_that_is_left_out_comes_later_and_one_that_comes_twice_comes_once() -> None:
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert times("30 1 * * *", spring, 2) == ["Sun 29 Mar 02:30", "Mon 30 Mar 01:30"]
    assert times("30 1 * * *", autumn, 2) == ["Sun 25 Oct 01:30", "Mon 26 Oct 01:30"]


def test_what_comes_every_hour_comes_every_hour() -> None:
    moment, hours = datetime(2026, 10, 24, 20, tzinfo=UTC), []
    for _ in range(8):
        following = next_of("30 * * * *", LISBON, moment)
        assert following is not None
        hours.append(following - moment)
        moment = following
    assert set(hours[1:]) == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("* * * * *", "too often"),
        ("*/5 * * * *", "too often"),
        ("0,10 9 * * *", "too often"),
        ("* * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("every day", "five fields"),
        ("0 9 31 2 *", "never comes"),
        ("0 25 * * *", "no cron expression"),
        ("0 9 * * mond", "no cron expression|no day of the week"),
        ("0 9 * * 9", "no day of the week"),
        ("0 9 1 * mon", "or a day of the week"),
        ("0 9 * * 1/0", "no days of the week"),
        ("0 x * * *", "no cron expression"),
        (f"{'0,' * 1000}0 9 * * *", "at most 100 characters"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(cron: str, why: str) -> None:
    with pytest.raises(BadRepeat, match=why):
        checked_repeat(cron, LISBON, NOW)


def test_it_is_kept_in_one_form() -> None:
    assert checked_repeat("  0  9 * *  MON ", LISBON, NOW) == "0 9 * * mon"


@given(st.text(max_size=30))
def test_whatever_is_written_it_is_taken_or_refused(cron: str) -> None:
    try:
        kept = checked_repeat(cron, LISBON, NOW)
    except BadRepeat:
        return
    following = next_of(kept, LISBON, NOW)
    assert following is not None
    assert following > NOW


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(["Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
@example(0, 0, datetime(2027, 3, 12), "America/New_York")  # noqa: DTZ001 - as above
def test_a_daily_time_comes_once_each_day(minute: int, hour: int, local: datetime, zone: str) -> None:
    after, place, days = local.replace(tzinfo=UTC), ZoneInfo(zone), []
    for _ in range(4):
        following = next_of(f"{minute} {hour} * * *", place, after)
        assert following is not None
        days.append(following.astimezone(place).date())
        after = following
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))
