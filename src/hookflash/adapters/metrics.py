"""Prometheus metrics, all named `hookflash_…` (transfer.md §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Metrics:
    """One registry for one server; nothing global, so that tests may run several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.transfers = self._counter("transfers", "Transfers asked for")
        self.succeeded = self._counter("transfers_succeeded", "Transfers with verdict succeeded")
        self.failed = self._counter("transfers_failed", "Transfers with another verdict", "reason")
        self.late = self._counter("transfers_late_success", "Successes after a timeout")
        self.active_transfers = Gauge(
            "hookflash_transfers_active", "Transfers without a verdict", registry=self.registry
        )
        self.calls = self._counter("calls", "Calls admitted", "direction")
        self.refused = self._counter("calls_refused", "INVITEs refused", "reason")

        self.agent_jobs = self._counter("agent_jobs", "Jobs of agents, by outcome", "outcome")

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read when it is asked for."""
        Gauge(f"hookflash_{name}", text, registry=self.registry).set_function(read)

    def gauge_by_reason(self, name: str, text: str, read: Callable[[], Mapping[str, int]]) -> None:
        """Values that are read when they are asked for, each with its label `reason`."""
        self.registry.register(_ByReason(f"hookflash_{name}", text, read))

    def histogram(
        self,
        name: str,
        text: str,
        limits: Sequence[float],
        read: Callable[[], tuple[Sequence[int], float]],
    ) -> None:
        """Counts that are read when they are asked for: `read` gives those up to each limit and
        not up to the one before, then those beyond the last; and the sum of all values."""
        self.registry.register(_Histogram(f"hookflash_{name}", text, limits, read))

    def page(self) -> bytes:
        """The text of /metrics."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hookflash_{name}", text, labels, registry=self.registry)


class _ByReason(Collector):
    """Gauges that somebody else counts."""

    def __init__(self, name: str, text: str, read: Callable[[], Mapping[str, int]]) -> None:
        self._name = name
        self._text = text
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One for each reason that there has been."""
        family = GaugeMetricFamily(self._name, self._text, labels=["reason"])
        for reason, count in self._read().items():
            family.add_metric([reason], count)
        yield family


class _Histogram(Collector):
    """A histogram that somebody else counts: the ticks shall not wait for a lock each."""

    def __init__(
        self,
        name: str,
        text: str,
        limits: Sequence[float],
        read: Callable[[], tuple[Sequence[int], float]],
    ) -> None:
        self._name = name
        self._text = text
        self._limits = [*(f"{limit:g}" for limit in limits), "+Inf"]
        self._read = read

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """As Prometheus wants it: each count includes those before."""
        counts, total = self._read()
        buckets = list(zip(self._limits, accumulate(counts), strict=True))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=total)
