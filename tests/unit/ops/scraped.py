"""Reading what an exporter serves, as Prometheus does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from smsfleet.ops.catalog import ALL, LABELS, Metric

OF_ANY_PROCESS = "process_"


def samples(text: str, *, of_any_process: bool = False) -> list[tuple[str, dict[str, str], float]]:
    """Every sample; those that any process has only if asked for."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if of_any_process or not sample.name.startswith(OF_ANY_PROCESS)
    ]


def names(text: str) -> set[str]:
    """The metrics, by their names in the catalog."""
    return {metric_of(name).name for name, _, _ in samples(text)}


def metric_of(sample: str) -> Metric:
    """The metric that a sample is of: a histogram has three kinds of them."""
    for end in ("", "_bucket", "_count", "_sum"):
        if sample.endswith(end) and (found := ALL.get(sample.removesuffix(end) if end else sample)):
            return found
    raise KeyError(sample)


def value(text: str, name: str, **labels: str) -> float:
    """The value of the one sample with these labels."""
    (found,) = [number for sample, of, number in samples(text) if (sample, of) == (name, labels)]
    return found


def strange_labels(text: str) -> list[tuple[str, str, str]]:
    """Labels whose values are in no list: among them every number, text and job id."""
    return [
        (name, label, said)
        for name, labels, _ in samples(text)
        for label, said in labels.items()
        if label != "le" and said not in LABELS[label]
    ]
