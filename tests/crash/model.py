"""A model that does what `people.steps_for` says, and whose answer depends on the request alone, but for times."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from adapters.testing import Reply, Request, answer
from tests.crash.people import PROMISE, Call, steps_for

SOONEST_S, LATEST_S = 1.0, 3.0
"""What is promised comes due so long after it was: one that is slow to write it down must not find it past."""

Key = tuple[str, ...]
"""What a call is about; one that is repeated after a kill has the same."""


class ObedientModel:
    """Answers, and remembers in which life it was asked for what.

    The name of the model is the number of the life: so a request is known that a bot sent right before it was killed.
    """

    def __init__(self, chance: Random, slowest_s: float = 0.0, asked: Callable[[], None] = lambda: None) -> None:
        self.calls: defaultdict[Key, list[str]] = defaultdict(list)
        self._chance = chance
        self._slowest_s = slowest_s
        self._asked = asked

    async def __call__(self, request: Request) -> Reply:
        due = datetime.now(UTC) + timedelta(seconds=self._chance.uniform(SOONEST_S, LATEST_S))
        key, reply = _answered(request, due)
        self.calls[key].append(request["model"])
        self._asked()
        await asyncio.sleep(self._chance.uniform(0, self._slowest_s))
        return reply


def _answered(request: Request, due: datetime) -> tuple[Key, Reply]:
    if not request.get("tools"):
        digest = hashlib.sha256(json.dumps(request["messages"]).encode()).hexdigest()
        return ("summary", digest), answer("They talked about numbers.")
    texts, steps_taken = _turn_of(request)
    key = ("step", *texts, str(steps_taken))
    steps = steps_for(texts)
    if steps_taken >= len(steps):  # asked once more, for memory is under pressure
        return key, answer("There is nothing to save.")
    return key, answer(None, *(_timed(call, due) for call in steps[steps_taken]))


def _timed(call: Call, due: datetime) -> Call:
    name, arguments = call
    return (name, arguments | {"when": due.isoformat()}) if name == PROMISE else call


def _turn_of(request: Request) -> tuple[list[str], int]:
    """The messages that the last turn is about, and how many steps it has taken."""
    texts: list[str] = []
    steps = 0
    for message in reversed(request["messages"]):
        if message["role"] == "assistant":
            if texts:
                break
            steps += 1
        elif message["role"] == "user":
            event = json.loads(message["content"])
            if event["type"] in ("user_message", "follow_up"):
                texts += reversed(event["message"].split("\n\n"))
    return texts[::-1], steps
