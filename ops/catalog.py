"""Every metric: its name, type, labels, the values that a label may have, and what it means.

A label has values from a closed list only: never a number of a phone, a text, a job id, a host of a webhook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from smsfleet.config.codes import APPENDIX_A
from smsfleet.config.statuses import APPENDIX_B
from smsfleet.ops.alerts import NAMES, SEVERITIES
from smsfleet.ops.histogram import Histogram
from smsfleet.ops.snapshot import KEPT, PLACES
from smsfleet.store.keys import LANES

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

Reading: TypeAlias = tuple[str, tuple[str, ...], float | Histogram]
"""The name of a metric, the values of its labels in their order, its value."""

STATES = (
    "standby", "connecting", "binding", "bound", "waiting", "refused", "paused", "draining", "stopped",
)  # fmt: skip
STAGES = ("queue", "outbound", "in_flight")
UNKNOWN = ("resent", "held", "failed")
CODES = (*(f"0x{code:08X}" for code in APPENDIX_A), "other")
STATUSES = tuple(f"{number:03d}" for number in (0, *APPENDIX_B))
FINAL = ("yes", "no")
FACTS = ("response", "receipt", "message", "dead")
OUTCOMES = (
    "admitted", "known", "refused", "unknown", "closed", "cancelled", "scheduled", "expired", "set aside",
    "suspect", "given back", "failed",
)  # fmt: skip
"""Those of workers/outgoing.py, and `failed`: an unexpected failure, the job comes again."""

LABELS: Mapping[str, frozenset[str]] = {
    "lane": frozenset(LANES),
    "stage": frozenset(STAGES),
    "place": frozenset(PLACES),
    "kept": frozenset(KEPT),
    "mode": frozenset(("transceiver", "transmitter", "receiver")),
    "state": frozenset(STATES),
    "command_status": frozenset(CODES),
    "became": frozenset(UNKNOWN),
    "status": frozenset(STATUSES),
    "final": frozenset(FINAL),
    "what": frozenset((*LANES, "account", "gateway")),
    "outcome": frozenset(OUTCOMES),
    "step": frozenset(("handle", "admit")),
    "fact": frozenset(FACTS),
    "alert": frozenset(NAMES),
    "severity": frozenset(SEVERITIES),
    "thread": frozenset(("relay", "duties")),
}
"""The values that each label may have. Counters are told for all of them, from 0 on: a counter that is first
seen at 1 has not risen for Prometheus."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is exported."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


def _by_name(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"smsfleet_{name}", "gauge", meaning, labels)


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"smsfleet_{name}_total", "counter", meaning, labels)


def _histogram(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"smsfleet_{name}", "histogram", meaning, labels)


BINDER = _by_name(
    _gauge("binder_leading", "1: this process has the lease; 0: it is a standby"),
    _gauge("binder_bound", "1: this side is bound", "mode"),
    _gauge("binder_state", "1 for the state that this process is in", "state"),
    _gauge("binder_state_since_seconds", "for how long it has been in it"),
    _gauge("binder_window", "most unanswered submit_sm"),
    _gauge("binder_in_flight", "unanswered requests"),
    _gauge(
        "binder_enquire_link_age_seconds",
        "since this side's last enquire_link, or its bind before the first",
        "mode",
    ),
    _gauge(
        "binder_enquire_link_resp_age_seconds",
        "since the last answer to one, or the bind before the first",
        "mode",
    ),
    _counter("binder_submitted", "submit_sm that were sent"),
    _counter("binder_answered", "answers to submit_sm that were stored"),
    _counter("binder_delivered", "deliver_sm that were stored"),
    _counter("binder_sent_back", "deliver_sm that Redis could not take: the gateway keeps them"),
    _counter("binder_queried", "query_sm that were asked"),
    _counter("binder_binds", "binds that were accepted", "mode"),
    _counter("binder_disconnects", "connections that ended", "mode"),
    _counter("binder_errors", "submit_sm that were refused", "command_status"),
    _counter("binder_ambiguous", "segments whose outcome nobody knew, by what became of them", "became"),
    _histogram(
        "binder_response_seconds",
        "from submit_sm to its answer; all of them while fewer than 16 are unanswered, else one in 16",
    ),
    _histogram(
        "binder_outbound_seconds",
        "from admission to the wire, of the first segment of each batch; by Redis' clock and ours",
        "lane",
    ),
)
"""Of each binder process, counted since it started."""

ACCOUNT = _by_name(
    _gauge("bound", "1: the account is bound"),
    _gauge("unbound_seconds", "for how long the account has not been bound; 0: it is bound"),
    _gauge("bind_refused", "1: the gateway refused the login, and no further one is tried"),
    _gauge("bind_paused", "1: an operator wants no bind"),
    _gauge("failed_logins", "logins that failed lately; after 2 the next one waits (guide §9)"),
    _gauge("lease_age_seconds", "since the lease was taken"),
    _gauge("stage_depth", "jobs (queue) or segments (outbound, in_flight) that wait", "lane", "stage"),
    _gauge("stage_oldest_seconds", "for how long the oldest of them has waited", "lane", "stage"),
    _gauge("waiting", "what waits in no lane", "place"),
    _gauge("waiting_oldest_seconds", "for how long the oldest has waited, or how late the first is", "place"),
    _gauge("kept", "what nobody works at: an operator decides", "kept"),
    _gauge("workers", "workers whose relay has asked for facts within 15 s"),
    _gauge("unapplied", "facts that a worker has read and not applied yet"),
    _gauge("doubts", "destinations with an attempt or a receipt that nobody can match yet"),
    _gauge("opted_out", "entries of the opt-out list"),
    _gauge("queries_off", "1: query_sm is switched off"),
    _gauge("rate", "segments per second in force"),
    _gauge("rate_set", "segments per second as set"),
    _counter("throttled", "answers that said we are too fast (0x58, 0x14)"),
    _gauge("paused", "1: a lane or the account, by an operator; or the account, by the gateway", "what"),
    _counter(
        "jobs",
        "jobs that came to a status since the account's Redis is there; final: with its end",
        "status",
        "final",
    ),
    _gauge("credits_used", "credits that were charged in this month of the account's zone"),
    _gauge("credits_forecast", "what will have been charged at its end"),
    _gauge("credits_minimum", "what is to be used in it (guide §7)"),
    _gauge("credits_balance", "what is left by our count, if somebody has entered a balance"),
    _gauge(
        "alert", "1 for what `smsfleet status` says is wrong; what to do is said there", "alert", "severity"
    ),
    _gauge("redis_aof", "1: the append-only file is on"),
    _gauge("redis_used_octets", "memory that Redis uses"),
    _gauge("redis_limit_octets", "its maxmemory; 0: none"),
)
"""Of the whole account, told by the binder that leads only: no sum over processes is needed."""

EXPORTER = _by_name(
    _gauge("store_up", "1: Redis answered this scrape"),
)

WORKER = _by_name(
    _counter("worker_jobs", "jobs that were handled, by what became of them", "outcome"),
    _histogram("worker_batch_jobs", "jobs of one step: handled together, admitted by one script", "step"),
    _counter(
        "worker_rate_wait_seconds", "time that batches waited for the account's rate, or a full outbound"
    ),
    _gauge("worker_rate_waiting", "batches that wait for it now"),
    _counter("worker_facts", "facts that were read: answers, receipts, messages, unreadable ones", "fact"),
    _gauge("worker_facts_behind_seconds", "how old the oldest fact of the last batch was", "fact"),
    _counter("worker_reconciled", "segments that query_sm is asked for, because no receipt came"),
    _counter("worker_unconfirmed", "segments that were closed at 003: no confirmation came"),
    _gauge("worker_thread_age_seconds", "since the thread did its last round", "thread"),
)
"""Of each worker process, counted since it started."""

ALL = {**BINDER, **ACCOUNT, **EXPORTER, **WORKER}
