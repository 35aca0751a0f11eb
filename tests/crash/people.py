"""People who number what they write, each message with an order; and an agent that does just what it is told to.

What an agent does about some messages depends on these alone, so what must come of them is known, however often it is
asked for. `#7 note` is to be kept, `#7 append` and `#7 replace #3` are edits of core memory, `#7 search` is a look at
both storages, `#7 twice` wants an answer in two messages. `#7 later` is to be come back to: a clock will tell the agent
`#7 rings`, and it says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.platforms.socket_platform import SocketServer

Call = tuple[str, dict[str, Any]]

PROMISE = "schedule_follow_up"

KEPT_FACTS = 3
"""So many stand in core memory; the oldest gives way to a new one."""

ORDERS = ("", "", "note", "fact", "search", "twice", "later")

_MESSAGE = re.compile(r"(?P<name>\S+) #(?P<number>\d+)(?: (?P<order>\w+))?(?: #(?P<other>\d+))?")
_ANSWER = re.compile(r"answers((?: #\d+)+)")
_RING = re.compile(r"rings #(\d+)")


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote."""

    person: str
    text: str


@dataclass(slots=True)
class Conversation:
    """What is said to one agent: by a person alone, or by the people of a channel."""

    people: tuple[str, ...]
    channel: str | None = None
    said: list[Said] = field(default_factory=list)
    facts: list[int] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The platform's name for it."""
        return self.channel or self.people[0]

    @property
    def scope(self) -> str:
        """The agent's."""
        return f"socket:channel:{self.channel}" if self.channel else f"socket:dm:{self.people[0]}"

    def write(self, platform: SocketServer, chance: Random) -> None:
        """Somebody writes the next message."""
        self.order(platform, chance.choice(self.people), chance.choice(ORDERS))

    def order(self, platform: SocketServer, person: str, order: str) -> None:
        """Somebody writes the next message, with this order."""
        number = len(self.said) + 1
        if order == "fact":
            order = "append" if len(self.facts) < KEPT_FACTS else f"replace #{self.facts.pop(0)}"
            self.facts.append(number)
        text = f"{self.place} #{number} {order}".rstrip()
        self.said.append(Said(person, text))
        platform.say(text, person=person, channel=self.channel)

    def answered(self, platform: SocketServer) -> int:
        """The number of the last message that has its answer."""
        seen = platform.seen[self.place]
        return numbers_in(seen[-1])[-1] if seen and _ANSWER.match(seen[-1]) else self._answered_before(seen)

    def is_busy(self, platform: SocketServer) -> bool:
        """Whether a message has no answer yet."""
        return self.answered(platform) < len(self.said)

    def is_promised(self, platform: SocketServer) -> bool:
        """Whether somebody is still to hear of what was promised."""
        return len(rings_in(platform.seen[self.place])) < len(self.promised)

    @property
    def promised(self) -> list[int]:
        """The messages that are to be come back to."""
        return [number for number, said in enumerate(self.said, 1) if said.text.endswith(" later")]

    def _answered_before(self, seen: Sequence[str]) -> int:
        found = next((text for text in reversed(seen) if _ANSWER.match(text)), None)
        return numbers_in(found)[-1] if found else 0


def conversations() -> list[Conversation]:
    """Twenty agents: fourteen people, and six channels in which two or three of them meet."""
    people = [f"p{number:02}" for number in range(1, 15)]
    direct = [Conversation((person,)) for person in people]
    shared = [Conversation(tuple(people[at : at + 2 + at % 2]), f"channel-{at}") for at in range(6)]
    return direct + shared


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"#(\d+)", text)]


def groups_of(seen: Sequence[str]) -> list[list[int]]:
    """Which messages were answered together."""
    return [numbers_in(found[1]) for text in seen if (found := _ANSWER.match(text))]


def rings_in(seen: Sequence[str]) -> list[int]:
    """The messages that were come back to."""
    return [int(found[1]) for text in seen if (found := _RING.fullmatch(text))]


def turns_in(seen: Sequence[str], place: str, said: Sequence[Said]) -> list[list[str]]:
    """What each turn was about, as far as people see."""
    turns: list[list[str]] = []
    for text in seen:
        if found := _ANSWER.match(text):
            turns.append([said[number - 1].text for number in numbers_in(found[1])])
        elif found := _RING.fullmatch(text):
            turns.append([ring_of(f"{place} #{found[1]}")])
    return turns


def ring_of(text: str) -> str:
    """What a clock tells the agent of a message that is to be come back to."""
    return f"{' '.join(text.split()[:2])} rings"


def steps_for(texts: Sequence[str]) -> list[list[Call]]:
    """What an agent does about these messages: the calls of each of its steps; the last yields."""
    found = [match for text in texts if (match := _MESSAGE.fullmatch(text))]
    assert len(found) == len(texts), texts
    steps = [[call for match in found if (call := make(match))] for make in (_note, _edit, _promise)]
    if any(match["order"] == "search" for match in found):
        name = found[0]["name"]
        steps.append([("conversation_search", {"query": name}), ("archival_memory_search", {"query": f"note {name}"})])
    steps += [[("send_message", {"message": text})] for text in replies_to(texts)]
    busy = [step for step in steps if step]
    return [_beating(step, goes_on=at < len(busy)) for at, step in enumerate(busy, 1)]


def replies_to(texts: Sequence[str]) -> list[str]:
    """What people hear about these messages, or in a turn that a clock set off."""
    if texts[0].endswith(" rings"):
        return [f"rings #{numbers_in(texts[0])[0]}"]
    numbers = "".join(f" #{match['number']}" for text in texts if (match := _MESSAGE.fullmatch(text)))
    first = [f"first of{numbers}"] if any(text.endswith(" twice") for text in texts) else []
    return [*first, f"answers{numbers}"]


def note_of(text: str) -> str | None:
    """The note that a message asks for."""
    match = _MESSAGE.fullmatch(text)
    return f"note {match['name']} number {match['number']}." if match and match["order"] == "note" else None


def block_of(place: str) -> str:
    """The block of core memory that the people of a place may change."""
    return "channel" if place.startswith("channel-") else "persona"


def fact(number: int | str) -> str:
    return f"fact {number}."


def _note(match: re.Match[str]) -> Call | None:
    note = note_of(match[0])
    return ("archival_memory_insert", {"content": note}) if note else None


def _promise(match: re.Match[str]) -> Call | None:
    """When it is to be is the model's to say."""
    return (PROMISE, {"note": ring_of(match[0])}) if match["order"] == "later" else None


def _edit(match: re.Match[str]) -> Call | None:
    if match["order"] == "append":
        return "core_memory_append", {"label": block_of(match["name"]), "content": fact(match["number"])}
    if match["order"] == "replace":
        old, new = fact(match["other"]), fact(match["number"])
        return "core_memory_replace", {"label": block_of(match["name"]), "old_content": old, "new_content": new}
    return None


def _beating(step: list[Call], *, goes_on: bool) -> list[Call]:
    return [(name, arguments | {"request_heartbeat": goes_on}) for name, arguments in step]
