"""Metrics of the service, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from policy_service.audit.comparison import LogComparison
from policy_service.decisions.decider import Decider
from policy_service.service_log import LINES

DECISION_BUCKETS = (0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds in seconds; a decision takes between ten and some hundred microseconds."""
LAG_BUCKETS = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds in seconds of the event loop's lag."""
MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one service."""

    def __init__(self, decider: Decider) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(decider))
        self._outcomes = Counter(
            "policy_service_outcomes", "Answers, by policy and status.", ("policy", "status"), registry=self._registry
        )
        self._problems = Counter(
            "policy_service_problems", "Requests refused, by type.", ("type",), registry=self._registry
        )
        self._seconds = Histogram(
            "policy_service_decision_seconds",
            "Time from the whole body to the whole answer.",
            buckets=DECISION_BUCKETS,
            registry=self._registry,
        )
        self._blocked = Counter(
            "policy_service_event_loop_blocked",
            "Steps of requests that held the event loop longer than they may, by route.",
            ("route",),
            registry=self._registry,
        )
        self._blocked_seconds = Counter(
            "policy_service_event_loop_blocked_seconds",
            "Processor time of those steps, by route.",
            ("route",),
            registry=self._registry,
        )
        self._lag = Histogram(
            "policy_service_event_loop_lag_seconds",
            "How much later than asked the event loop wakes up.",
            buckets=LAG_BUCKETS,
            registry=self._registry,
        )
        self._outcome_counters: dict[tuple[str, str], Counter] = {}

    def count_decision(self, outcomes: Mapping[str, Mapping[str, object]], seconds: float) -> None:
        """Count one decision."""
        self._seconds.observe(seconds)
        for policy, entry in outcomes.items():
            key = (policy, str(entry["status"]))
            if (counter := self._outcome_counters.get(key)) is None:
                counter = self._outcome_counters[key] = self._outcomes.labels(*key)
            counter.inc()

    def count_problem(self, kind: str) -> None:
        """Count one problem."""
        self._problems.labels(kind).inc()

    def count_blocked_step(self, route: str, seconds: float) -> None:
        """Count a step that blocked the event loop, and its duration."""
        self._blocked.labels(route).inc()
        self._blocked_seconds.labels(route).inc(seconds)

    def observe_lag(self, seconds: float) -> None:
        """Record a measurement of the event loop's lag."""
        self._lag.observe(seconds)

    def watch_log(self, comparison: LogComparison) -> None:
        """Export from now on whether the log matches its checkpoints, and which copies are reachable."""
        differs = "1 while the log is not what was signed, and nothing is sealed for it."
        failing = "Places that checkpoints could not be copied to when they were last asked."
        log = Gauge("policy_service_log_differs", differs, registry=self._registry)
        log.set_function(lambda: comparison.difference is not None)
        copies = Gauge("policy_service_checkpoint_copies_failing", failing, registry=self._registry)
        copies.set_function(lambda: len(comparison.copy_errors))

    def render(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """The collector of the decider's counts and of failed log writes, read on request."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def collect(self) -> Iterator[Metric]:
        health = self._decider.health
        yield CounterMetricFamily(
            "policy_service_shadow_checks", "Answers compared with a second evaluator.", value=health.shadow_checks
        )
        yield CounterMetricFamily(
            "policy_service_differences", "Answers in which the evaluators differed.", value=health.differences
        )
        yield CounterMetricFamily(
            "policy_service_fallbacks", "Answers given in the engine's place.", value=health.fallbacks
        )
        yield CounterMetricFamily(
            "policy_service_log_lines_dropped", "Lines of the log that nobody read in time.", value=LINES.dropped
        )
        policies = GaugeMetricFamily("policy_service_policy", "Policies that decide.", labels=("policy", "version"))
        for policy in self._decider.policies.values():
            policies.add_metric((policy.id, policy.version), 1)
        yield policies
