"""Local times, and quiet hours, over midnight and wherever the clock is put forward or back."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clocks import NotAMoment, ZoneUnknown, after_quiet, at_local, read_when
from config.settings import QuietHours

LISBON, TOKYO = ZoneInfo("Europe/Lisbon"), ZoneInfo("Asia/Tokyo")
ZONES = [
    ZoneInfo(name) for name in ("Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
]
NIGHT = QuietHours(time(22), time(8))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("written", "moment", "local"),
    [
        ("2026-07-02T09:00", utc(2026, 7, 2, 8), "2026-07-02T09:00:00"),
        (" 2026-01-02 09:00:30 ", utc(2026, 1, 2, 9, 0, 30), "2026-01-02T09:00:30"),
        ("2026-07-02T09:00+02:00", utc(2026, 7, 2, 7), None),
        ("2026-07-02T09:00Z", utc(2026, 7, 2, 9), None),
        ("2026-07-02T09:00[Asia/Tokyo]", utc(2026, 7, 2, 0), "2026-07-02T09:00:00"),
        ("2026-10-25T01:30", utc(2026, 10, 25, 0, 30), "2026-10-25T01:30:00"),  # the first of two
    ],
)
def test_a_time_is_read_by_the_clock_that_it_names(written: str, moment: datetime, local: str | None) -> None:
    when = read_when(written, LISBON)
    assert (when.moment, when.local) == (moment, local)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-02-30T09:00", "out of range"),
        ("tomorrow at nine", "no time that there is"),
        ("", "no time that there is"),
        ("2026-03-02", "no time of day"),
        ("2026-03-29T01:30", "put forward"),
        ("2026-03-02T09:00[Europe/Lisboa]", "no time zone 'Europe/Lisboa'"),
        ("2026-03-02T09:00[../../etc/passwd]", "no time"),
        ("2026-03-02T09:00[Europe]", "no time zone"),
        ("9999-12-31T23:59[America/New_York]", "for which anything"),
        ("9999-12-31T23:59-05:00", "for which anything"),
        ("0001-01-01T00:00+05:00", "for which anything"),
    ],
)
def test_what_is_no_time_is_told_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(NotAMoment, match=why):
        read_when(written, LISBON)


def test_a_local_time_of_nobody_knows_whom_is_none_but_a_moment_is_one() -> None:
    with pytest.raises(ZoneUnknown):
        read_when("2026-03-02T09:00", None)
    assert read_when("2026-03-02T09:00+01:00", None).moment == utc(2026, 3, 2, 8)
    named = read_when("2026-03-02T09:00[Asia/Tokyo]", None)
    assert (named.moment, named.zone) == (utc(2026, 3, 2), TOKYO)


def test_a_time_that_a_clock_leaves_out_comes_as_much_later() -> None:
    assert at_local(datetime(2026, 3, 29, 1, 30), LISBON) == utc(2026, 3, 29, 1, 30)  # noqa: DTZ001 - a local time


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        (utc(2026, 1, 1, 21, 59), utc(2026, 1, 1, 21, 59)),
        (utc(2026, 1, 1, 22), utc(2026, 1, 2, 8)),
        (utc(2026, 1, 2, 0), utc(2026, 1, 2, 8)),
        (utc(2026, 1, 2, 7, 59), utc(2026, 1, 2, 8)),
        (utc(2026, 1, 2, 8), utc(2026, 1, 2, 8)),
        (utc(2026, 3, 28, 23), utc(2026, 3, 29, 7)),  # the night in which the clock is put forward has nine hours
        (utc(2026, 10, 24, 22), utc(2026, 10, 25, 8)),  # and that in which it is put back eleven
    ],
)
def test_quiet_hours_run_over_midnight_by_the_clock_of_the_place(moment: datetime, ends: datetime) -> None:
    assert after_quiet(moment, LISBON, NIGHT) == ends


def test_quiet_hours_by_day_and_none_at_all() -> None:
    noon = QuietHours(time(12), time(14))
    assert after_quiet(utc(2026, 1, 1, 12, 30), LISBON, noon) == utc(2026, 1, 1, 14)
    assert after_quiet(utc(2026, 1, 1, 14), LISBON, noon) == utc(2026, 1, 1, 14)
    assert after_quiet(utc(2026, 1, 1, 12), LISBON, QuietHours(time(12), time(12))) == utc(2026, 1, 1, 12)


def is_quiet(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> bool:
    at = moment.astimezone(zone).time()
    return quiet.start <= at < quiet.end if quiet.start <= quiet.end else at >= quiet.start or at < quiet.end


TIMES = st.integers(0, 24 * 4 - 1).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
    TIMES,
    TIMES,
)
def test_afterwards_it_is_not_quiet_and_nothing_was_passed_over(
    local: datetime, zone: ZoneInfo, start: time, end: time
) -> None:
    moment, quiet = local.replace(tzinfo=UTC), QuietHours(start, end)
    awake = after_quiet(moment, zone, quiet)
    assert awake >= moment
    assert not is_quiet(awake, zone, quiet)
    if awake > moment:  # until then it was quiet, each quarter of an hour
        assert awake - moment <= timedelta(hours=25)
        quarters = [moment + n * timedelta(minutes=15) for n in range(101)]
        assert all(is_quiet(quarter, zone, quiet) for quarter in quarters if quarter < awake)
