"""Each stage in the life of a job of one segment, 100 at a time, through the store's calls.

For each stage: segments per second, and CPU µs per segment at the server and in the caller. Ceiling: the same
octets written and read by plain commands in pipelines of 100 (a hash for each job, an entry for each stream).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks import harness
from tests.benchmarks.harness import BATCH, Result, Server, batches, rounded, run, target

from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.facts import Facts, ReceiptFact, Verdict
from smsfleet.store.keys import DAY_MS
from smsfleet.store.lease import Lease
from smsfleet.store.wire import START, Answer, Wire
from smsfleet.workers.receipts import parse_receipt

RECEIPT = "id:%s sub:001 dlvrd:001 submit date:2611220000 done date:2611220001 stat:DELIVRD err:000 text:"
OK = Verdict("ok", 0, 0)


class Life:
    """The stages, in order; every stage does all segments. `stages` names them."""

    def __init__(self, server: Server, job_ids: Sequence[str]) -> None:
        keys = harness.keys()
        self._store, self._jobs = server.store, harness.jobs()
        self._wire = Wire(keys, text_ttl_s=harness.TEXT_TTL_S, hold_s=120)
        self._facts = Facts(
            keys, text_ttl_s=harness.TEXT_TTL_S, index_ttl_s=harness.INDEX_TTL_S, max_attempts=8
        )
        self.ids = job_ids
        self._body = harness.submit_body()
        self._store.run_all(self._facts.create_groups())
        server.client.delete(keys.lease)  # of the life before this one
        self._token = self._store.run(Lease(keys).acquire("bench", 3600)) or ""
        self._day = time.time_ns() // 1_000_000 // DAY_MS
        self._taken: list[Any] = []
        self._answers: list[Answer] = []

    @property
    def stages(self) -> dict[str, Callable[[], None]]:
        """The stages in order."""
        return {
            "intake": self.intake,
            "fetch": self.fetch,
            "admit": self.admit,
            "take": self.take,
            "begin": self.begin,
            "settle": self.settle,
            "apply_response": self.apply_responses,
            "deliver": self.deliver,
            "apply_receipt": self.apply_receipts,
        }

    def intake(self) -> None:
        harness.take_in(self._store, self.ids)

    def fetch(self) -> None:
        for part in batches(self.ids):
            self._store.run(self._jobs.contents(part))

    def admit(self) -> None:
        harness.admit(self._store, self.ids, body=self._body)

    def take(self) -> None:
        after = list(START)
        while entries := self._store.run(self._wire.take(BATCH, after)):
            self._taken.append(entries)
            for entry in entries:
                after[entry.lane - 1] = entry.entry_id
        assert sum(map(len, self._taken)) == len(self.ids)

    def begin(self) -> None:
        for entries in self._taken:
            attempts = self._store.run(self._wire.begin(self._token, entries))
            for entry, attempt in zip(entries, attempts, strict=True):
                assert attempt == 1
                self._answers.append(Answer(entry.ref, attempt, 0, secrets.token_hex(16).encode()))

    def settle(self) -> None:
        for part in batches(self._answers):
            assert self._store.run(self._wire.settle(part)) == len(part)

    def apply_responses(self) -> None:
        done = 0
        while done < len(self.ids):
            responses, _ = self._store.run(self._facts.read("bench", BATCH, 1000))
            call = self._facts.apply_responses(responses, [OK] * len(responses), self._day)
            assert self._store.run(call).count("accepted") == len(responses)
            done += len(responses)

    def deliver(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        for part in batches(self._answers):
            bodies = [
                DeliverSm(
                    source_addr="27999100001",
                    destination_addr="smsfleet",
                    esm_class=4,
                    short_message=(RECEIPT % answer.message_id.decode()).encode(),
                ).encode_body()
                for answer in part
            ]
            self._store.run_all([self._wire.deliver(body, now_ms) for body in bodies])

    def apply_receipts(self) -> None:
        done, days = 0, self._facts.days(self._day)[:2]
        while done < len(self.ids):
            _, deliveries = self._store.run(self._facts.read("bench", BATCH, 1000))
            receipts = []
            for fact in deliveries:
                receipt = parse_receipt(DeliverSm.decode_body(fact.body))
                assert receipt is not None
                message_id = receipt.message_id.encode("latin-1")
                raw = f" {receipt.stat_raw} {receipt.err}"  # as the relay keeps it
                receipts.append(ReceiptFact(fact.entry_id, message_id, receipt.status, raw))
            refs = self._store.run(self._facts.find([receipt.message_id for receipt in receipts], days))
            words = self._store.run(self._facts.apply_receipts(receipts, refs, self._day))
            assert words.count("applied") == len(receipts)
            done += len(receipts)


def measure(count: int) -> Result:
    with harness.server() as server:
        life = Life(server, harness.new_ids(count))
        stages = {name: _stage(server, stage, count) for name, stage in life.stages.items()}
    with harness.server() as server:
        raw = _stage(server, lambda: _plain_commands(server, count), count)
    total = sum(stage["redis_us"] for stage in stages.values())
    return {
        "stages": stages,
        "life_redis_us": round(total, 1),
        "life_client_us": round(sum(stage["client_us"] for stage in stages.values()), 1),
        "raw": raw,
        "ratio_to_raw": round(total / raw["redis_us"], 2),
        "targets": [target("Redis CPU µs of a job's life", total, at_most=120)],
    }


def _stage(server: Server, work: Callable[[], None], count: int) -> Result:
    redis_s, client_s, start = server.cpu_s(), time.process_time(), time.perf_counter()
    work()
    seconds, client_s, redis_s = (
        time.perf_counter() - start,
        time.process_time() - client_s,
        server.cpu_s() - redis_s,
    )
    figures = {
        "per_s": count / seconds,
        "redis_us": redis_s / count * 1e6,
        "client_us": client_s / count * 1e6,
    }
    return rounded(figures)


def _plain_commands(server: Server, count: int) -> None:
    """A job's octets in and out: hash, content, four stream entries, index; no state, no fence, no check."""
    client, body = server.client, harness.submit_body()
    for part in batches(harness.new_ids(count)):
        pipeline = client.pipeline(transaction=False)
        for job_id in part:
            job, message_id = f"job:{job_id}", secrets.token_hex(16)
            pipeline.hset(job, mapping={"c": 1732233600000, "t": "27999100001", "l": "b", "p": "F1"})
            pipeline.expire(job, harness.JOB_TTL_S)
            pipeline.set(f"content:{job_id}", harness.TEXT, ex=harness.JOB_TTL_S)
            pipeline.xadd("outbound", {"r": f"{job_id}#1", "b": body})
            pipeline.xadd("responses", {"r": f"{job_id}#1", "a": 1, "c": 0, "m": message_id})
            pipeline.hset(f"index:{message_id[:3]}", message_id, f"{job_id}#1")
            pipeline.xadd("deliveries", {"p": RECEIPT % message_id, "t": 1732233600000})
            pipeline.hset(
                job, mapping={"1": f"A1,4,,,,,{message_id}", "s": 4, "h": "0Q;1S;2A8;3D4 DELIVRD 000;"}
            )
            pipeline.xadd("status", {"j": job_id, "s": 4, "f": 1})
        pipeline.execute()


if __name__ == "__main__":
    run("scripts", measure, 50_000)
