"""How the settings become a bind."""

from __future__ import annotations

import pytest

from smsfleet.cli.binder import session_options
from smsfleet.config.errors import ConfigError
from smsfleet.config.settings import Timing, load, load_smpp
from smsfleet.smpp.session import SessionOptions

BIND = {
    "SMSFLEET_SMPP_HOST": "smpp.example",
    "SMSFLEET_SMPP_SYSTEM_ID": "user",
    "SMSFLEET_SMPP_PASSWORD": "secret",
    "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
}


def options(**settings: str) -> SessionOptions:
    smpp = load_smpp(BIND | {f"SMSFLEET_SMPP_{name.upper()}": value for name, value in settings.items()})
    return session_options(smpp, Timing.of(load({}), smpp))


@pytest.mark.parametrize(("mode", "without_receipts"), [("transceiver", False), ("transmitter", True)])
def test_a_transmitter_asks_for_no_receipts(mode: str, without_receipts: bool) -> None:
    made = options(bind_mode=mode)

    assert (mode, without_receipts) == (made.bind_mode, made.without_receipts)


def test_a_bind_mode_that_does_not_exist_yet_is_refused_with_what_to_use() -> None:
    with pytest.raises(ConfigError, match=r"transmitter_receiver.*use transceiver \(guide §5"):
        options(bind_mode="transmitter_receiver")


def test_a_bind_mode_that_nobody_knows_is_refused_by_the_settings() -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_SMPP_BIND_MODE='receiver'"):
        options(bind_mode="receiver")


def test_login_window_and_times_are_those_of_the_settings() -> None:
    made = options(window="7", enquire_link_s="55", enquire_link_timeout_s="5", response_timeout_s="33")

    assert ("user", "secret", "3000000", 7) == (
        made.system_id, made.password, made.system_type, made.window,
    )  # fmt: skip
    assert (55.0, 5.0, 33.0) == (made.enquire_link_s, made.enquire_link_timeout_s, made.response_timeout_s)
    defaults = Timing()
    assert (defaults.bind_timeout_s, defaults.header_timeout_s, defaults.unbind_timeout_s) == (
        made.bind_timeout_s, made.header_timeout_s, made.unbind_timeout_s,
    )  # fmt: skip
