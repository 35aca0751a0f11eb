"""Metrics in the form that Prometheus reads.

Names after https://prometheus.io/docs/practices/naming/. Labels hold words of ours only.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.ports.model import Usage

# From an answer out of a cache to a turn of many steps with a slow model.
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)

GAUGES = {
    "inbox_waiting": "Events that wait for their turn.",
    "inbox_oldest_waiting_seconds": "Age of the oldest event that waits for its turn.",
    "events_parked": "Events that were put aside after they could not be answered.",
    "turns_unfinished": "Turns that have begun and are not over.",
    "turns_waiting_for_model": "Turns that wait for a model that gives no answer.",
    "outbox_waiting": "Replies that wait to be delivered.",
    "outbox_oldest_waiting_seconds": "Age of the oldest reply that waits to be delivered.",
    "replies_dead": "Replies that could not be delivered.",
    "replies_doubtful": "Replies that were perhaps delivered, and are not sent again.",
    "database_up": "1 if the database answered within 2 seconds, else 0; then the other gauges are missing.",
}

Measure = Callable[[], Awaitable[Mapping[str, float]]]
"""Reads gauges, by their names in `GAUGES`."""


class PrometheusMetrics:
    """Counts in a registry of its own."""

    def __init__(
        self, measure: Measure, platforms: Callable[[], Mapping[str, bool]], outcomes: Mapping[str, Iterable[str]]
    ) -> None:
        """Make every counter at 0.

        Args:
            measure: reads the gauges whenever somebody asks.
            platforms: whether each platform is connected, by its name.
            outcomes: what the labels of `turn`, `model`, `delivery` and `retry` can be.
        """
        self._measure = measure
        self._registry = registry = CollectorRegistry()
        self._turns = _counter(registry, "turns", "Turns that ended.", "outcome", outcomes["turn"])
        self._turn_s = _histogram(registry, "turn_duration_seconds", "How long turns took.")
        self._step_s = _histogram(registry, "step_duration_seconds", "How long steps took.")
        self._calls = _counter(registry, "model_calls", "Calls of the model.", "outcome", outcomes["model"])
        self._call_s = _histogram(registry, "model_call_duration_seconds", "How long the model took to answer.")
        kinds = ("prompt", "cached", "completion")
        tokens = "Tokens as the model's server counts them; cached ones are a part of the prompt's."
        self._tokens = _counter(registry, "model_tokens", tokens, "kind", kinds)
        self._deliveries = _counter(registry, "deliveries", "Replies at their end.", "outcome", outcomes["delivery"])
        self._retries = _counter(registry, "retries", "What was tried again.", "what", outcomes["retry"])
        self._gauges = _Gauges(platforms)
        registry.register(self._gauges)
        ProcessCollector(registry=registry)

    def turn_ended(self, outcome: str, seconds: float) -> None:
        """A turn is over, or was put aside."""
        self._turns.labels(outcome).inc()
        self._turn_s.observe(seconds)

    def step_done(self, seconds: float) -> None:
        """A step is committed."""
        self._step_s.observe(seconds)

    def model_called(self, outcome: str, seconds: float, usage: Usage | None = None) -> None:
        """The model answered, or did not."""
        self._calls.labels(outcome).inc()
        self._call_s.observe(seconds)
        if usage is not None:
            self._tokens.labels("prompt").inc(usage.prompt_tokens)
            self._tokens.labels("cached").inc(usage.cached_tokens)
            self._tokens.labels("completion").inc(usage.completion_tokens)

    def delivered(self, outcome: str) -> None:
        """A reply reached its end."""
        self._deliveries.labels(outcome).inc()

    def retried(self, what: str) -> None:
        """Something is tried again."""
        self._retries.labels(what).inc()

    async def text(self) -> bytes:
        """Everything as it is now, in Prometheus' text format."""
        self._gauges.values = await self._measure()
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is read at the moment somebody asks, and kept nowhere."""

    def __init__(self, platforms: Callable[[], Mapping[str, bool]]) -> None:
        self.values: Mapping[str, float] = {}
        self._platforms = platforms

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        for name, value in self.values.items():
            yield GaugeMetricFamily(f"memgptbot_{name}", GAUGES[name], value)
        up = GaugeMetricFamily("memgptbot_platform_up", "1 if the platform is connected, else 0.", labels=["platform"])
        for name, is_up in self._platforms().items():
            up.add_metric([name], is_up)
        yield up


def _counter(registry: CollectorRegistry, name: str, told: str, label: str, values: Iterable[str]) -> Counter:
    counter = Counter(f"memgptbot_{name}", told, [label], registry=registry)
    for value in values:
        counter.labels(value)
    return counter


def _histogram(registry: CollectorRegistry, name: str, told: str) -> Histogram:
    return Histogram(f"memgptbot_{name}", told, buckets=BUCKETS_S, registry=registry)
