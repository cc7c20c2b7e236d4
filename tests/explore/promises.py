"""What must hold: after every move, and at rest. The oracle here shares nothing with the scripts but their input."""

from __future__ import annotations

import json
from collections import Counter

from tests.explore.model import SHOWN_WHEN_REFUSED, Configuration, Env
from tests.explore.redis_side import Picture, number_of, reference

from smsfleet.config.statuses import APPENDIX_B, RANKED
from smsfleet.store.records import JobRecord, SegmentRecord

SETTLED = "ANRFEC"
"""States in which nothing more is sent, unless a late acceptance changes the state."""

_LEGAL = {
    "Q": "SAECFW",
    "S": "QAHFRW",
    "W": "QEACF",
    "H": "QAFWR",
    "F": "AR",
    "R": "A",
    "E": "A",
    "C": "",
    "A": "N",
    "N": "A",
}
"""state -> the states that one step may lead to (semantics.md, "Segment states")."""


class Broken(Exception):
    """A promise that does not hold, in words."""


def require(condition: object, words: str) -> None:
    """Raise Broken unless the condition holds."""
    if not condition:
        raise Broken(words)


def rank(status: int | None) -> int:
    """How much a status says; nothing known is 0."""
    return 0 if status is None else RANKED.index(status) + 1


def rolled_up(segments: list[tuple[str, int | None]]) -> tuple[int | None, bool]:
    """The status of a job and whether it is closed, from (state, status) of its segments."""
    shown_as = {"E": 10, "F": 1, "C": 6, "N": 3}
    statuses = [shown_as.get(state, status if state in "AR" else None) for state, status in segments]
    closed = [
        state in "RFECN" or (state == "A" and status is not None and APPENDIX_B[status].final)
        for state, status in segments
    ]
    if all(closed):
        bad = [status for status in statuses if status != 4]
        return (max(bad, key=rank) if bad else 4), True
    return min(statuses, key=rank), False


def after_a_move(
    before: tuple[Env, Picture], after: tuple[Env, Picture], configuration: Configuration, token: str
) -> None:
    """Check one step; `token` is that of a command, empty for a fact."""
    env, picture = after
    if token and token != before[1].fence:
        same = before[1].canonical == picture.canonical
        require(same, "a command with an old token changed something")
    job = picture.record
    for old, new in zip(before[1].record.segments, job.segments, strict=True):
        _monotone(old, new)
        _in_one_place(new, picture)
        require(new.state != "N" or new.status == 3, f"segment {new.number} was closed at {new.status}")
    _held_back(before[1], picture)
    _counted(job, picture)
    _tallied(job, picture)
    _not_burnt(job, configuration)
    _submitted_at_most(env, configuration)
    _cancelled_is_kept(env, job)
    _receipts_kept(env, picture, job)
    _answers_kept(env, picture, job)
    _asks_no_more(before[1], picture)
    _told_of_the_right_segment(env, picture)
    _charged_once(picture)


def _monotone(old: SegmentRecord, new: SegmentRecord) -> None:
    legal = old.state == new.state or new.state in _LEGAL[old.state]
    require(legal, f"segment {new.number} went from {old.state} to {new.state}")
    if old.state == new.state or {old.state, new.state} == {"A", "N"}:
        require(
            rank(new.status) >= rank(old.status), f"the status went back from {old.status} to {new.status}"
        )
    require(new.attempt >= old.attempt, "the attempt went back")
    require(new.ambiguous >= old.ambiguous, "ambiguous went back")


def _in_one_place(segment: SegmentRecord, picture: Picture) -> None:
    ref = reference(segment.number)
    entries = [entry for entry in picture.outbound if entry.ref == ref]
    require(all(entry.has_body for entry in entries), "an entry has another segment's body")
    require(len(entries) <= 1, f"{len(entries)} entries for one segment")
    kept = ref in picture.waiting
    told = [fact for fact in picture.responses if fact.what[:2] == (ref, segment.attempt)]
    flies = ref in picture.inflight
    if segment.state == "Q":
        require(len(entries) == 1 and not kept and not flies, "a queued segment is not in its stream alone")
    elif segment.state == "S":
        require(not kept, "a segment in flight waits too")
        if flies:
            require(len(entries) == 1, "a segment in flight has no entry")
            require(picture.inflight[ref][0] == segment.attempt, "another attempt is in flight")
        else:
            require(told, "a segment is SENDING, not in flight, and no fact about it waits")
    elif segment.state in "WH":
        queue = {*picture.delayed, *picture.parked} if segment.state == "W" else picture.held
        require(
            kept and ref in queue and not entries and not flies, f"a segment in {segment.state} is not kept"
        )
    else:
        require(not kept, f"a segment in {segment.state} still has its body waiting")
        require(segment.state in "AN" or not flies, f"a segment in {segment.state} is in flight")
    require(not (ref in picture.parked and ref in picture.delayed), "a segment is parked and delayed")
    for state, queue in (("W", {*picture.delayed, *picture.parked}), ("H", picture.held)):
        require((ref in queue) == (segment.state == state), f"{segment.state} does not fit the waiting sets")


def _held_back(before: Picture, after: Picture) -> None:
    """Nothing begins while an operator's pause holds, one segment at a time while the gateway refuses."""
    old, new = before.record.segments, after.record.segments
    begun = sum(b.attempt > a.attempt for a, b in zip(old, new, strict=True))
    require(not (begun and before.is_paused), "a segment was begun while the account is paused")
    require(not (begun and before.stopped), "a segment was begun while its campaign is stopped")
    require(begun < 2 or b"gateway" not in before.pause, f"{begun} segments were begun to probe the account")


def _not_burnt(job: JobRecord, configuration: Configuration) -> None:
    for segment in job.segments:
        counted = segment.tries <= configuration.budget.temporary
        require(counted, f"segment {segment.number} has used up a try without a temporary error")


def _counted(job: JobRecord, picture: Picture) -> None:
    expected, _ = rolled_up([(s.state, s.status) for s in job.segments])
    require(job.status == expected, f"the job shows {job.status}, its segments say {expected}")
    if len(job.segments) > 1:
        labels = Counter(s.state + (str(s.status or "") if s.state in "AR" else "") for s in job.segments)
        packed = " ".join(f"{label}:{count}" for label, count in sorted(labels.items()))
        require(picture.job[b"k"].decode() == packed, f"counted {picture.job[b'k']!r}, there are {packed}")


def _tallied(job: JobRecord, picture: Picture) -> None:
    """The campaign counts the job once, in the class that its segments say."""
    labels = [s.state + (str(s.status or "") if s.state in "AR" else "") for s in job.segments]
    expected, closed = rolled_up([(s.state, s.status) for s in job.segments])
    if any(label in "QSW" for label in labels):
        classes = {"Q"}
    elif "H" in labels:
        classes = {"H"}
    elif closed:
        shown_as = {"E": 10, "F": 1, "C": 6, "N": 3}
        shown = [(label, shown_as.get(label, int(label[1:] or 0))) for label in labels]
        classes = {label for label, status in shown if status == expected}
    else:
        classes = {f"A{expected}"}
    counted = {name.decode(): jobs for name, jobs in picture.tally.items()}
    right = len(counted) == 1 and set(counted) <= classes and set(counted.values()) == {b"1"}
    require(right, f"its campaign counts {counted}, it is {labels}")


def _submitted_at_most(env: Env, configuration: Configuration) -> None:
    for number, times in Counter(number for number, _ in env.accepted).items():
        most = configuration.most_submissions(env.resent)
        require(times <= most, f"segment {number} was accepted {times} times, at most {most} are promised")


def _cancelled_is_kept(env: Env, job: JobRecord) -> None:
    for number, _ in env.accepted:
        require(number not in env.cancelled, f"segment {number} was accepted after a cancel had said never")
    # What was on its way when the job was cancelled may arrive, but it is never begun again.
    for segment, before in zip(job.segments, env.attempts, strict=False):
        require(segment.attempt == before, f"segment {segment.number} began again after it was cancelled")


def _receipts_kept(env: Env, picture: Picture, job: JobRecord) -> None:
    waiting = {fact.what[0] for fact in picture.deliveries}
    for message_id, status in env.acked:
        segment = job.segments[int(message_id.partition(".")[0]) - 1]
        joined = message_id.encode() in picture.index and rank(segment.status) >= rank(status)
        streamed = f"{message_id} {status}".encode() in waiting
        parked = any(
            line.startswith(b"%d;" % status) for line in picture.orphans.get(message_id.encode(), ())
        )
        require(joined or streamed or parked, f"receipt {message_id} {status} was acked and is nowhere")


def _answers_kept(env: Env, picture: Picture, job: JobRecord) -> None:
    """What query_sm was answered is joined, or still waits to be."""
    waiting = {(fields[1], json.loads(fields[3])[2]) for fields in picture.answers}
    for message_id, status in env.told:
        number = int(message_id.partition(".")[0])
        joined = rank(job.segments[number - 1].status) >= rank(status)
        words = f"the answer {status} about {message_id} is nowhere"
        require(joined or (reference(number), status) in waiting, words)


def _asks_no_more(before: Picture, after: Picture) -> None:
    require(after.asks_no_more or not before.asks_no_more, "asking goes on by itself")
    asked = after.asks_no_more and after.questions
    require(not asked, "something is asked of a gateway that does not know query_sm")


def _told_of_the_right_segment(env: Env, picture: Picture) -> None:
    for message_id, ref in picture.index.items():
        right = (number_of(ref), message_id.decode()) in env.accepted
        require(right, f"{message_id!r} was taken for segment {number_of(ref)}")


def _charged_once(picture: Picture) -> None:
    segments, used, refunded, total = picture.charged
    known = len(picture.index)
    require(segments == known, f"{segments} messages are charged, {known} are known to be accepted")
    require(used == 3 * segments, f"{used} thirds are charged for {segments} messages")
    require(0 <= refunded <= used, f"{refunded} thirds are given back of {used}")
    require(
        total == used - refunded, f"the account was charged {total} thirds, its book says {used - refunded}"
    )


def at_rest(env: Env, picture: Picture, configuration: Configuration) -> None:
    """Check a state in which nothing more will happen by itself."""
    job = picture.record
    require(not picture.outbound and not picture.inflight, "work is left in the outbound stream or in flight")
    require(not picture.responses and not picture.deliveries, "facts are left in their streams")
    require(not picture.questions and not picture.answers, "a question or its answer is left")
    for segment in job.segments:
        allowed = SETTLED + ("H" if configuration.policy == "hold" else "")
        require(segment.state in allowed, f"segment {segment.number} is stuck in {segment.state}")
        known = [m for m, ref in picture.index.items() if number_of(ref) == segment.number]
        require((segment.state in "AN") == bool(known), "accepted and the index do not agree")
        if segment.state in "AN":
            answers = [status for m, status in env.told if m.encode() in known]
            strongest = max((8, *configuration.receipts, *answers), key=rank)
            require(segment.status == strongest, f"status {segment.status} is not the join, {strongest}")
            require(segment.duplicates == len(known) - 1, "duplicates are miscounted")
        elif segment.state == "R":
            expected = (
                segment.status == SHOWN_WHEN_REFUSED
                or segment.tries > configuration.max_attempts
                or segment.ambiguous > 0  # it had failed, its body was gone, and then the refusal was heard
            )
            require(expected, "a segment is rejected after a temporary error")
        require(not any(m in picture.orphans for m in known), "a receipt waits for a response that is there")
    if len(job.segments) == 1:
        require(not picture.orphans, "a receipt of the only segment is not matched")
    if not env.receipts:
        _all_receipts_told(env, picture, configuration)
        expired = max((8, *configuration.receipts), key=rank) == 10
        _, used, refunded, _ = picture.charged
        require(
            refunded == (used if expired else 0), f"{refunded} thirds of {used} are given back in the end"
        )


def _all_receipts_told(env: Env, picture: Picture, configuration: Configuration) -> None:
    for _, message_id in env.accepted:
        known = message_id.encode() in picture.index
        parked = picture.orphans.get(message_id.encode(), ())
        told = known or {int(line.partition(b";")[0]) for line in parked} == set(configuration.receipts)
        require(told, f"receipts of {message_id} are lost")
