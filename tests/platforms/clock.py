"""The time on a fake platform."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The time, which a test may move on.

    It starts at the real one, since the platforms' libraries compare what they are told with their own clock.
    """

    def __init__(self) -> None:
        self._moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def advance(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)
