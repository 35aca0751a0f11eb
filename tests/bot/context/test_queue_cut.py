"""Where the queue may be cut: property tests over random histories."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapters.ports.model import ChatMessage
from bot.agent import Queued
from bot.context.queue_cut import cut
from memory.ports import Kind, Message, ToolUse

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Queued, ...]:
    """Turns: an event, then bare answers, alerts, and steps of several calls with all their results, in any order."""
    queue: list[Queued] = []
    turn = 1

    def add(kind: Kind, uses: tuple[ToolUse, ...] = (), use_id: str | None = None) -> None:
        number = len(queue) + 1
        message = Message(
            id=number, turn_id=turn, kind=kind, created_at=NOW, text="x", tool_uses=uses, tool_use_id=use_id
        )
        queue.append(Queued(message, ChatMessage("user", "x"), draw(st.integers(1, 500))))

    for step in draw(st.lists(st.sampled_from(["person", "alert", "heartbeat", "answer", "calls"]), max_size=30)):
        if step == "calls":
            uses = tuple(ToolUse(f"{len(queue)}-{number}", "search", "{}") for number in range(draw(st.integers(1, 4))))
            add(Kind.ASSISTANT, uses)
            for use in uses:
                add(Kind.TOOL_RESULT, use_id=use.id)
        else:
            if step in ("person", "heartbeat"):
                turn = len(queue) + 1
            kinds = {"person": Kind.USER_MESSAGE, "alert": Kind.SYSTEM_ALERT, "heartbeat": Kind.HEARTBEAT}
            add(kinds.get(step, Kind.ASSISTANT))
    return tuple(queue)


def ids(queue: tuple[Queued, ...]) -> list[int]:
    return [queued.message.id for queued in queue]


@given(histories(), st.integers(0, 5000))
def test_a_cut_parts_the_queue_in_two_and_keeps_the_order(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    evicted, kept = cut(queue, keep_at_most)
    assert sorted(ids(evicted) + ids(kept)) == ids(queue)
    assert ids(evicted) == sorted(ids(evicted))
    assert ids(kept) == sorted(ids(kept))


@given(histories(), st.integers(0, 5000))
def test_a_call_is_never_parted_from_its_results(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    for part in cut(queue, keep_at_most):
        asked = {use.id for queued in part for use in queued.message.tool_uses}
        answered = {queued.message.tool_use_id for queued in part if queued.message.kind is Kind.TOOL_RESULT}
        assert asked == answered


@given(histories(), st.integers(0, 5000))
def test_the_newest_message_of_a_person_stays(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    _, kept = cut(queue, keep_at_most)
    persons = [queued.message.id for queued in queue if queued.message.kind is Kind.USER_MESSAGE]
    assert not persons or persons[-1] in ids(kept)


@given(histories(), st.integers(0, 5000))
def test_the_running_turn_keeps_its_event_and_its_last_step(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    _, kept = cut(queue, keep_at_most)
    turn = [queued.message for queued in queue if queued.message.turn_id == queue[-1].message.turn_id]
    steps = [message for message in turn if message.kind is Kind.ASSISTANT]
    needed = [message.id for message in turn if message.id == message.turn_id] + [step.id for step in steps[-1:]]
    assert set(needed) <= set(ids(kept))


@given(histories(), st.integers(0, 5000))
def test_what_is_kept_fits_or_is_the_least_that_must_stay(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    evicted, kept = cut(queue, keep_at_most)
    assert sum(queued.tokens for queued in kept) <= keep_at_most or cut(kept, 0)[0] == ()
    assert evicted or cut(queue, 0)[0] == ()


@given(histories(), st.integers(0, 5000))
def test_nothing_newer_is_evicted_than_need_be(queue: tuple[Queued, ...], keep_at_most: int) -> None:
    evicted, kept = cut(queue, keep_at_most)
    stays = ids(cut(queue, 0)[1])
    oldest_kept = min((id_ for id_ in ids(kept) if id_ not in stays), default=len(queue) + 1)
    assert all(id_ < oldest_kept for id_ in ids(evicted))


@given(histories())
def test_cutting_again_and_again_comes_to_an_end(queue: tuple[Queued, ...]) -> None:
    for _ in range(len(queue) + 1):
        evicted, queue = cut(queue, 0)
        if not evicted:
            break
    else:
        raise AssertionError("it went on for ever")
