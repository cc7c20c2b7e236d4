"""The judge of the nine conditions: each verdict of each of them."""

from __future__ import annotations

import dataclasses
import random

import pytest
from tests.unit.binder.diary import HOUR_S, Diary, a_good_test

from smsfleet.binder.compliance import CONDITIONS, Finding, Verdict, judge, overall
from smsfleet.config.codes import ESME_RALYNBD, ESME_RINVPASWD, ESME_RX_T_APPN

PASS, FAIL, NOT_YET = Verdict.PASS, Verdict.FAIL, Verdict.NOT_YET


def said(finding: Finding) -> str:
    return "; ".join(finding.evidence)


# --- the whole ----------------------------------------------------------------------------------


def test_a_good_test_passes_all_nine() -> None:
    diary = a_good_test()

    findings = judge(diary.entries, now_ms=diary.now_ms)

    assert [(number, PASS) for number in range(1, 10)] == [(f.number, f.verdict) for f in findings]
    assert all(finding.evidence for finding in findings)
    assert list(CONDITIONS) == [finding.condition for finding in findings]
    assert PASS is overall(findings)


def test_an_empty_journal_proves_nothing() -> None:
    findings = judge([], now_ms=0)

    assert [NOT_YET] * 9 == [finding.verdict for finding in findings]
    assert all(finding.evidence for finding in findings)
    assert NOT_YET is overall(findings)


def test_the_order_of_the_entries_and_repeated_ones_change_nothing() -> None:
    diary = a_good_test()
    shuffled = [*diary.entries, *diary.entries[100:200]]
    random.Random(1).shuffle(shuffled)

    assert judge(diary.entries, now_ms=diary.now_ms) == judge(shuffled, now_ms=diary.now_ms)


def test_one_that_failed_fails_the_whole() -> None:
    one = judge([], now_ms=0)[0]

    assert FAIL is overall([dataclasses.replace(one, verdict=verdict) for verdict in (PASS, NOT_YET, FAIL)])


def test_much_evidence_is_cut_and_counted() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S, every_s=90.0)

    finding = diary.judge(5)

    assert "and 35 more" in finding.evidence
    assert len(finding.evidence) < 10


# --- 1: bound for 48 hours ----------------------------------------------------------------------


def test_47_hours_are_not_48() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(47 * HOUR_S)

    assert NOT_YET is diary.verdict(1)
    assert "1 h 00 min of the 48 h are to come" in said(diary.judge(1))


def test_ends_by_the_gateway_do_not_count_against_the_48_hours() -> None:
    diary = a_good_test()

    assert "ended by the gateway, 1 times: peer-unbound" in said(diary.judge(1))
    assert PASS is diary.verdict(1)


@pytest.mark.parametrize("cause", ["unbound", "unbind-timeout", "stopping", "lease", "something new"])
def test_an_end_by_us_breaks_the_48_hours(cause: str) -> None:
    diary = a_good_test()
    diary.lose(cause=cause)
    diary.wait(40)
    diary.bind()
    diary.stand(49 * HOUR_S)

    assert FAIL is diary.verdict(1)
    assert cause in said(diary.judge(1))


def test_a_binder_that_fell_silent_is_taken_for_killed() -> None:
    diary = a_good_test()
    diary.wait(74)
    assert PASS is diary.verdict(1)

    diary.wait(2)

    assert FAIL is diary.verdict(1)
    assert "crashed" in said(diary.judge(1))


def test_a_bind_that_another_run_follows_without_an_end_was_a_crash() -> None:
    diary = a_good_test()
    diary.wait(12)
    diary.note("start", run="b")
    diary.bind(run="b")

    assert FAIL is diary.verdict(1)


def test_a_bind_from_before_the_entries_counts_from_its_first_sign() -> None:
    diary = Diary()
    diary.stand(48 * HOUR_S)

    assert PASS is diary.verdict(1)


def test_missing_entries_prove_no_48_hours() -> None:
    diary = a_good_test()
    del diary.entries[1000:1003]

    assert NOT_YET is diary.verdict(1)
    assert "3 entries of the journal are missing" in said(diary.judge(1))
    assert PASS is diary.verdict(5)  # the interval over the gap is not judged


# --- 2: one bind --------------------------------------------------------------------------------


def test_a_pair_is_one_bind() -> None:
    diary = Diary()
    diary.bind("transmitter")
    diary.bind("receiver")

    assert PASS is diary.verdict(2)


@pytest.mark.parametrize(
    ("first", "second"),
    [("transceiver", "transceiver"), ("transmitter", "transmitter"), ("transceiver", "receiver")],
)
def test_a_second_bind_beside_the_first_fails(first: str, second: str) -> None:
    diary = Diary()
    diary.bind(first)
    diary.wait(10)
    diary.bind(second)

    assert FAIL is diary.verdict(2)
    assert "2 binds asked for" == diary.judge(2).evidence[-1]


def test_a_second_binder_beside_the_first_fails() -> None:
    diary = Diary()
    diary.bind()
    diary.wait(10)
    diary.bind(run="b")
    diary.stand(120)

    assert FAIL is diary.verdict(2)


def test_the_bind_of_a_standby_after_a_crash_is_no_second_one() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(120)
    diary.wait(11)
    diary.bind(run="b")
    diary.stand(120, run="b")

    assert PASS is diary.verdict(2)


def test_a_bind_that_the_gateway_refuses_as_a_second_one_fails() -> None:
    diary = Diary()
    diary.note("connecting", mode="transceiver")
    diary.note("bind", mode="transceiver")
    diary.note("bind_refused", mode="transceiver", status=ESME_RALYNBD)
    diary.lose(cause="bind-refused")

    assert FAIL is diary.verdict(2)


# --- 3: the modes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "modes", [("transceiver",), ("transmitter", "receiver"), ("receiver", "transmitter")]
)
def test_a_transceiver_and_a_pair_pass(modes: tuple[str, ...]) -> None:
    diary = Diary()
    for mode in modes:
        diary.bind(mode, receipts=1)

    assert PASS is diary.verdict(3)


@pytest.mark.parametrize(
    ("receipts", "verdict"), [({"receipts": 0}, PASS), ({"receipts": 1}, FAIL), ({}, NOT_YET)]
)
def test_a_transmitter_alone_must_ask_for_no_receipts(receipts: dict[str, int], verdict: Verdict) -> None:
    diary = Diary()
    diary.bind("transmitter", **receipts)

    assert verdict is diary.verdict(3)


def test_a_receiver_alone_fails() -> None:
    diary = Diary()
    diary.bind("receiver")

    assert FAIL is diary.verdict(3)


# --- 4: bound again -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["transceiver", "transmitter", "receiver"])
def test_the_same_mode_must_be_bound_again(mode: str) -> None:
    diary = Diary()
    diary.bind(mode)
    diary.lose(mode)
    diary.wait(74)
    assert NOT_YET is diary.verdict(4)

    diary.wait(2)
    assert FAIL is diary.verdict(4)

    diary.bind("receiver" if mode == "transmitter" else "transmitter")
    assert FAIL is diary.verdict(4)

    diary.bind(mode)
    assert PASS is diary.verdict(4)


def test_attempts_that_find_no_gateway_are_no_failure_yet() -> None:
    diary = Diary()
    diary.bind()
    diary.lose()
    for _ in range(20):
        diary.wait(45)
        diary.note("connecting", mode="transceiver")
        diary.note("no_connection", mode="transceiver", reason="refused")

    assert NOT_YET is diary.verdict(4)


def test_a_binder_that_was_stopped_need_not_bind_again() -> None:
    diary = Diary()
    diary.bind()
    diary.lose()
    diary.wait(10)
    diary.note("stop")
    diary.wait(500)

    assert NOT_YET is diary.verdict(4)


def test_a_bind_after_a_start_by_hand_was_not_automatic() -> None:
    diary = Diary()
    diary.bind()
    diary.lose()
    diary.wait(40)
    diary.note("start", run="b")
    diary.bind(run="b")

    assert NOT_YET is diary.verdict(4)
    assert "started later" in said(diary.judge(4))


# --- 5: enquire_link ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every_s", "verdict"),
    [(54.0, FAIL), (54.8, FAIL), (55.0, PASS), (56.0, PASS), (57.0, PASS), (57.2, FAIL), (90.0, FAIL)],
)
def test_the_interval_is_from_55_to_57_s(every_s: float, verdict: Verdict) -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S, every_s=every_s)

    assert verdict is diary.verdict(5)


def test_few_intervals_are_too_little() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(9 * 56)

    assert NOT_YET is diary.verdict(5)


def test_the_intervals_of_a_pair_are_those_of_each_side() -> None:
    diary = Diary()
    diary.bind("transmitter")
    diary.bind("receiver")
    diary.stand(HOUR_S, "transmitter", "receiver")

    assert PASS is diary.verdict(5)


def test_an_enquire_link_that_never_came_fails() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S)
    diary.wait(100)
    diary.lose()

    assert FAIL is diary.verdict(5)


def test_an_enquire_link_that_is_due_and_may_not_be_stored_yet_is_waited_for() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S)
    diary.wait(70)
    assert PASS is diary.verdict(5)

    diary.wait(3)
    assert FAIL is diary.verdict(5)


# --- 6: submit_sm -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "verdict"),
    [
        ("submit_sm", 0x01, FAIL), ("submit_sm", 0x03, FAIL), ("submit_sm", 0x43, FAIL), ("submit_sm", 0xC2, FAIL),
        ("submit_sm", 0x404, FAIL), ("enquire_link", 0x03, FAIL), ("submit_sm", 0x0B, PASS),
        ("submit_sm", 0x400, PASS), ("submit_sm", 0x58, PASS),
    ],
)  # fmt: skip
def test_a_pdu_that_is_refused_for_its_form_fails(kind: str, status: int, verdict: Verdict) -> None:
    diary = a_good_test()
    diary.note("rejected_pdu", mode="transceiver", kind=kind, status=status, direction="sent")

    assert verdict is diary.verdict(6)
    assert f"{kind} at" in said(diary.judge(6))


def test_submit_sm_that_nobody_accepted_prove_nothing() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S, submit_sm=3)

    assert NOT_YET is diary.verdict(6)


def test_counts_from_before_the_entries_are_not_counted() -> None:
    diary = Diary()
    diary.stand(HOUR_S, submit_sm=500, accepted=500)

    assert NOT_YET is diary.verdict(6)


# --- 7: deliver_sm handled ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"deliver_sm": 2, "taken": 2}, PASS), ({"deliver_sm": 2, "taken": 1, "sent_back": 1}, PASS),
        ({"deliver_sm": 2, "sent_back": 2}, NOT_YET), ({"deliver_sm": 2, "taken": 1, "refused": 1}, FAIL), ({}, NOT_YET),
    ],
)  # fmt: skip
def test_deliver_sm_must_be_taken(counts: dict[str, int], verdict: Verdict) -> None:
    diary = Diary()
    diary.bind()
    diary.stand(120, **counts)

    assert verdict is diary.verdict(7)


@pytest.mark.parametrize(("status", "verdict"), [(0x01, FAIL), (0xC2, FAIL), (ESME_RX_T_APPN, PASS)])
def test_a_deliver_sm_that_we_could_not_read_fails(status: int, verdict: Verdict) -> None:
    diary = a_good_test()
    diary.note("rejected_pdu", mode="transceiver", kind="deliver_sm", status=status, direction="received")

    assert verdict is diary.verdict(7)


# --- 8: deliver_sm answered ---------------------------------------------------------------------


def test_a_deliver_sm_without_an_answer_by_the_next_enquire_link_fails() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(56, deliver_sm=2, taken=1)
    assert PASS is diary.verdict(8)
    assert "1 deliver_sm wait" in said(diary.judge(8))

    diary.stand(56, deliver_sm=2, taken=1)

    assert FAIL is diary.verdict(8)


def test_none_answered_at_all_is_too_little_at_first_and_then_fails() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(56, deliver_sm=1)
    assert NOT_YET is diary.verdict(8)

    diary.stand(56, deliver_sm=1)
    assert FAIL is diary.verdict(8)


def test_a_deliver_sm_that_a_lost_link_leaves_unanswered_is_no_fault() -> None:
    diary = Diary()
    diary.bind()
    diary.stand(56, deliver_sm=1, taken=1)
    diary.wait(5)
    diary.lose(deliver_sm=3, taken=1)

    assert PASS is diary.verdict(8)


@pytest.mark.parametrize("name", ["taken", "sent_back", "refused"])
def test_every_answer_is_an_answer(name: str) -> None:
    diary = Diary()
    diary.bind()
    diary.stand(300, deliver_sm=1, **{name: 1})

    assert PASS is diary.verdict(8)


# --- 9: the time of the next attempt ------------------------------------------------------------


@pytest.mark.parametrize(
    ("delay_s", "verdict"),
    [(1.0, FAIL), (29.8, FAIL), (30.0, PASS), (45.0, PASS), (60.0, PASS), (60.2, FAIL), (300.0, FAIL)],
)
@pytest.mark.parametrize("end", ["peer-closed", "peer-unbound", "dead-link", "no_connection"])
def test_the_next_attempt_comes_after_30_to_60_s(delay_s: float, verdict: Verdict, end: str) -> None:
    diary = Diary()
    if end == "no_connection":
        diary.note("connecting", mode="transceiver")
        diary.note("no_connection", mode="transceiver", reason="refused")
    else:
        diary.bind()
        diary.lose(cause=end)
    diary.wait(delay_s)
    diary.bind()

    assert verdict is diary.verdict(9)


def test_after_an_end_of_our_own_nothing_is_measured() -> None:
    diary = Diary()
    diary.bind()
    diary.lose(cause="unbound")
    diary.wait(1)
    diary.bind(run="b")

    assert NOT_YET is diary.verdict(9)


@pytest.mark.parametrize(
    ("starts", "end", "verdict"),
    [
        ("after", "bind-refused", NOT_YET), ("before", "bind-refused", FAIL), ("after", "peer-closed", FAIL),
    ],
)  # fmt: skip
def test_who_mends_a_refused_login_and_starts_the_binder_anew_need_not_wait(
    starts: str, end: str, verdict: Verdict
) -> None:
    diary = Diary()
    diary.note("start")
    if starts == "before":
        diary.note("start", run="b")  # a standby: what it does is automatic
    if end == "bind-refused":
        diary.note("connecting", mode="transceiver")
        diary.note("bind", mode="transceiver")
        diary.note("bind_refused", mode="transceiver", status=ESME_RINVPASWD)
    else:
        diary.bind()
    diary.lose(cause=end)
    diary.wait(5)
    diary.note("stop")
    diary.wait(5)
    if starts == "after":
        diary.note("start", run="b")
    diary.bind(run="b")

    assert verdict is diary.verdict(9)
    if verdict is NOT_YET:
        assert "started anew after a refused login" in said(diary.judge(9))


@pytest.mark.parametrize(("delay_s", "verdict"), [(5.0, FAIL), (95.0, NOT_YET), (400.0, NOT_YET)])
def test_after_a_refused_login_the_attempt_may_come_later_and_never_earlier(
    delay_s: float, verdict: Verdict
) -> None:
    diary = Diary()
    diary.note("connecting", mode="transceiver")
    diary.note("bind", mode="transceiver")
    diary.note("bind_refused", mode="transceiver", status=0x0D)
    diary.lose(cause="bind-refused")
    diary.wait(delay_s)
    diary.bind()

    assert verdict is diary.verdict(9)


def test_the_ledger_may_let_an_attempt_wait() -> None:
    diary = Diary()
    diary.bind()
    diary.lose()
    diary.wait(45)
    diary.note("bind_asked", mode="transceiver", what="wait")
    diary.wait(100)
    diary.bind()

    assert NOT_YET is diary.verdict(9)


def test_an_attempt_that_never_comes_fails_unless_the_binder_was_stopped() -> None:
    diary, stopped = Diary(), Diary()
    for each in (diary, stopped):
        each.bind()
        each.lose()
    stopped.note("stop")
    diary.wait(76)
    stopped.wait(76)

    assert (FAIL, NOT_YET) == (diary.verdict(9), stopped.verdict(9))


def test_a_binder_that_takes_over_may_come_later_and_not_too_early() -> None:
    early, late = Diary(), Diary()
    for diary, delay_s in ((early, 5), (late, 80)):
        diary.bind()
        diary.lose()
        diary.wait(delay_s)
        diary.bind(run="b")

    assert (FAIL, NOT_YET) == (early.verdict(9), late.verdict(9))
