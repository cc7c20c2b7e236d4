"""What the journal shows of each of the nine conditions of the guide's compliance test (§5 step 4). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise, takewhile

from smsfleet.binder.binds import THEIRS, UNKNOWN, Bind, History, Move, Step
from smsfleet.config.codes import (
    ESME_RALYNBD,
    ESME_RINVCMDID,
    ESME_RINVCMDLEN,
    ESME_RINVMSGLEN,
    ESME_RINVPARLEN,
    ESME_RX_T_APPN,
    command_status,
)

HOUR_MS = 3_600_000
MOST_SHOWN = 5

BOUND_MS = 48 * HOUR_MS

EDGE_MS = 120_000
"""What may be missing of the 48 hours at their edges: the signs of a bind come every 57 s at most."""

ENQUIRE_LINK_MS = (55_000, 57_000)
RECONNECT_MS = (30_000, 60_000)

MEASURING_MS = 100
"""How exactly an interval is known: entries are noted within one turn of the event loop."""

LATE_MS = 15_000
"""How much later than due something may be before its absence is judged: connecting, persisting, reading."""

OVERLAP_MS = 1000
"""Clocks of two hosts may differ by so much."""

INTERVALS = 10
"""So many intervals of enquire_link are evidence."""

ANSWER_MS = 50_000
"""A deliver_sm that is still unanswered one enquire_link later is unanswered."""

MALFORMED = {
    ESME_RINVMSGLEN, ESME_RINVCMDLEN, ESME_RINVCMDID, ESME_RINVPARLEN,
    0x07, 0x43, 0x48, 0x61, 0x62, 0xC1, 0x404,
}  # fmt: skip
"""Answers to submit_sm that blame its form (Appendix A); others are about the number or the account."""


@dataclass(slots=True)
class Case:
    """What speaks against a condition, what speaks for it, and what is said beside."""

    broken: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def remain_bound(history: History, now_ms: int) -> Case:
    """1: no end of a bind but by the gateway, over 48 hours, in every mode that is bound."""
    case = Case()
    bound = history.bound
    case.broken = [f"we ended the {_of(bind)}: {_why(bind)}" for bind in bound if bind.ended_by_us]
    if not bound:
        case.remarks.append("no bind yet")
        return case
    begins = {mode: min(bind.bound_ms or 0 for bind in bound if bind.mode == mode) for mode in history.modes}
    covered_ms = now_ms - max(begins.values())
    held = [f"{_duration(_held(bound, mode, now_ms))} as {mode}" for mode in begins]
    said = f"bound since {_time(max(begins.values()))}: {', '.join(held)}"
    ended = Counter(_why(bind) for bind in bound if bind.ended_by_gateway)
    for why, times in ended.most_common(MOST_SHOWN):
        case.remarks.append(f"ended by the gateway, {times} times: {why}")
    if history.lost or any(bind.cause == UNKNOWN for bind in bound):
        case.remarks.append(
            f"{said}; {history.lost} entries of the journal are missing, so it proves nothing"
        )
    elif covered_ms < BOUND_MS - EDGE_MS:
        case.remarks.append(f"{said}; {_duration(BOUND_MS - covered_ms)} of the 48 h are to come")
    else:
        case.shown.append(said)
    return case


def one_bind(history: History, _now_ms: int) -> Case:
    """2: never a second bind while one of its kind stands, and a transceiver never beside anything."""
    case = Case()
    earlier: list[Bind] = []
    for bind in history.binds:
        earlier = [other for other in earlier if _stood(other, bind)]
        place = f"a bind as {bind.mode} at {_time(bind.begun_ms)}"
        case.broken += [
            f"{place} while the {_of(other)} stood" for other in earlier if _excludes(bind, other)
        ]
        earlier.append(bind)
        if bind.status == ESME_RALYNBD:
            case.broken.append(
                f"{place} was refused: the gateway has one already (another system, or a ghost)"
            )
    attempts = sum(not bind.is_older for bind in history.binds)
    if history.binds:
        never = "" if case.broken else ", never two of a kind at a time"
        case.shown.append(f"{attempts} binds asked for{never}")
    else:
        case.remarks.append("no bind yet")
    return case


def modes(history: History, _now_ms: int) -> Case:
    """3: a pair or a transceiver; a transmitter alone asks for no receipts."""
    case = Case()
    bound_as = set(history.modes)
    if not bound_as - {""}:
        case.remarks.append("no bind yet whose mode is known")
    elif bound_as == {"receiver"}:
        case.broken.append("bound as receiver without a transmitter")
    elif "transmitter" in bound_as and "receiver" not in bound_as:
        asking = [bind for bind in history.bound if bind.mode == "transmitter" and bind.asks_receipts]
        untold = [bind for bind in history.bound if bind.mode == "transmitter" and bind.asks_receipts is None]
        case.broken = [f"the {_of(bind)} may ask for receipts" for bind in asking]
        if untold:
            case.remarks.append("bound as transmitter only, and not told with which registered_delivery")
        else:
            case.shown.append("bound as transmitter only, with registered_delivery 0 in every submit_sm")
    else:
        case.shown.append("bound as " + " and ".join(history.modes))
    return case


def rebind(history: History, now_ms: int) -> Case:
    """4: after each end by the gateway the same mode is bound again, without a start by hand."""
    case = Case()
    rebound: Counter[str] = Counter()
    for bind in history.bound:
        if not bind.ended_by_gateway:
            continue
        ended = bind.ended_ms or 0
        later = [
            other for other in history.bound if other.mode == bind.mode and (other.bound_ms or 0) > ended
        ]
        if later:
            by_hand = history.started.get(later[0].run, 0) > ended
            rebound[
                f"{bind.mode} by a binder that was started later" if by_hand else bind.mode
            ] += not by_hand
        elif not _tries(history, bind.mode, ended, now_ms) and not _stops(history, bind.run, ended):
            case.broken.append(f"the {_of(bind)} was ended at {_time(ended)} and no attempt followed")
        else:
            case.remarks.append(f"the {_of(bind)} was ended at {_time(ended)}; not bound again yet")
    for mode, times in rebound.items():
        (case.shown if times else case.remarks).append(f"bound again, {times} times: {mode}")
    if not rebound and not case.broken and not case.remarks:
        case.remarks.append("the gateway has not disconnected us yet")
    return case


def enquire_link(history: History, now_ms: int) -> Case:
    """5: every interval is from 55 to 57 s: from the bind to the first, between two, and to the end."""
    case = Case()
    least, most = ENQUIRE_LINK_MS[0] - MEASURING_MS, ENQUIRE_LINK_MS[1] + MEASURING_MS
    intervals: list[int] = []
    for bind in history.bound:
        points = [*([] if bind.is_older else [bind.bound_ms or 0]), *bind.enquire_links]
        for earlier, later in pairwise(points):
            intervals.append(later - earlier)
            if not least <= later - earlier <= most:
                case.broken.append(f"{(later - earlier) / 1000:.1f} s before the one at {_time(later)}")
        end = bind.ended_ms if bind.ended_ms is not None else now_ms - LATE_MS
        if bind.cause != UNKNOWN and points and end - points[-1] > most:
            case.broken.append(f"none within {(end - points[-1]) / 1000:.1f} s after {_time(points[-1])}")
    if intervals:
        intervals.sort()
        low, middle, high = (value / 1000 for value in (intervals[0], _median(intervals), intervals[-1]))
        said = f"{len(intervals)} intervals: {low:.2f} / {middle:.2f} / {high:.2f} s (min, median, max)"
        (case.shown if len(intervals) >= INTERVALS else case.remarks).append(said)
    else:
        case.remarks.append("no enquire_link yet")
    return case


def submit_sm(history: History, _now_ms: int) -> Case:
    """6: some were accepted, and none was refused for its form."""
    case = Case()
    for entry in history.rejected:
        if entry.fields.get("direction") != "sent":
            continue
        status = int(entry.fields.get("status", 0))
        kind = str(entry.fields.get("kind", ""))
        said = f"{kind} at {_time(entry.at_ms)} was answered {command_status(status).label}"
        if kind == "submit_sm" and status not in MALFORMED:
            case.remarks.append(f"{said}, which does not blame its form")
        else:
            case.broken.append(said)
    _tell(
        case, history, "accepted", f"{_sum(history, 'submit_sm')} submit_sm, of which accepted", "submit_sm"
    )
    return case


def handle_deliver_sm(history: History, _now_ms: int) -> Case:
    """7: deliver_sm are taken, none is refused for good."""
    case = Case()
    for entry in history.rejected:
        if entry.fields.get("direction") == "received" and entry.fields.get("kind") == "deliver_sm":
            status = int(entry.fields.get("status", 0))
            if status != ESME_RX_T_APPN:
                label = command_status(status).label
                case.broken.append(f"a deliver_sm at {_time(entry.at_ms)} was refused with {label}")
    if refused := _sum(history, "refused"):
        case.broken.append(f"{refused} deliver_sm were refused for good")
    if sent_back := _sum(history, "sent_back"):
        case.remarks.append(f"{sent_back} deliver_sm were sent back to come again: the store was away")
    _tell(case, history, "taken", f"{_sum(history, 'deliver_sm')} deliver_sm, of which taken", "deliver_sm")
    return case


def answer_deliver_sm(history: History, _now_ms: int) -> Case:
    """8: no deliver_sm stays unanswered from one enquire_link to the next."""
    case = Case()
    waiting = 0
    for bind in history.bound:
        for (at, earlier), (later, counts) in pairwise(bind.traffic):
            missing = earlier.get("deliver_sm", 0) - _answered(counts)
            if missing > 0 and later - at >= ANSWER_MS:
                case.broken.append(f"{missing} deliver_sm of before {_time(at)} unanswered at {_time(later)}")
        if bind.traffic and bind.ended_ms is None:
            waiting += bind.traffic[-1][1].get("deliver_sm", 0) - _answered(bind.traffic[-1][1])
    answered = sum(_sum(history, name) for name in ("taken", "sent_back", "refused"))
    if waiting:
        case.remarks.append(f"{waiting} deliver_sm wait for their response")
    if answered:
        case.shown.append(f"{answered} deliver_sm_resp to {_sum(history, 'deliver_sm')} deliver_sm")
    elif not case.broken:
        case.remarks.append("no deliver_sm yet" if not waiting else "none is answered yet")
    return case


def reconnect(history: History, now_ms: int) -> Case:
    """9: from an end to the next attempt 30 to 60 s; more only where a lock-out must be avoided (§9).

    What is asked for is what an application does by itself (§5 step 4): whoever mends the password of a
    refused login and starts the binder anew may do so at once; the ledger counts both logins (§9).
    """
    case = Case()
    delays: list[int] = []
    later = mended = 0
    for mode, move, attempt, waits in _ends(history):
        delay = (now_ms if attempt is None else attempt.at_ms) - move.at_ms
        place = f"as {mode} after {_time(move.at_ms)}"
        if attempt is None:
            is_due = delay > RECONNECT_MS[1] + LATE_MS and not waits
            if is_due and not _stops(history, move.run, move.at_ms):
                case.broken.append(f"no attempt {place} for {delay / 1000:.0f} s")
            continue
        if delay < RECONNECT_MS[0] and _is_started_anew(history, move, attempt):
            mended += 1
        elif _is_at_a_wrong_time(delay, may_be_later=waits or attempt.run != move.run):
            case.broken.append(f"{delay / 1000:.1f} s to the attempt {place}")
        elif delay > RECONNECT_MS[1] + MEASURING_MS:
            later += 1
        else:
            delays.append(delay)
    for many, words in (
        (later, "came later: refused logins (guide §9), or another binder"),
        (mended, "by a binder that was started anew after a refused login"),
    ):
        case.remarks += [f"{many} attempts {words}"] if many else []
    if delays:
        low, high = min(delays) / 1000, max(delays) / 1000
        case.shown.append(f"{len(delays)} attempts after {low:.1f} to {high:.1f} s")
    elif not case.broken:
        case.remarks.append("not disconnected yet")
    return case


CHECKS = (
    remain_bound,
    one_bind,
    modes,
    rebind,
    enquire_link,
    submit_sm,
    handle_deliver_sm,
    answer_deliver_sm,
    reconnect,
)
"""The conditions in the guide's order."""


# --- what they share ---------------------------------------------------------------------------


def _excludes(bind: Bind, other: Bind) -> bool:
    return bind.mode == other.mode or "transceiver" in (bind.mode, other.mode)


def _stood(other: Bind, bind: Bind) -> bool:
    """Whether `other` still stood (or was asked for) when `bind` was written."""
    if other.ended_ms is None:
        return other.run == bind.run or other.last_ms > bind.begun_ms
    margin_ms = 0 if other.run == bind.run else OVERLAP_MS
    return other.ended_ms > bind.begun_ms + margin_ms


def _tries(history: History, mode: str, since_ms: int, now_ms: int) -> bool:
    """Whether attempts follow each other, or the first one is not due yet."""
    signs = [move.at_ms for move in history.moves.get(mode, ()) if move.at_ms >= since_ms]
    waits = any(move.step in (Step.WAIT, Step.REFUSED) for move in history.moves.get(mode, ())[-2:])
    return waits or now_ms - max([since_ms, *signs]) <= RECONNECT_MS[1] + LATE_MS


def _ends(history: History) -> Iterator[tuple[str, Move, Move | None, bool]]:
    """Each end and refused login: its mode, the attempt that follows, and whether that may come later.

    Later than 60 s it may come where the lock-out rule asks for it (guide §9).
    """
    for mode, moves in history.moves.items():
        for at, move in enumerate(moves):
            if move.step in (Step.ENDED, Step.REFUSED):
                between = list(takewhile(lambda step: step.step is not Step.ATTEMPT, moves[at + 1 :]))
                next_at = at + 1 + len(between)
                waits = move.step is Step.REFUSED or any(step.step is Step.WAIT for step in between)
                yield mode, move, moves[next_at] if next_at < len(moves) else None, waits


def _is_started_anew(history: History, move: Move, attempt: Move) -> bool:
    """Whether an attempt is that of a binder which somebody has started since a login was refused."""
    return move.step is Step.REFUSED and history.started.get(attempt.run, 0) > move.at_ms


def _is_at_a_wrong_time(delay_ms: int, *, may_be_later: bool) -> bool:
    too_late = delay_ms > RECONNECT_MS[1] + MEASURING_MS and not may_be_later
    return delay_ms < RECONNECT_MS[0] - MEASURING_MS or too_late


def _stops(history: History, run: str, since_ms: int) -> bool:
    """Whether the run was asked to stop after that time, so that nothing has to follow."""
    return history.stopped.get(run, -1) >= since_ms


def _held(binds: list[Bind], mode: str, now_ms: int) -> int:
    """How long a mode was bound, in milliseconds."""
    return sum(
        (now_ms if bind.ended_ms is None else bind.ended_ms) - (bind.bound_ms or 0)
        for bind in binds
        if bind.mode == mode
    )


def _answered(counts: dict[str, int]) -> int:
    return sum(counts.get(name, 0) for name in ("taken", "sent_back", "refused"))


def _sum(history: History, name: str) -> int:
    return sum(bind.passed(name) for bind in history.binds)


def _tell(case: Case, history: History, name: str, words: str, subject: str) -> None:
    count = _sum(history, name)
    if count:
        case.shown.append(f"{words}: {count}")
    elif not case.broken:
        case.remarks.append(f"no {subject} {name} yet")


def _of(bind: Bind) -> str:
    return f"{bind.mode or 'bind'} of {_time(bind.bound_ms or bind.begun_ms)}"


def _why(bind: Bind) -> str:
    if bind.cause in THEIRS and not bind.reason:
        return bind.cause
    return f"{bind.cause} ({bind.reason})" if bind.reason else bind.cause


def _median(values: list[int]) -> int:
    return values[len(values) // 2]


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def _duration(ms: int) -> str:
    minutes = round(ms / 60_000)
    return f"{minutes // 60} h {minutes % 60:02d} min"
