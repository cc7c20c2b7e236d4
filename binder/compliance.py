"""The nine conditions of the guide's compliance test (§5 step 4), judged from the binder's journal. Pure.

A condition is judged FAIL as soon as the journal shows that it was broken, NOT-YET while it shows too little,
and PASS otherwise. Nothing is taken for granted because the code should do it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from smsfleet.binder.binds import read
from smsfleet.binder.conditions import CHECKS, MOST_SHOWN, Case
from smsfleet.store.journal import JournalEntry


class Verdict(StrEnum):
    """How a condition stands."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    NOT_YET = "NOT-YET"


CONDITIONS = (
    "bound for 48 hours, but for restarts of the gateway",
    "one bind only",
    "a pair or a transceiver; a transmitter alone asks for no receipts",
    "rebinds by itself",
    "enquire_link every 55-57 s",
    "submit_sm correctly formatted",
    "deliver_sm handled",
    "deliver_sm answered",
    "reconnects after 30-60 s",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition, how it stands, and why one can tell."""

    number: int
    verdict: Verdict
    evidence: tuple[str, ...]

    @property
    def condition(self) -> str:
        """What is asked, in short."""
        return CONDITIONS[self.number - 1]


def judge(entries: Iterable[JournalEntry], *, now_ms: int) -> list[Finding]:
    """The nine findings, in the guide's order, for the time that `entries` cover; `now_ms` ends it."""
    history = read(entries, now_ms=now_ms)
    return [_finding(number, check(history, now_ms)) for number, check in enumerate(CHECKS, start=1)]


def overall(findings: Iterable[Finding]) -> Verdict:
    """FAIL when one failed, else NOT-YET when one lacks evidence, else PASS."""
    verdicts = {finding.verdict for finding in findings}
    return next(verdict for verdict in (Verdict.FAIL, Verdict.NOT_YET, Verdict.PASS) if verdict in verdicts)


def _finding(number: int, case: Case) -> Finding:
    verdict = Verdict.FAIL if case.broken else Verdict.PASS if case.shown else Verdict.NOT_YET
    more = len(case.broken) - MOST_SHOWN
    broken = [*case.broken[:MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return Finding(number, verdict, (*broken, *case.shown, *case.remarks))
