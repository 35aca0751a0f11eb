"""A model with a watch beside it: every call is noted with how it ended, and is otherwise as it was."""

import asyncio

import pytest

from adapters.metrics import GAUGES, PrometheusMetrics
from adapters.ports.errors import AnswerWithheld, ContextOverflow, FeatureUnsupported, ModelUnavailable, RequestRefused
from adapters.ports.model import ChatMessage, Completion, Usage
from bot.metering.measured_model import MeasuredModel
from bot.metering.metrics import OUTCOMES, Metrics, ModelOutcome, NoMetrics
from memory.counts import Counts


class Noted(NoMetrics):
    """Keeps what it is told of the model."""

    def __init__(self) -> None:
        self.calls: list[tuple[ModelOutcome, float, Usage | None]] = []

    def model_called(self, outcome: ModelOutcome, seconds: float, usage: Usage | None = None) -> None:
        self.calls.append((outcome, seconds, usage))


class Model:
    """Answers or raises."""

    name, context_window = "m", 8192

    def __init__(self, outcome: Completion | BaseException) -> None:
        self._outcome = outcome

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(self, *_: object, **__: object) -> Completion:
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


async def test_an_answer_is_handed_on_and_its_time_and_tokens_are_noted() -> None:
    noted, seconds = Noted(), iter([10.0, 12.5])
    answer = Completion("Hi", usage=Usage(10, 2, 4))
    model = MeasuredModel(Model(answer), noted, lambda: next(seconds))
    assert await model.complete([ChatMessage("user", "Hello")]) is answer
    assert noted.calls == [("ok", 2.5, Usage(10, 2, 4))]
    assert (model.name, model.context_window) == ("m", 8192)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ModelUnavailable("down"), "unavailable"),
        (RequestRefused("no"), "refused"),
        (AnswerWithheld("no"), "withheld"),
        (ContextOverflow("long"), "overflow"),
        (FeatureUnsupported("tools"), "unsupported"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(), "broken"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_how_a_call_fails_is_noted(error: BaseException, outcome: str) -> None:
    noted = Noted()
    with pytest.raises(type(error)):
        await MeasuredModel(Model(error), noted, lambda: 0.0).complete([])
    assert noted.calls == [(outcome, 0.0, None)]
    assert outcome in OUTCOMES["model"]


async def test_prometheus_gets_every_gauge_that_is_counted_and_every_label_from_the_start() -> None:
    async def measure() -> dict[str, float]:
        return dict.fromkeys(GAUGES, 3.0)

    prometheus = PrometheusMetrics(measure, lambda: {"discord": True, "slack": False}, OUTCOMES)
    metrics: Metrics = prometheus
    assert set(GAUGES) == {*Counts.__dataclass_fields__, "database_up"}
    text = (await prometheus.text()).decode()
    for kind, name in (("turn", "turns"), ("model", "model_calls"), ("delivery", "deliveries")):
        for outcome in OUTCOMES[kind]:
            assert f'memgptbot_{name}_total{{outcome="{outcome}"}} 0.0' in text
    assert 'memgptbot_retries_total{what="delivery"} 0.0' in text
    assert 'memgptbot_platform_up{platform="slack"} 0.0' in text
    assert all(f"memgptbot_{name} 3.0" in text for name in GAUGES)
    metrics.turn_ended("done", 3.0)
    metrics.step_done(0.3)
    metrics.delivered("sent")
    metrics.retried("delivery")
    text = (await prometheus.text()).decode()
    assert 'memgptbot_turns_total{outcome="done"} 1.0' in text
    assert 'memgptbot_turn_duration_seconds_bucket{le="2.5"} 0.0' in text
    assert 'memgptbot_turn_duration_seconds_bucket{le="5.0"} 1.0' in text
    assert "memgptbot_step_duration_seconds_count 1.0" in text
    assert 'memgptbot_deliveries_total{outcome="sent"} 1.0' in text
