"""Plain requests to be reminded, found by code for models that call no tools (pure; English).

"Remind me in ten minutes to drink", "remind me tomorrow at nine to call mum", "at 18:30 remind me of the train". A time
is needed; whatever else is said is what it is about, in the person's own words.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

MAX_NOTE_CHARS = 300

OF_NOTHING = "you asked to be reminded"
"""What it is about where nothing was said of that."""

_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
_NUMBERS = {word: number for number, word in enumerate(_WORDS, 1)} | {
    "a": 1,
    "an": 1,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty-five": 45,
}
_NUMBER = rf"(?:\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86_400, "week": 604_800}

_ASKS = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|please|pls|and|also|(?:can|could|will|would) you)[\s,!.]*)*"
    r"(?P<before>(?:in|at|tomorrow|today|tonight)\b.{0,60}?)?[\s,]*(?:please )?remind me\b(?P<after>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_SPAN = re.compile(
    rf"\bin (?:about )?(?P<half>half an hour)\b|\bin (?:about )?(?P<number>{_NUMBER}) (?P<unit>{'|'.join(_UNITS)})s?\b",
    re.IGNORECASE,
)
_HOUR = rf"(?P<hour>\d{{1,2}}|{'|'.join(_WORDS)}|noon|midnight)(?:[:.](?P<minute>[0-5]\d))?"
_AT = rf"\bat {_HOUR}(?: ?o'?clock)?(?: ?(?P<half>am|pm|a\.m\.|p\.m\.))?(?![\w:])"
_DAY = r"(?P<day>tomorrow|today|tonight)(?: (?P<part>morning|evening))?"
_CLOCKS = tuple(re.compile(way, re.IGNORECASE) for way in (rf"{_AT} {_DAY}\b", rf"\b{_DAY} {_AT}", _AT, rf"\b{_DAY}\b"))
_ABOUT = re.compile(r"^[\s,:;–—-]*(?:to|that|about|of|:)?[\s,:;]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reminder:
    """What somebody asks to be reminded of: a time in ISO 8601, with its offset if a span was named, and what about."""

    when: str
    note: str


def reminder_asked(text: str, now: datetime) -> Reminder | None:
    """What a message asks to be reminded of, if it does and names a time; `now` is by the clock of whoever asks."""
    asked = _ASKS.match(" ".join(text.replace("’", "'").split()))
    if asked is None:
        return None
    said = f"{asked['before'] or ''} {asked['after']}"
    if (span := _SPAN.search(said)) is not None:
        at = now + _length(span)
        return _reminder(said, span, at.isoformat(timespec="seconds"))
    for found in _CLOCKS:
        if (clock := found.search(said)) is not None and (at_local := _by_the_clock(clock, now)) is not None:
            return _reminder(said, clock, at_local.isoformat(timespec="minutes"))
    return None


def _reminder(said: str, time_named: re.Match[str], when: str) -> Reminder:
    rest = f"{said[: time_named.start()].rstrip(' ,')} {said[time_named.end() :].lstrip(' ,')}"
    note = _ABOUT.sub("", f" {rest.strip()}", count=1).strip(" ,;:.!?")
    return Reminder(when, note[:MAX_NOTE_CHARS] or OF_NOTHING)


def _length(span: re.Match[str]) -> timedelta:
    if span["half"]:
        return timedelta(minutes=30)
    return timedelta(seconds=_number(span["number"]) * _UNITS[span["unit"].lower()])


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


def _by_the_clock(clock: re.Match[str], now: datetime) -> datetime | None:
    """The local time that is meant; where only an hour is named, the next such, of the day if it is before seven."""
    named = clock.groupdict()
    day, hour_word = (named.get("day") or "").lower(), (named.get("hour") or "").lower()
    if not hour_word:
        if day == "today":
            return None
        at = time(20) if day == "tonight" or named.get("part") == "evening" else time(9)
    else:
        read = _hour(hour_word, named.get("minute"), (named.get("half") or "").replace(".", "").lower(), day)
        if read is None:
            return None
        at = read
    local = datetime.combine(now.date(), at)
    if day == "tomorrow":
        return local + timedelta(days=1)
    passed = local <= now.replace(tzinfo=None)
    return local + timedelta(days=1) if passed and not day else local


def _hour(word: str, minute: str | None, half: str, day: str) -> time | None:
    if word in ("noon", "midnight"):
        return time(12) if word == "noon" else time(0)
    hour = _number(word)
    if (half == "pm" or day == "tonight") and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    return time(hour, int(minute or 0)) if hour < 24 else None
