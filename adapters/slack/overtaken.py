"""What became of messages of which Slack may tell only now: over HTTP an edit, or a deletion, may come before them.

It does when the message could not be kept at first, and is told again a minute later; else it would be remembered as it
says no longer.
"""

from adapters.slack.told import Json, is_timestamp, part_in

MOST_KNOWN = 1000
_SAYS = ("text", "blocks", "files", "attachments")


class Overtaken:
    """The latest changes of one connection."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str], tuple[float, Json]] = {}
        self._gone: dict[tuple[str, str], None] = {}

    def delete(self, channel: str, timestamp: str) -> None:
        """A message is gone."""
        self._changed.pop((channel, timestamp), None)
        self._gone[channel, timestamp] = None
        if len(self._gone) > MOST_KNOWN:
            del self._gone[next(iter(self._gone))]

    def edit(self, channel: str, message: Json) -> bool:
        """A message says something else now; False if that is older than what is known of it."""
        key, at = (channel, str(message["ts"])), _edited_at(message)
        if key in self._gone or at < self._changed.get(key, (0.0, {}))[0]:
            return False
        self._changed[key] = (at, {name: message[name] for name in _SAYS if name in message})
        if len(self._changed) > MOST_KNOWN:
            del self._changed[next(iter(self._changed))]
        return True

    def as_it_is(self, channel: str, message: Json) -> Json | None:
        """A message that is told, as it is by now; None if it is gone."""
        key = (channel, str(message["ts"]))
        if key in self._gone:
            return None
        at, says = self._changed.get(key, (0.0, {}))
        if not says or _edited_at(message) >= at > 0:
            return message
        return {**{name: value for name, value in message.items() if name not in _SAYS}, **says}


def _edited_at(message: Json) -> float:
    at = part_in(message, "edited").get("ts")
    return float(str(at)) if is_timestamp(at) else 0.0
