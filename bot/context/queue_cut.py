"""Where a queue is cut at an eviction: what must stay, and what belongs together (pure)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

from bot.agent import Queued
from memory.ports import Kind, Message

_TOKENS = attrgetter("tokens")


def cut(queue: Sequence[Queued], keep_at_most: int) -> tuple[tuple[Queued, ...], tuple[Queued, ...]]:
    """Part a queue into (evicted, kept), kept being at most so many tokens where that is possible (pure).

    The oldest steps go first. The newest message (or login) of a person always stays, and so do the event of the
    running turn and its last step: without them the model would not know what it is about, or do again what it has
    done. A tool call and its results are never parted. At least one step is evicted if there is any besides those.
    """
    stays = _must_stay(queue)
    evicted = set[int]()
    left = tokens_of(queue)
    for step in _steps(queue):
        if evicted and left <= keep_at_most:
            break
        if stays.isdisjoint(step):
            evicted.update(step)
            left -= sum(queue[at].tokens for at in step)
    return (
        tuple(queued for at, queued in enumerate(queue) if at in evicted),
        tuple(queued for at, queued in enumerate(queue) if at not in evicted),
    )


def tokens_of(queue: Sequence[Queued]) -> int:
    """The size of a queue, of our own count."""
    return sum(map(_TOKENS, queue))


def _must_stay(queue: Sequence[Queued]) -> set[int]:
    def newest(is_it: Callable[[Message], bool]) -> set[int]:
        found = [at for at, queued in enumerate(queue) if is_it(queued.message)]
        return set(found[-1:])

    if not queue:
        return set()
    person = newest(lambda message: message.kind is Kind.USER_MESSAGE)
    event = newest(lambda message: message.id == queue[-1].message.turn_id)
    step = newest(lambda message: message.kind is Kind.ASSISTANT)
    last = max(event | step, default=len(queue) - 1)
    return person | event | set(range(last, len(queue)))


def _steps(queue: Sequence[Queued]) -> Iterator[range]:
    """Positions that belong together: an event or an assistant's message, and the results that follow it."""
    starts = [at for at, queued in enumerate(queue) if at == 0 or queued.message.kind is not Kind.TOOL_RESULT]
    return (range(start, end) for start, end in pairwise([*starts, len(queue)]))
