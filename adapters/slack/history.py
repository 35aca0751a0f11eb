"""What stands in a place, as Slack told it, and what memory is to be compared with of that (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.ports.messages import Address, Person, Stretch
from adapters.slack.inbound import author_of, change_of, is_direct, moment_of, place_of
from adapters.slack.me import Me
from adapters.slack.told import Json, is_timestamp, text_in


@dataclass(frozen=True, slots=True)
class History:
    """Messages of a place without a gap between them, the oldest first.

    Attributes:
        address: of the place.
        messages: all that was written after `since`; None if that is not known of anything but the messages.
    """

    address: Address
    messages: tuple[Json, ...]
    since: float | None = None

    def after(self, known: str) -> list[Json]:
        """Those that were written after a message."""
        return [message for message in self.messages if float(str(message["ts"])) > float(known)]

    def threads_with_news(self, known: str) -> tuple[str, ...]:
        """The threads that begin here and in which something was said after a message."""
        latest = {str(it["ts"]): it.get("latest_reply") for it in self.messages if it.get("reply_count")}
        return tuple(ts for ts, last in latest.items() if is_timestamp(last) and float(str(last)) > float(known))

    def stretch(self, me: Me, names: Mapping[str, str]) -> Stretch | None:
        """What can be said of what stands there now; None if that is nothing.

        Nothing is what a place shows that may not be read, too. And it tells nothing of what is older than the oldest
        message, or newer than the newest: what was just written need not be in a history yet.
        """
        person = next((author_of(it) for it in self.messages if author_of(it) != me.user), "")
        if not self.messages or (is_direct(self.address.channel) and not person):
            return None
        who = Person(person, "")
        edited = [it for it in self.messages if it.get("edited") and author_of(it) != me.user]
        ids = [str(it["ts"]) for it in self.messages]
        return Stretch(
            origin=place_of(self.address.channel, self.address.thread, who, me),
            since=moment_of(ids[0] if self.since is None else f"{self.since:.6f}"),
            until=moment_of(ids[-1]),
            message_ids=frozenset(ids),
            edited=tuple(change_of(it, self.address.channel, me, names, who) for it in edited),
            names_are_of_place=True,
        )


def history_of(address: Address, told: Sequence[object], since: float | None = None) -> History:
    """What a history told, in whatever order.

    The message that a thread begins with stands outside of it. What stands in the place of one that was deleted, as
    others had replied to it, is none.
    """
    found = {}
    for it in told:
        if isinstance(it, dict) and is_timestamp(it.get("ts")) and text_in(it, "subtype") != "tombstone":
            found[str(it["ts"])] = it
    if address.thread is not None:
        found.pop(address.thread, None)
    return History(address, tuple(found[ts] for ts in sorted(found, key=float)), since)
