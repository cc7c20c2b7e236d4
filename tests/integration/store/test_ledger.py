"""bind_ask.lua, bind_failed.lua, bind_lift.lua, bind_retry.lua, bind_pause.lua, bind_read.lua: the bind ledger."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.config.errors import Fenced
from smsfleet.store.client import Store
from smsfleet.store.ledger import UNANSWERED, Asked, LedgerView, LoginLimits

LIMITS = LoginLimits(logins=2, window_s=185.0, slack_s=40.0, already_bound_s=60.0)
ALLOWED = Asked("allowed")
STOP = '{"status": 14}'


@pytest.fixture
def fleet(store: Store) -> Fleet:
    """Binder A leads."""
    fleet = Fleet(store)
    fleet.lead("A")
    return fleet


def ask(fleet: Fleet, attempt: str = "a1", *, after_s: float = 0.0) -> Asked:
    fleet.now_ms += round(after_s * 1000)
    return fleet.run(fleet.ledger.ask(fleet.token, attempt, "transceiver", LIMITS))


def fail(fleet: Fleet, attempt: str, status: str = "13", *, stop: str = "", after_s: float = 0.0) -> str:
    fleet.now_ms += round(after_s * 1000)
    return fleet.run(fleet.ledger.failed(attempt, "transceiver", status, stop))


def view(fleet: Fleet) -> LedgerView:
    return fleet.run(fleet.ledger.read())


def logins(fleet: Fleet) -> list[tuple[str, str, float]]:
    return [(login.attempt, login.status, login.age_s) for login in view(fleet).logins]


def test_a_login_that_may_be_tried_is_reserved_for_the_latest_moment_it_can_count(fleet: Fleet) -> None:
    assert ask(fleet) == ALLOWED

    assert logins(fleet) == [("a1", "", -40.0)]
    assert view(fleet).logins[0].mode == "transceiver"


def test_a_third_login_waits_until_the_first_counts_no_more(fleet: Fleet) -> None:
    for attempt, after_s in (("a1", 0.0), ("a2", 45.0)):
        ask(fleet, attempt, after_s=after_s)
        fail(fleet, attempt, after_s=1.0)

    assert ask(fleet, "a3", after_s=10.0) == Asked("wait", wait_s=185.0 - 56.0, reason="logins")
    assert ask(fleet, "a3", after_s=128.999) == Asked("wait", wait_s=0.001, reason="logins")
    assert ask(fleet, "a3", after_s=0.001) == ALLOWED
    assert [attempt for attempt, _, _ in logins(fleet)] == ["a2", "a3"]


def test_a_reservation_whose_outcome_nobody_knows_counts_as_failed_and_longer(fleet: Fleet) -> None:
    ask(fleet, "a1")
    ask(fleet, "a2", after_s=1.0)

    assert ask(fleet, "a3", after_s=1.0) == Asked("wait", wait_s=223.0, reason="logins")
    assert ask(fleet, "a3", after_s=223.0) == ALLOWED


@pytest.mark.parametrize("outcome", ["void", "ok"])
def test_a_login_that_did_not_fail_removes_its_own_entry_only(fleet: Fleet, outcome: str) -> None:
    ask(fleet, "a1")
    fail(fleet, "a1")
    ask(fleet, "a2")

    assert fleet.run(getattr(fleet.ledger, outcome)("a2")) is True
    assert fleet.run(getattr(fleet.ledger, outcome)("a2")) is False

    assert logins(fleet) == [("a1", "13", 0.0)]


def test_a_failure_is_taken_from_any_binder_and_after_a_flush(fleet: Fleet) -> None:
    ask(fleet, "a1")
    before = view(fleet).epoch
    fleet.redis("FLUSHALL")

    assert fail(fleet, "a1", UNANSWERED) == ""

    assert logins(fleet) == [("a1", "-", 0.0)]
    assert (before, view(fleet).epoch) == ("a1", "a1")


def test_an_epoch_lasts_until_a_flush(fleet: Fleet) -> None:
    ask(fleet, "a1")
    ask(fleet, "a2")
    assert view(fleet).epoch == "a1"
    fleet.redis("FLUSHALL")
    assert view(fleet) == LedgerView()

    fleet.lead("B")
    ask(fleet, "a3")

    assert view(fleet).epoch == "a3"


def test_a_binder_that_does_not_lead_reserves_nothing(fleet: Fleet) -> None:
    old = fleet.token
    fleet.redis("DEL", fleet.keys.lease)
    fleet.lead("B")

    with pytest.raises(Fenced):
        fleet.run(fleet.ledger.ask(old, "a1", "transceiver", LIMITS))
    with pytest.raises(Fenced):
        fleet.run(fleet.ledger.lift(old, STOP))

    assert view(fleet) == LedgerView()


def test_after_already_bound_the_ghost_is_waited_for(fleet: Fleet) -> None:
    ask(fleet, "a1")
    fail(fleet, "a1", "5")

    assert ask(fleet, "a2", after_s=35.0) == Asked("wait", wait_s=25.0, reason="already-bound")
    assert ask(fleet, "a2", after_s=25.0) == ALLOWED


def test_only_the_newest_refusal_tells_of_a_ghost(fleet: Fleet) -> None:
    ask(fleet, "a1")
    fail(fleet, "a1", "5")
    fail(fleet, "a2", "13", after_s=1.0)
    fleet.now_ms += 1000
    limits = LoginLimits(3, 185.0, 40.0, 60.0)

    assert fleet.run(fleet.ledger.ask(fleet.token, "a3", "transceiver", limits)) == ALLOWED


def test_a_stop_stands_until_an_operator_retries(fleet: Fleet) -> None:
    ask(fleet, "a1")
    fail(fleet, "a1", "14", stop=STOP)
    assert ask(fleet, "a2", after_s=1000.0) == Asked("stopped", stop=STOP)
    assert view(fleet).stop == STOP

    assert fleet.run(fleet.ledger.retry("r1")) is True

    assert ask(fleet, "a2") == ALLOWED
    assert (view(fleet).stop, view(fleet).retry) == ("", "r1")


def test_a_retry_of_nothing_leaves_its_id_for_the_files_of_the_binders(fleet: Fleet) -> None:
    assert fleet.run(fleet.ledger.retry("r1")) is False

    assert view(fleet).retry == "r1"
    assert fail(fleet, "a1", "14", stop=STOP) == "r1"


def test_a_retry_frees_no_login(fleet: Fleet) -> None:
    for attempt in ("a1", "a2"):
        ask(fleet, attempt)
        fail(fleet, attempt, "14", stop=STOP)
        fleet.run(fleet.ledger.retry("r" + attempt))

    assert ask(fleet, "a3").word == "wait"


def test_a_stop_whose_settings_have_changed_is_lifted_and_no_other(fleet: Fleet) -> None:
    fail(fleet, "a1", "14", stop=STOP)

    assert fleet.run(fleet.ledger.lift(fleet.token, '{"status": 15}')) is False
    assert fleet.run(fleet.ledger.lift(fleet.token, STOP)) is True
    assert fleet.run(fleet.ledger.lift(fleet.token, STOP)) is False

    assert ask(fleet, "a2") == ALLOWED


def test_a_pause_stands_until_resume(fleet: Fleet) -> None:
    assert fleet.run(fleet.ledger.pause()) is True
    fleet.now_ms += 5000
    assert fleet.run(fleet.ledger.pause()) is False
    assert ask(fleet) == Asked("paused")
    assert (view(fleet).paused_s, view(fleet).logins) == (5.0, ())

    assert fleet.run(fleet.ledger.resume()) is True
    assert fleet.run(fleet.ledger.resume()) is False

    assert view(fleet).paused_s is None
    assert ask(fleet) == ALLOWED


def test_a_pause_is_told_before_a_stop_and_a_stop_before_a_wait(fleet: Fleet) -> None:
    for attempt in ("a1", "a2"):
        fail(fleet, attempt, "14", stop=STOP)
    assert ask(fleet, "a3").word == "stopped"
    fleet.run(fleet.ledger.pause())

    assert ask(fleet, "a3").word == "paused"


def test_after_the_servers_clock_was_set_back_a_login_counts_for_its_time_and_no_longer(fleet: Fleet) -> None:
    for attempt in ("a1", "a2"):
        ask(fleet, attempt)
        fail(fleet, attempt)

    assert ask(fleet, "a3", after_s=-86_400.0) == Asked("wait", wait_s=225.0, reason="logins")
    assert ask(fleet, "a3", after_s=225.0) == ALLOWED


def test_the_servers_clock_is_used_unless_another_is_given(fleet: Fleet) -> None:
    fleet.now_ms = 0

    assert ask(fleet, "a1") == ALLOWED
    fail(fleet, "a1")

    ((_, _, age_s),) = logins(fleet)
    assert 0.0 <= age_s < 60.0
