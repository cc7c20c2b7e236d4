"""What each answer of Appendix A means for its segment."""

from __future__ import annotations

import random

import pytest

from smsfleet.config.codes import APPENDIX_A
from smsfleet.config.settings import load
from smsfleet.store.facts import ResponseFact, Verdict
from smsfleet.workers.verdicts import is_alarming, verdict

SETTINGS = load({"SMSFLEET_BACKOFF_S": "2", "SMSFLEET_BACKOFF_MAX_S": "60"})
FIRST_MS = 2_000

# Written out from semantics.md ("Status = join of ranks"), not computed from config.codes.
TEMPORARY = {0x08, 0x64, 0xFF}
THROTTLING = {0x14, 0x58}
ACCOUNT = {0x401: 12, 0x402: 12, 0x403: 5}
SESSION = {0x04}
ALARMING = {0x02, 0x03, 0x48, 0xC2, 0x05, 0x0D, 0x0E, 0x0F, 0x53}
SHOWN = {0x0C: 1, 0x400: 9}


def exactly(low: float, high: float) -> float:
    return (low + high) / 2


def answer(command_status: int, attempt: int = 1) -> ResponseFact:
    return ResponseFact(b"1-0", b"j1#1", attempt, command_status, b"", b"body")


def expected(code: int) -> Verdict:
    if code == 0:
        return Verdict("ok", 8, 0)
    if code in TEMPORARY:
        return Verdict("retry", 5, FIRST_MS)
    if code in THROTTLING:
        return Verdict("slow", 5, FIRST_MS)
    if code in ACCOUNT:
        return Verdict("pause", ACCOUNT[code], FIRST_MS)
    if code in SESSION:
        return Verdict("retry", 5, FIRST_MS)
    return Verdict("reject", SHOWN.get(code, 5), 0)


@pytest.mark.parametrize("code", [*APPENDIX_A, 0x06, 0x500, 0xFFFFFFFF], ids=hex)
def test_every_code_has_the_verdict_that_the_design_gives_it(code: int) -> None:
    assert expected(code) == verdict(answer(code), SETTINGS, exactly)


@pytest.mark.parametrize("code", [*APPENDIX_A, 0x500], ids=hex)
def test_our_own_bugs_and_what_only_a_bind_is_answered_are_alarming_and_nothing_else_is(code: int) -> None:
    assert (code in ALARMING) == (is_alarming(answer(code)) is not None)


def test_the_delay_doubles_with_each_attempt_up_to_its_bound() -> None:
    delays = [verdict(answer(0x58, attempt), SETTINGS, exactly).delay_ms for attempt in range(1, 9)]

    assert [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000] == delays


@pytest.mark.parametrize("attempt", [0, 31, 1_000, 10**9])
def test_no_number_of_attempts_breaks_the_bound(attempt: int) -> None:
    assert 0 < verdict(answer(0x14, attempt), SETTINGS, exactly).delay_ms <= 60_000


@pytest.mark.parametrize(("code", "middle_ms"), [(0x58, FIRST_MS), (0x401, FIRST_MS), (0x04, FIRST_MS)])
def test_retries_are_spread_a_quarter_to_both_sides(code: int, middle_ms: int) -> None:
    uniform = random.Random(1).uniform

    delays = [verdict(answer(code), SETTINGS, uniform).delay_ms for _ in range(500)]

    assert middle_ms * 0.75 <= min(delays) < middle_ms * 0.8
    assert middle_ms * 1.2 < max(delays) <= middle_ms * 1.25


def test_an_accounts_delay_does_not_grow_with_the_attempts() -> None:
    assert FIRST_MS == verdict(answer(0x402, attempt=20), SETTINGS, exactly).delay_ms
