"""The table of states."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import SessionError
from smsfleet.smpp.states import TRANSITIONS, SessionState, Signal, next_state


def test_every_state_has_its_ways_and_only_closed_has_no_way_out() -> None:
    exits = {state: set(ways.values()) - {state} for state, ways in TRANSITIONS.items()}

    assert set(SessionState) == exits.keys()
    assert {SessionState.CLOSED} == {state for state, ways in exits.items() if not ways}


@pytest.mark.parametrize("state", SessionState)
def test_a_connection_can_be_lost_in_any_state(state: SessionState) -> None:
    assert SessionState.CLOSED is next_state(state, Signal.CONNECTION_LOST)


@pytest.mark.parametrize(
    ("state", "signal"),
    [
        (SessionState.OPEN, Signal.BIND_ACCEPTED),
        (SessionState.OPEN, Signal.UNBIND_SENT),
        (SessionState.BINDING, Signal.BIND_SENT),
        (SessionState.BOUND, Signal.BIND_SENT),
        (SessionState.UNBINDING, Signal.UNBIND_SENT),
        (SessionState.CLOSING, Signal.BIND_SENT),
        (SessionState.CLOSED, Signal.MUST_CLOSE),
    ],
)
def test_an_impossible_way_names_state_and_signal(state: SessionState, signal: Signal) -> None:
    with pytest.raises(SessionError) as caught:
        next_state(state, signal)

    assert state.value in str(caught.value)
    assert signal.name.lower().replace("_", " ") in str(caught.value)
