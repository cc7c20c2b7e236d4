"""Metrics as Prometheus reads them: every name of the catalog, and no label outside of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import prod

import pytest
from tests.unit.ops.scraped import names, samples, strange_labels, value
from tests.unit.ops.test_alerts import WELL

from smsfleet.config.errors import StoreUnavailable
from smsfleet.ops.account import account_readings
from smsfleet.ops.catalog import ACCOUNT, ALL, EXPORTER, LABELS, OUTCOMES, WORKER, Metric, Reading
from smsfleet.ops.exposition import exposition
from smsfleet.ops.histogram import Histogram
from smsfleet.ops.snapshot import Snapshot
from smsfleet.ops.source import AccountSource
from smsfleet.store.status_counts import Came
from smsfleet.workers.counts import Counts
from smsfleet.workers.outgoing import Outcome


def text_of(*readings: Reading) -> str:
    return exposition(lambda: readings)().decode()


@pytest.mark.parametrize("metric", ALL.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_and_explained_as_prometheus_advises(metric: Metric) -> None:
    assert re.fullmatch(r"smsfleet_[a-z_]+", metric.name)
    assert ("_total" in metric.name) == (metric.kind == "counter")
    assert metric.meaning
    assert set(metric.labels) <= set(LABELS)


def test_what_any_process_tells_is_told_too() -> None:
    assert "process_cpu_seconds_total" in text_of()


def test_a_histogram_counts_up_to_each_bound() -> None:
    counted = Histogram((1, 2))
    counted.add_all([1, 2, 2, 9])

    text = text_of(("smsfleet_worker_batch_jobs", ("admit",), counted))

    assert [1.0, 3.0, 4.0] == [
        value(text, "smsfleet_worker_batch_jobs_bucket", step="admit", le=bound)
        for bound in ("1", "2", "+Inf")
    ]
    assert 4.0 == value(text, "smsfleet_worker_batch_jobs_count", step="admit")
    assert 14.0 == value(text, "smsfleet_worker_batch_jobs_sum", step="admit")


def test_a_label_that_is_in_no_list_is_not_exported() -> None:
    text = text_of(("smsfleet_worker_jobs_total", ("27999100001",), 1))

    assert [("smsfleet_worker_jobs_total", {"outcome": "other"}, 1.0)] == samples(text)


def test_every_outcome_of_a_job_is_in_the_list() -> None:
    assert {*map(str, Outcome), "failed"} == set(OUTCOMES)


def test_an_account_has_every_metric_of_the_catalog() -> None:
    credits_ = {"account_used": "70/3", "forecast": "100", "minimum": 5000, "balance": "-1/3"}
    busy = replace(WELL, statuses=(Came(4, True, 7),), queries_off="0x03", credits=credits_)

    text = text_of(*account_readings(busy))

    assert set(ACCOUNT) == names(text)
    assert 7.0 == value(text, "smsfleet_jobs_total", status="004", final="yes")
    assert [23.333, 100.0, 5000.0, -0.333] == [
        round(value(text, f"smsfleet_credits_{name}"), 3)
        for name in ("used", "forecast", "minimum", "balance")
    ]
    assert 1.0 == value(text, "smsfleet_alert", alert="QueriesOff", severity="info")
    assert [] == strange_labels(text)


def test_credits_that_nobody_knows_are_not_told() -> None:
    unread, unentered = (
        {name for name in names(text_of(*account_readings(now))) if "credits" in name}
        for now in (
            WELL,
            replace(WELL, credits={"account_used": "0", "forecast": "0", "minimum": 0, "balance": None}),
        )
    )

    assert set() == unread
    assert {"smsfleet_credits_used", "smsfleet_credits_forecast", "smsfleet_credits_minimum"} == unentered


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("smsfleet_jobs_total", text_of(*account_readings(WELL))),
        ("smsfleet_worker_jobs_total", text_of(*Counts().readings())),
        ("smsfleet_worker_facts_total", text_of(*Counts().readings())),
    ],
)
def test_a_counter_is_told_from_0_on_for_every_value_of_its_labels(name: str, text: str) -> None:
    told = [(labels, count) for of, labels, count in samples(text) if of == name]
    every = prod(len(LABELS[label]) for label in ALL[name].labels)

    assert [0.0] * every == [count for _, count in told]
    assert every == len({tuple(labels.values()) for labels, _ in told})


# --- the account, asked of a Redis that may be away -----------------------------------------------


def test_an_account_is_told_with_a_redis_that_answers() -> None:
    source = AccountSource(lambda: WELL)

    text = exposition(source)().decode()

    assert 1.0 == value(text, "smsfleet_store_up")
    assert 1.0 == value(text, "smsfleet_bound")
    source.close()


def test_without_redis_only_that_is_told() -> None:
    def away() -> Snapshot:
        raise StoreUnavailable("away")

    source = AccountSource(away)

    assert [("smsfleet_store_up", {}, 0.0)] == samples(exposition(source)().decode())
    source.close()


def test_a_redis_that_is_silent_is_not_waited_for() -> None:
    from threading import Event

    answer = Event()

    def silent() -> Snapshot:
        assert answer.wait(30)
        return WELL

    source = AccountSource(silent, patience_s=0.01)

    assert [("smsfleet_store_up", (), 0)] == list(source())
    answer.set()
    source.close()


def test_a_standby_tells_nothing_of_the_account() -> None:
    source = AccountSource(lambda: WELL, lambda: False)

    assert [] == list(source())
    source.close()


def test_redis_is_asked_once_a_second_however_many_ask() -> None:
    asked: list[float] = []
    times: Iterator[float] = iter([10.0, 10.5, 10.9, 11.0])

    def take() -> Snapshot:
        asked.append(0.0)
        return WELL

    source = AccountSource(take, clock=lambda: next(times))
    for _ in range(3):
        list(source())
    once = len(asked)
    list(source())

    assert (1, 2) == (once, len(asked))
    source.close()


# --- a worker ----------------------------------------------------------------------------------


def test_a_worker_has_every_metric_of_the_catalog_and_no_strange_label() -> None:
    counts = Counts()
    counts.handled([Outcome.ADMITTED, Outcome.ADMITTED, "failed"])
    counts.admitted(2)
    with counts.waiting():
        waits = value(exposition(counts.readings)().decode(), "smsfleet_worker_rate_waiting")
    counts.read("receipt", 3, 1.5)
    counts.count("reconciled", 4)
    counts.came_round("relay")

    text = exposition(counts.readings)().decode()

    assert set(WORKER) == names(text)
    assert [] == strange_labels(text)
    assert 1.0 == waits
    assert [2.0, 1.0] == [
        value(text, "smsfleet_worker_jobs_total", outcome=outcome) for outcome in ("admitted", "failed")
    ]
    assert 1.5 == value(text, "smsfleet_worker_facts_behind_seconds", fact="receipt")
    assert 4.0 == value(text, "smsfleet_worker_reconciled_total")


def test_a_worker_is_stuck_when_a_thread_does_nothing_for_two_minutes() -> None:
    now = [0.0]
    counts = Counts(clock=lambda: now[0])
    not_yet = counts.ready()
    counts.came_round("relay")
    counts.came_round("duties")
    counts.asked()
    now[0] = 29.0
    well = counts.alive(), counts.ready()
    now[0] = 31.0
    unready = counts.alive()[0], counts.ready()[0]
    counts.came_round("relay")
    now[0] = 121.0
    counts.came_round("relay")

    assert not not_yet[0]
    assert ((True, "alive"), (True, "facts are applied")) == well
    assert (True, False) == unready
    assert (False, "stuck: the duties has done nothing for 121 s") == counts.alive()


def test_the_names_of_processes_do_not_overlap() -> None:
    assert len(ALL) == sum(map(len, (ACCOUNT, EXPORTER, WORKER))) + len(
        [name for name in ALL if name.startswith("smsfleet_binder_")]
    )
