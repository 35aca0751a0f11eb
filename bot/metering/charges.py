"""Whose call of the model it is, known to whatever makes one without being handed through; and what was called."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from memory.people.usage import ModelCall


@dataclass(frozen=True, slots=True)
class Charge:
    """Who calls of the model are charged to.

    Attributes:
        agent_id: whose prompts they are.
        scope: the agent's.
        person: who wrote, or whose agent it is; None if it is nobody's in particular.
        is_timed: whether nobody but the clock asks for them.
    """

    agent_id: int
    scope: str
    person: str | None
    is_timed: bool


class Bill:
    """The calls that were answered, until they are written down."""

    def __init__(self, charge: Charge) -> None:
        self.charge = charge
        self._calls: list[ModelCall] = []

    def note(self, call: ModelCall) -> None:
        """Add a call."""
        self._calls.append(call)

    def take(self) -> tuple[ModelCall, ...]:
        """The calls noted since the last look, to be written down now."""
        calls = tuple(self._calls)
        self._calls.clear()
        return calls


_open_bill: ContextVar[Bill | None] = ContextVar("bill", default=None)


@contextmanager
def charged_to(charge: Charge) -> Iterator[Bill]:
    """Every call of the model inside is charged to somebody."""
    bill = Bill(charge)
    token = _open_bill.set(bill)
    try:
        yield bill
    finally:
        _open_bill.reset(token)


def open_bill() -> Bill | None:
    """The bill that a call of the model made now is put on; None: nobody's."""
    return _open_bill.get()


@asynccontextmanager
async def noted_calls() -> AsyncIterator[tuple[ModelCall, ...]]:
    """What is on the open bill, if there is one, to be written down inside with what came of the calls.

    Should that fail, it stays on the bill.
    """
    bill = open_bill()
    if bill is None:
        yield ()
        return
    calls = bill.take()
    try:
        yield calls
    except BaseException:
        for call in calls:
            bill.note(call)
        raise
