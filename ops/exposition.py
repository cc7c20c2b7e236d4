"""From readings to the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from smsfleet.ops.catalog import ALL, LABELS, Metric, Reading
from smsfleet.ops.histogram import Histogram

OTHER = "other"


class Readings(Collector):
    """A collector that asks its sources anew for each scrape."""

    def __init__(self, *sources: Callable[[], Iterable[Reading]]) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Family]:
        """Nothing is asked when it is registered."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Every metric that a source told of."""
        families: dict[str, Family] = {}
        for source in self._sources:
            for name, labels, value in source():
                metric = ALL[name]
                if name not in families:
                    families[name] = _family(metric)
                _add(families[name], _known(metric, labels), value)
        yield from families.values()


def exposition(*sources: Callable[[], Iterable[Reading]]) -> Callable[[], bytes]:
    """What makes the text of `/metrics`: the readings, and what Prometheus tells of any process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(Readings(*sources))
    return lambda: generate_latest(registry)


def _known(metric: Metric, labels: tuple[str, ...]) -> list[str]:
    """The values of the labels; one that is in no list is not exported, whatever it is."""
    pairs = zip(metric.labels, labels, strict=True)
    return [value if value in LABELS[label] else OTHER for label, value in pairs]


def _family(metric: Metric) -> Family:
    kinds: dict[str, Callable[..., Family]] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    return kinds[metric.kind](metric.name, metric.meaning, labels=metric.labels)


def _add(family: Family, labels: list[str], value: float | Histogram) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(value, Histogram)
        bounds = [*(f"{bound:g}" for bound in value.bounds), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(value.counts), strict=True)), value.total)
    else:
        assert isinstance(family, (CounterMetricFamily, GaugeMetricFamily))
        assert not isinstance(value, Histogram)
        family.add_metric(labels, float(value))
