"""How the doctor runs its checks: beside one another, bounded in time, and none hides another."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from smsfleet.cli.checkup import (
    MOST_FINDINGS,
    Check,
    Finding,
    Severity,
    error,
    exit_code,
    note,
    ok,
    run_checks,
    warning,
)
from smsfleet.config.errors import StoreUnavailable


def well() -> list[Finding]:
    return [ok("well")]


def away() -> Iterator[Finding]:
    yield ok("found before")
    raise StoreUnavailable("Redis cannot be used now")


def broken() -> Iterator[Finding]:
    raise KeyError("a secret")
    yield ok("never")


def test_findings_are_in_the_order_of_the_checks_with_their_names() -> None:
    found = run_checks({"b": well, "a": lambda: [note("x", "do y")]}, 5)

    assert [("b", "well", ""), ("a", "x", "do y")] == [
        (finding.check, finding.found, finding.todo) for finding in found
    ]


@pytest.mark.parametrize("check", [away, broken])
def test_a_check_that_fails_is_a_finding_and_hides_no_other(check: Check) -> None:
    found = run_checks({"one": check, "two": well}, 5)

    assert "not known" in [finding.found for finding in found if finding.check == "one"][-1][:9]
    assert ["well"] == [finding.found for finding in found if finding.check == "two"]
    assert 2 == exit_code(found)
    assert "a secret" not in str(found)


def test_what_a_check_found_before_it_failed_is_kept() -> None:
    assert "found before" == run_checks({"one": away}, 5)[0].found


def test_a_check_that_hangs_is_bounded_and_hides_no_other() -> None:
    until = threading.Event()

    found = run_checks({"hangs": lambda: [ok(str(until.wait()))], "two": well}, 0.2)
    until.set()

    assert ["not known: no answer within 0.2 s", "well"] == [finding.found for finding in found]
    assert Severity.ERROR == found[0].severity


def test_a_check_that_finds_the_same_without_end_is_cut() -> None:
    def endless() -> Iterator[Finding]:
        while True:
            yield warning("again", "mend it")

    found = run_checks({"one": endless}, 5)

    assert MOST_FINDINGS + 1 == len(found)
    assert "there is more of this check, not shown" == found[-1].found


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([ok("a"), note("b")], 0),
        ([ok("a"), warning("b", "c")], 1),
        ([error("a", "b"), warning("c", "d")], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(findings: list[Finding], code: int) -> None:
    assert code == exit_code(findings)


def test_scripts_read_plain_values() -> None:
    assert {"severity": "warning", "found": "a", "todo": "b", "check": ""} == warning("a", "b").as_dict()
