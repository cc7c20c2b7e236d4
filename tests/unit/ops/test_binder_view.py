"""What the binder left in Redis, as operators see it."""

from __future__ import annotations

import json

import pytest

from smsfleet.ops.binder_view import UNREADABLE, BinderView, SideView, binder_view

NOW_MS = 1_700_000_000_000


def test_without_a_report_nobody_leads_or_the_leader_is_silent() -> None:
    assert "absent" == binder_view(None, has_leader=False, now_ms=NOW_MS).state
    assert "standby" == binder_view(None, has_leader=True, now_ms=NOW_MS).state


def test_times_become_ages() -> None:
    said = {
        "state": "bound", "since_ms": NOW_MS - 5000, "ambiguous_ms": NOW_MS - 1500, "unbound_since_ms": None,
        "sides": [{"mode": "transceiver", "bound_since_ms": NOW_MS - 5000, "enquire_link_ms": NOW_MS - 7000}],
    }  # fmt: skip

    seen = binder_view(json.dumps(said), has_leader=True, now_ms=NOW_MS)

    side = SideView("transceiver", bound_s=5.0, enquire_link_s=7.0)
    assert BinderView("bound", since_s=5.0, ambiguous_s=1.5, sides=(side,)) == seen


def test_a_host_whose_clock_is_ahead_gives_no_age_below_0() -> None:
    seen = binder_view(
        json.dumps({"state": "bound", "since_ms": NOW_MS + 40}), has_leader=True, now_ms=NOW_MS
    )

    assert 0.0 == seen.since_s


@pytest.mark.parametrize("wrong_ms", [-7_200_000, 7_200_000])
def test_a_host_whose_clock_is_wrong_has_the_ages_that_it_sees(wrong_ms: int) -> None:
    here_ms = NOW_MS + wrong_ms
    side = {"mode": "transceiver", "state": "bound", "enquire_link_resp_ms": here_ms - 7000}
    said = {"state": "bound", "at_ms": here_ms, "since_ms": here_ms - 5000, "sides": [side]}

    seen = binder_view(json.dumps(said), has_leader=True, now_ms=NOW_MS)

    assert (5.0, 7.0) == (seen.since_s, seen.sides[0].enquire_link_resp_s)


def test_a_report_grows_old_like_what_it_tells() -> None:
    said = {"state": "bound", "at_ms": NOW_MS - 12_000, "since_ms": NOW_MS - 20_000}

    assert 20.0 == binder_view(json.dumps(said), has_leader=True, now_ms=NOW_MS).since_s


def test_what_another_version_says_does_no_harm() -> None:
    seen = binder_view(json.dumps({"state": "bound", "mood": "good"}), has_leader=True, now_ms=NOW_MS)

    assert BinderView("bound") == seen


@pytest.mark.parametrize(
    "reported",
    [
        "", "{", "[]", "7", "null", '{"sides": 5}', '{"sides": ["bound"]}', '{"since_ms": "noon"}',
        '{"state": 3}', '{"in_flight": "many"}', '{"errors": [1]}', '{"errors": {"0x58": "two"}}', '{"pid": true}',
        '{"at_ms": "noon", "since_ms": "noon"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize(("has_leader", "state"), [(True, "standby"), (False, "absent")])
def test_a_record_that_cannot_be_read_is_said_and_hides_nothing_else(
    reported: str, has_leader: bool, state: str
) -> None:
    seen = binder_view(reported, has_leader=has_leader, now_ms=NOW_MS)

    assert BinderView(state, why=UNREADABLE) == seen
