"""What a storm of receipts must have led to, counted from the simulator's journal, and what it did lead to.

The journal knows who was sent what (each text begins with its job's number) and which receipts were acknowledged. It
says nothing of job ids: which job a message id belongs to is asked of Redis, and compared.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from smsfleet.store.records import JobRecord
from smsfleet.tasks.status import of_record

STATUS_OF = {"DELIVRD": 4, "UNDELIV": 7, "EXPIRED": 10, "REJECTD": 9, "ENROUTE": 8}
"""docs/semantics.md, written down a second time."""

RANKS = (1, 8, 10, 9, 7, 4)
"""The statuses of a storm, lowest first."""

IN_HAND_S = 2.0
"""How long the acknowledgement of what Redis has stored may take on a busy machine."""

ACCEPTED = 8

_NUMBER = re.compile(rb"storm (\d{6})")


class Place(NamedTuple):
    """One segment, as the journal tells it."""

    job: int
    segment: int


@dataclass
class Tally:
    """What a journal says so far. `read` goes on where it stopped, and keeps no line."""

    journal: Path
    places: dict[str, Place] = field(default_factory=dict)
    """message ids that were given, and for what"""
    times: Counter[Place] = field(default_factory=Counter)
    """how often each segment was accepted"""
    others: set[str] = field(default_factory=set)
    """message ids of texts that are not the storm's"""
    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """what the acknowledged receipts of each message id have told"""
    acknowledged: set[int] = field(default_factory=set)
    """the deliver_sm that were answered ESME_ROK"""
    answers: Counter[int] = field(default_factory=Counter)
    """deliver_sm_resp by status"""
    binds: Counter[int] = field(default_factory=Counter)
    """binds by the status of their answer"""
    acknowledged_at: list[float] = field(default_factory=list)
    first_at: float = 0.0
    last_at: float = 0.0
    """when the last deliver_sm was acknowledged"""
    _octets: int = 0

    def read(self) -> Tally:
        """Read what is new; a last line that is not whole yet is left for the next time."""
        with self.journal.open("rb") as journal:
            journal.seek(self._octets)
            for line in journal:
                if not line.endswith(b"\n"):
                    break
                self._octets += len(line)
                self._take(line)
        return self

    def _take(self, line: bytes) -> None:
        if b'"event":"deliver_sm_resp"' in line:
            told = json.loads(line)
            self.answers[told["status"]] += 1
            if told["status"] == 0:
                self.acknowledged.add(told["delivery"])
                if told["message_id"] not in self.others:
                    self.words[told["message_id"]].add(told["stat"])
                self.acknowledged_at.append(told["at"])
                self.last_at = told["at"]
        elif b'"event":"submit_sm"' in line:
            sent = json.loads(line)
            if sent["status"] == 0:
                self._take_accepted(sent)
        elif b'"event":"bind"' in line:
            self.binds[json.loads(line)["status"]] += 1

    def _take_accepted(self, sent: dict[str, Any]) -> None:
        place = _place(bytes.fromhex(sent["short_message"]), udhi=sent["esm_class"] & 0x40)
        if place is None:
            self.others.add(sent["message_id"])
            return
        self.first_at = self.first_at or sent["at"]
        self.places[sent["message_id"]] = place
        self.times[place] += 1

    @property
    def nobodys(self) -> set[str]:
        """Message ids of acknowledged receipts that were given for nothing."""
        return self.words.keys() - self.places.keys()


def _place(octets: bytes, *, udhi: int) -> Place | None:
    found = _NUMBER.search(octets)
    return found and Place(int(found[1]), octets[octets[0]] if udhi else 1)


@dataclass(frozen=True)
class Stored:
    """What Redis has at the end."""

    job_ids: list[str]
    """by the number of the job"""
    policies: list[str]
    records: list[JobRecord | None]
    index: Mapping[str, tuple[str, int]]
    """message id to job id and segment"""
    orphans: set[str]
    strays: int
    dead: int
    messages: int
    without_redis: list[tuple[float, float]] = field(default_factory=list)
    """when Redis stored nothing"""


def believed(tally: Tally, stored: Stored) -> set[str]:
    """Message ids that nobody was given, and that were taken for a segment in doubt to the same number.

    docs/semantics.md says when: such a receipt comes in the very moments in which one segment alone is in doubt.
    """
    records = {record.job_id: record for _, record in _jobs(stored)}
    found = set()
    for message_id in tally.nobodys & stored.index.keys():
        job_id, segment = stored.index[message_id]
        record = records.get(job_id)
        if record and any(e.letter == "M" and e.segment in (None, segment) for e in record.history):
            found.add(message_id)
    return found


def violations(tally: Tally, stored: Stored) -> dict[str, list[str]]:
    """The broken rules of docs/semantics.md, with what breaks them; empty when all of them hold."""
    found = {
        "promise 1: a job is lost or open": list(_lost(tally, stored)),
        "promise 2: a segment was sent too often": list(_too_often(tally, stored)),
        "promise 3: an acknowledged receipt has left no trace": list(_traceless(tally, stored)),
        "promise 3: acknowledged while Redis stored nothing": list(_untimely(tally, stored)),
        "promise 4: a status is not the join of its facts": list(_misjoined(tally, stored)),
        "promise 5: a bind was refused": [f"0x{status:02X}: {n}" for status, n in tally.binds.items() if status],
        "a message id leads to another segment": list(_misled(tally, stored)),
        "an orphan is not one": list(_false_orphans(tally, stored)),
        "what was a receipt is something else": [
            f"{name}: {count}"
            for name in ("strays", "dead", "messages")
            if (count := getattr(stored, name))
        ],
    }  # fmt: skip
    return {rule: broken for rule, broken in found.items() if broken}


def _jobs(stored: Stored) -> Iterator[tuple[int, JobRecord]]:
    for number, record in enumerate(stored.records):
        if record is not None:
            yield number, record


def _lost(tally: Tally, stored: Stored) -> Iterator[str]:
    for number, record in enumerate(stored.records):
        if record is None:
            yield f"{stored.job_ids[number]}: unknown"
            continue
        if not of_record(record).final:
            yield f"{record.job_id}: {of_record(record).state}"
        for segment in record.segments:
            if not tally.times[Place(number, segment.number)] and not segment.ambiguous:
                yield f"{record.job_id}#{segment.number}: {segment.state}, never accepted"


def _too_often(tally: Tally, stored: Stored) -> Iterator[str]:
    for number, record in _jobs(stored):
        for segment in record.segments:
            times = tally.times[Place(number, segment.number)]
            resends = 0 if stored.policies[number] == "fail" else 1
            if times > 1 + min(resends, segment.ambiguous):
                yield f"{record.job_id}#{segment.number}: {times} times, {segment.ambiguous} unknown outcomes"


def _traceless(tally: Tally, stored: Stored) -> Iterator[str]:
    yield from tally.words.keys() - stored.index.keys() - stored.orphans
    histories = {
        record.job_id: None if any(event.after_gap for event in record.history) else record.history
        for _, record in _jobs(stored)
    }
    for message_id, words in tally.words.items():
        job_id, segment = stored.index.get(message_id, ("", 0))
        history = histories.get(job_id)
        if history is None:  # an orphan, or its middle was cut
            continue
        told = {event.code for event in history if event.letter == "D" and event.segment in (None, segment)}
        if missing := {STATUS_OF[word] for word in words} - told:
            yield f"{job_id}#{segment}: {missing} not in its time-line"


def _untimely(tally: Tally, stored: Stored) -> Iterator[str]:
    for began, ended in stored.without_redis:
        count = sum(began + IN_HAND_S < at < ended for at in tally.acknowledged_at)
        if count:
            yield f"{count} receipts between {began + IN_HAND_S:.3f} and {ended:.3f}"


def _misjoined(tally: Tally, stored: Stored) -> Iterator[str]:
    facts: dict[tuple[str, int], set[int]] = defaultdict(set)
    for message_id, reference in stored.index.items():
        facts[reference] |= {ACCEPTED, *(STATUS_OF[word] for word in tally.words.get(message_id, ()))}
    for _, record in _jobs(stored):
        expected = []
        for segment in record.segments:
            known = facts.get((record.job_id, segment.number))
            status = max(known, key=RANKS.index) if known else None
            expected.append(status)
            if known and (segment.state, segment.status) != ("A", status):
                yield f"{record.job_id}#{segment.number}: {segment.state}{segment.status}, not A{status}"
        if None not in expected and record.status != _rolled_up(expected):
            yield f"{record.job_id}: {record.status}, not {_rolled_up(expected)}"


def _rolled_up(statuses: Iterable[int | None]) -> int:
    """The worst, and 004 only when all are."""
    failed = [status for status in statuses if status is not None and status != 4]
    return max(failed, key=RANKS.index) if failed else 4


def _misled(tally: Tally, stored: Stored) -> Iterator[str]:
    excused = believed(tally, stored)
    for message_id, (job_id, segment) in stored.index.items():
        if message_id in excused:
            continue
        place = tally.places.get(message_id)
        if place is None or (stored.job_ids[place.job], place.segment) != (job_id, segment):
            yield f"{message_id}: {job_id}#{segment}, not {place}"


def _false_orphans(tally: Tally, stored: Stored) -> Iterator[str]:
    """Exactly: what nobody was given, and what was given in an answer that a kill has swallowed."""
    lost = tally.nobodys - stored.orphans - believed(tally, stored)
    yield from (f"{message_id}: nobody's, and not kept" for message_id in lost)
    for message_id in stored.orphans - tally.nobodys:
        place = tally.places.get(message_id)
        record = stored.records[place.job] if place else None
        if place is None or message_id in stored.index or message_id not in tally.words or record is None:
            yield f"{message_id}: {place}"
        elif not record.segments[place.segment - 1].ambiguous:
            yield f"{message_id}: {record.job_id} was never in doubt"
