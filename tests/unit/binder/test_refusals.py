"""What a refused bind means, and what is kept of the settings that were refused."""

from __future__ import annotations

import json

import pytest

from smsfleet.binder.refusals import Stop, advice

LOGIN = ("smpp.example", "2775", "user", "Zx9q7Kd", "3000000")


@pytest.mark.parametrize(
    ("status", "setting"), [(0x0E, "PASSWORD"), (0x0F, "SYSTEM_ID"), (0x53, "SYSTEM_TYPE")]
)
def test_a_refused_setting_is_named_with_what_to_do(status: int, setting: str) -> None:
    said = advice(status)

    assert f"mend SMSFLEET_SMPP_{setting} and restart the binder" in said
    assert "smsfleet bind retry" in said


def test_any_other_refusal_is_named_by_appendix_a() -> None:
    assert "ESME_RALYNBD" in advice(0x05)
    assert "locked out for 180 s" in advice(0x0D)
    assert "0x00000008 ESME_RSYSERR: system error" == advice(0x08)


def test_a_stop_is_of_the_login_that_was_refused() -> None:
    stop = Stop.from_json(Stop.of(0x0E, "transceiver", LOGIN).to_json())

    assert (0x0E, "transceiver") == (stop.status, stop.mode)
    assert stop.is_of(LOGIN)


@pytest.mark.parametrize("changed", range(5))
def test_every_changed_setting_makes_it_another_login(changed: int) -> None:
    # One in 65,536 of the random salts would hide the change.
    stop = Stop.of(0x0E, "transceiver", LOGIN)
    others = [[*LOGIN[:changed], value, *LOGIN[changed + 1 :]] for value in ("other", "another")]

    assert not all(stop.is_of(other) for other in others)


def test_too_little_is_kept_to_tell_which_password_it_was() -> None:
    stored = json.loads(Stop.of(0x0E, "transceiver", LOGIN).to_json())

    assert 4 == len(stored["digest"])
    assert "Zx9q7Kd" not in json.dumps(stored)
    assert stored["salt"] != json.loads(Stop.of(0x0E, "transceiver", LOGIN).to_json())["salt"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"status": "x"}'])
def test_what_is_no_stop_is_an_error(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Stop.from_json(text)
