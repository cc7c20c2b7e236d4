"""What `smsfleet doctor` is made of: checks that run beside one another, and what they find.

A check is a function without arguments that yields findings. One that fails or does not end in time becomes
a finding itself, and hides no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from queue import Empty, SimpleQueue
from typing import Any

from smsfleet.config.errors import SmsfleetError, StoreUnavailable, WrongType
from smsfleet.store.forms import REMEDY

LATE = "not known: no answer within"
REDIS_PAGE = "docs/operations.md, 'Redis is full or away'"

MOST_FINDINGS = 50
"""Of one check: what is wrong a hundred times over is told by its count."""


class Severity(IntEnum):
    """How much a finding matters."""

    OK = 0
    """as it should be"""
    NOTE = 1
    """may be meant so"""
    WARNING = 2
    """works now, and may not for long, or not for all"""
    ERROR = 3
    """does not work, or loses data"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has found."""

    severity: Severity
    found: str
    todo: str = ""
    """what to do; empty where nothing is to be done"""
    check: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for scripts."""
        return {**asdict(self), "severity": self.severity.name.lower()}


Check = Callable[[], Iterable[Finding]]


def ok(found: str) -> Finding:
    """Something is as it should be."""
    return Finding(Severity.OK, found)


def note(found: str, todo: str = "") -> Finding:
    """Something may be meant so."""
    return Finding(Severity.NOTE, found, todo)


def warning(found: str, todo: str) -> Finding:
    """Something works, and may not for long."""
    return Finding(Severity.WARNING, found, todo)


def error(found: str, todo: str) -> Finding:
    """Something does not work."""
    return Finding(Severity.ERROR, found, todo)


def run_checks(checks: Mapping[str, Check], within_s: float) -> list[Finding]:
    """All findings, in the order of the checks, after at most `within_s`.

    The threads are daemons: one that hangs, in the resolver of host names for one, does not keep the process.
    """
    done: SimpleQueue[tuple[str, list[Finding]]] = SimpleQueue()
    for name, check in checks.items():
        work = threading.Thread(target=_run, args=(name, check, done.put), name=f"doctor {name}", daemon=True)
        work.start()
    found: dict[str, list[Finding]] = {}
    until = time.monotonic() + within_s
    while len(found) < len(checks):
        try:
            name, findings = done.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            break
        found[name] = findings
    late = [error(f"{LATE} {within_s:g} s", "is it reachable from here? try --timeout 30")]
    return [
        Finding(finding.severity, finding.found, finding.todo, name)
        for name in checks
        for finding in found.get(name, late)
    ]


def _run(name: str, check: Check, tell: Callable[[tuple[str, list[Finding]]], None]) -> None:
    findings: list[Finding] = []
    try:
        for finding in check():
            findings.append(finding)
            if len(findings) == MOST_FINDINGS:
                findings.append(note("there is more of this check, not shown"))
                break
    except WrongType as failure:
        findings.append(error(str(failure).removesuffix(f": {REMEDY}"), REMEDY))
    except StoreUnavailable as failure:
        findings.append(error(f"not known: {failure}", REDIS_PAGE))
    except SmsfleetError as failure:
        findings.append(error(f"not known: {failure}", "mend this first, then run the doctor again"))
    except Exception as failure:  # noqa: BLE001 - a thread's outermost loop: a defect here hides no other check
        # Only the name: what an unknown error holds may be a secret.
        findings.append(
            error(f"not known: the check failed with {type(failure).__name__}", "report this as a defect")
        )
    tell((name, findings))


def exit_code(findings: Iterable[Finding]) -> int:
    """0 nothing to do, 1 warnings, 2 errors."""
    worst = max((finding.severity for finding in findings), default=Severity.OK)
    return {Severity.WARNING: 1, Severity.ERROR: 2}.get(worst, 0)
