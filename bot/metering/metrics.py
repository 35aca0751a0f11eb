"""What a bot counts about its own work; no text and no id of anybody goes in."""

from typing import Literal, Protocol, get_args

from adapters.ports.model import Usage

TurnOutcome = Literal["done", "given_up", "model_down", "stopped", "parked", "broken"]
ModelOutcome = Literal["ok", "unavailable", "refused", "withheld", "overflow", "unsupported", "cancelled", "broken"]
DeliveryOutcome = Literal["sent", "dead", "doubtful"]
Retried = Literal["turn", "model", "delivery", "platform"]

OUTCOMES: dict[str, tuple[str, ...]] = {
    "turn": get_args(TurnOutcome),
    "model": get_args(ModelOutcome),
    "delivery": get_args(DeliveryOutcome),
    "retry": get_args(Retried),
}
"""Every value that a label can have: a counter that is there from the start, at 0, shows its first increase."""


class Metrics(Protocol):
    """Takes note of what happened."""

    def turn_ended(self, outcome: TurnOutcome, seconds: float) -> None:
        """A turn is over, or was put aside."""
        ...

    def step_done(self, seconds: float) -> None:
        """A step is committed."""
        ...

    def model_called(self, outcome: ModelOutcome, seconds: float, usage: Usage | None = None) -> None:
        """The model answered, or did not; `usage` as the server counted, where it does."""
        ...

    def delivered(self, outcome: DeliveryOutcome) -> None:
        """A reply reached its end, one way or the other."""
        ...

    def retried(self, what: Retried) -> None:
        """Something is tried again."""
        ...


class NoMetrics:
    """See `Metrics`; takes note of nothing."""

    def turn_ended(self, outcome: TurnOutcome, seconds: float) -> None:
        """See `Metrics`."""

    def step_done(self, seconds: float) -> None:
        """See `Metrics`."""

    def model_called(self, outcome: ModelOutcome, seconds: float, usage: Usage | None = None) -> None:
        """See `Metrics`."""

    def delivered(self, outcome: DeliveryOutcome) -> None:
        """See `Metrics`."""

    def retried(self, what: Retried) -> None:
        """See `Metrics`."""


NO_METRICS = NoMetrics()
