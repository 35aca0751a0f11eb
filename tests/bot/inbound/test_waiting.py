"""What of the events that wait comes next, and whether a turn is made of it."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.inbound.waiting import MOST_AT_ONCE, Waiting
from memory.ports import Kind
from memory.turns.inbox import WaitingEvent

ASKS, TALK, HEARD = (True, True), (False, True), (False, False)


def event(id_: int, what: tuple[bool, bool], author: str = "") -> WaitingEvent:
    made = WaitingEvent(
        id_, "s", Kind.USER_MESSAGE, False, {"address": {}}, author or f"p{id_}", "text", datetime.now(UTC)
    )
    return replace(made, is_addressed=what[0], awaits_answer=what[1])


def order(*kinds: tuple[bool, bool], author: str = "") -> list[tuple[str, list[int]]]:
    """What is made of the events, in order, as numbers."""
    waiting, done = Waiting(99), list[tuple[str, list[int]]]()
    for number, what in enumerate(kinds, 1):
        waiting.note(event(number, what, author))
    while found := waiting.heard("s") or waiting.next("s"):
        done.append(("heard" if waiting.heard("s") else "turn", [one.id for one in found]))
        for one in found:
            waiting.forget("s", one.id)
    return done


def test_what_is_heard_begins_no_turn_and_is_noted_together_in_its_order() -> None:
    assert order(HEARD, HEARD, ASKS, HEARD) == [("heard", [1, 2]), ("turn", [3]), ("heard", [4])]


def test_unaddressed_messages_are_considered_one_at_most_and_not_when_somebody_asks_behind_them() -> None:
    assert order(TALK, TALK, HEARD, TALK) == [("heard", [1, 2, 3]), ("turn", [4])]
    assert order(TALK, ASKS, TALK) == [("heard", [1]), ("turn", [2]), ("turn", [3])]
    assert order(TALK, HEARD) == [("turn", [1]), ("heard", [2])]


def test_messages_of_one_writer_are_taken_together_if_all_are_meant_for_the_bot() -> None:
    assert order(ASKS, ASKS, TALK, author="ada") == [("turn", [1, 2]), ("turn", [3])]


def test_of_more_than_may_wait_those_in_one_place_are_taken_together() -> None:
    waiting = Waiting(3)
    for number in range(1, 8):
        place = {"address": {"thread": "aside" if number in (4, 5) else None}}
        waiting.note(replace(event(number, ASKS), origin=place))
    taken = []
    while found := waiting.next("s"):
        taken.append([one.id for one in found])
        for one in found:
            waiting.taken(one)
    assert taken == [[1, 2, 3, 6, 7], [4], [5]]  # no more than three wait by then


@given(st.lists(st.sampled_from([ASKS, TALK, HEARD]), max_size=150))
def test_everything_comes_once_in_order_and_whoever_asks_is_answered(kinds: list[tuple[bool, bool]]) -> None:
    done = order(*kinds)
    assert [id_ for _, ids in done for id_ in ids] == list(range(1, len(kinds) + 1))
    asked = {id_ for how, ids in done for id_ in ids if how == "turn" and kinds[id_ - 1] == ASKS}
    assert asked == {number for number, what in enumerate(kinds, 1) if what == ASKS}
    assert sum(1 for how, ids in done if how == "turn" and kinds[ids[0] - 1] == TALK) <= 1
    assert all(len(ids) <= MOST_AT_ONCE for _, ids in done)


def test_only_what_wants_a_turn_counts_as_waiting() -> None:
    waiting = Waiting(99)
    for number, what in enumerate([HEARD, ASKS, TALK], 1):
        waiting.note(event(number, what))
    assert waiting.people("s") == 2
    waiting.forget("s", 2)
    assert waiting.people("s") == 1
