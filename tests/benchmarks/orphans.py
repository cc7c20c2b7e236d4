"""Receipts for messages that nobody sent, applied by one relay: their octets in Redis, the rate, and the bound.

Each has an id and a number of its own: the worst case. Up to the limit (the default of SMSFLEET_ORPHAN_LIMIT)
used_memory grows with each; beyond it, the oldest go and nothing may grow any more. Ceiling: the bare octets of
the id, the number and what was said. The hostile million: `--count 1000000`.
"""

from __future__ import annotations

import logging
import time

import structlog
from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, run, target

from smsfleet.config.settings import load
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.calls import Call
from smsfleet.store.wire import Wire
from smsfleet.workers.relay import Relay
from smsfleet.workers.runtime import Runtime

CROWD = 1000
SETTLE_S = 2.0
BARE_OCTETS = 32 + 11 + len("4; DELIVRD 000")


def measure(count: int, limit: int = 0) -> Result:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with harness.server() as server:
        given = {"SMSFLEET_REDIS_URL": server.url, "SMSFLEET_ACCOUNT": harness.ACCOUNT}
        if limit:
            given["SMSFLEET_ORPHAN_LIMIT"] = str(limit)
        runtime = Runtime(load(given), store=server.store)
        limit = runtime.settings.orphan_limit
        server.store.run_all(runtime.facts.create_groups())
        relay = Relay(runtime, "benchmark")
        _apply(server, relay, range(-CROWD, 0))  # scripts and buffers are there from now on
        empty = server.memory()

        up_to = min(count, limit) - CROWD
        seconds, cpu_s = _apply(server, relay, range(up_to))
        time.sleep(SETTLE_S)
        full = server.memory()
        waiting = (full - empty) / up_to
        beyond_s, beyond_cpu_s = _apply(server, relay, range(up_to, count))
        time.sleep(SETTLE_S)
        keys = harness.keys()
        lengths = {
            name: server.store.run(Call((command, key), int))
            for name, command, key in (
                ("orphans", "ZCARD", keys.orphans),
                ("strays", "XLEN", keys.strays),
                ("doubts", "HLEN", keys.doubts),
            )
        }
        growth = server.memory() / full
    total_s = seconds + beyond_s
    return {
        "limit": limit,
        "octets_each": round(waiting, 1),
        "mb_at_limit": round(full / 1e6, 1),
        "memory_after_all_by_that_at_limit": round(growth, 3),
        "left": lengths,
        "receipts_per_s": {
            "up to the limit": round(up_to / seconds),
            "beyond": round((count - up_to) / beyond_s) if count > up_to else None,
        },
        "redis_cpu_us_each": round((cpu_s + beyond_cpu_s) / count * 1e6, 1),
        "ratio_to_raw": round(waiting / BARE_OCTETS, 2),
        "targets": [
            target("octets per orphan", waiting, at_most=800),
            target("growth beyond the limit", growth, at_most=1.25),
            target("receipts/s", count / total_s, at_least=2_000),
        ],
    }


def _apply(server: Server, relay: Relay, numbers: range) -> tuple[float, float]:
    """Persist receipts as the binder does and apply them; seconds of the applying, and CPU seconds of Redis."""
    wire = Wire(harness.keys(), text_ttl_s=harness.TEXT_TTL_S, hold_s=120.0)
    seconds = cpu_s = 0.0
    for part in harness.batches(numbers, CROWD):
        server.store.run_all([wire.deliver(_receipt(number % 2**64), 1) for number in part])
        started, cpu = time.perf_counter(), server.cpu_s()
        while relay.step(1):
            pass
        seconds += time.perf_counter() - started
        cpu_s += server.cpu_s() - cpu
    return seconds, cpu_s


def _receipt(number: int) -> bytes:
    text = (
        f"id:{number:032x} sub:001 dlvrd:001 submit date:231114221300 done date:231114221400 stat:DELIVRD"
        " err:000 text:"
    )
    source = f"2{number % 10**10:010d}"
    return DeliverSm(esm_class=0x04, source_addr=source, short_message=text.encode()).encode_body()


if __name__ == "__main__":
    run("orphans", measure, 150_000)
