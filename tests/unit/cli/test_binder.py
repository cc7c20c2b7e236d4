"""How the settings become a bind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from smsfleet.cli.binder import SIDES, Reloads, check_version, session_options
from smsfleet.config.errors import ConfigError, StoreUnavailable
from smsfleet.config.settings import load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing
from smsfleet.smpp.session import SessionOptions

BIND = {
    "SMSFLEET_SMPP_HOST": "smpp.example",
    "SMSFLEET_SMPP_SYSTEM_ID": "user",
    "SMSFLEET_SMPP_PASSWORD": "secret",
    "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
}


def smpp_of(**settings: str) -> SmppSettings:
    return load_smpp(BIND | {f"SMSFLEET_SMPP_{name.upper()}": value for name, value in settings.items()})


def options(**settings: str) -> list[SessionOptions]:
    smpp = smpp_of(**settings)
    timing = Timing.of(load({}), smpp)
    return [session_options(smpp, timing, mode) for mode in SIDES[smpp.bind_mode]]


@pytest.mark.parametrize(
    ("mode", "sessions"),
    [
        ("transceiver", [("transceiver", False)]),
        ("transmitter_receiver", [("transmitter", False), ("receiver", False)]),
        ("transmitter", [("transmitter", True)]),
    ],
)
def test_only_a_transmitter_without_a_receiver_asks_for_no_receipts(
    mode: str, sessions: list[tuple[str, bool]]
) -> None:
    made = options(bind_mode=mode)

    assert sessions == [(session.bind_mode, session.without_receipts) for session in made]


def test_smpp_3_3_is_a_setting_of_the_pair() -> None:
    made = options(bind_mode="transmitter_receiver", interface_version="3.3")

    assert [0x33, 0x33] == [session.interface_version for session in made]
    assert [0x34] == [session.interface_version for session in options()]


def test_the_ledgers_limits_are_those_of_the_profile() -> None:
    guide, archive = (Timing.of(load({}), smpp_of(profile=name)) for name in ("guide-2.4.5", "archive-2016"))

    assert (2, 185.0) == (guide.logins, guide.login_window_s)
    assert (9, 65.0) == (archive.logins, archive.login_window_s)


def test_a_bind_mode_that_nobody_knows_is_refused_by_the_settings() -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_SMPP_BIND_MODE='receiver'"):
        options(bind_mode="receiver")


def test_login_window_and_times_are_those_of_the_settings() -> None:
    (made,) = options(window="7", enquire_link_s="55", enquire_link_timeout_s="5", response_timeout_s="33")

    assert ("user", "secret", "3000000", 7) == (
        made.system_id, made.password, made.system_type, made.window,
    )  # fmt: skip
    assert (55.0, 5.0, 33.0) == (made.enquire_link_s, made.enquire_link_timeout_s, made.response_timeout_s)
    defaults = Timing()
    assert (defaults.bind_timeout_s, defaults.header_timeout_s, defaults.unbind_timeout_s) == (
        made.bind_timeout_s, made.header_timeout_s, made.unbind_timeout_s,
    )  # fmt: skip


@pytest.mark.parametrize("long_messages", ["payload", "sar"])
def test_long_messages_in_tlvs_need_smpp_3_4(long_messages: str) -> None:
    settings = load({"SMSFLEET_LONG_MESSAGES": long_messages})
    old = smpp_of(bind_mode="transmitter_receiver", interface_version="3.3")

    with pytest.raises(ConfigError, match=f"SMSFLEET_LONG_MESSAGES='{long_messages}'.*INTERFACE_VERSION=3.3"):
        check_version(settings, old)
    assert (None, None) == (check_version(load({}), old), check_version(settings, smpp_of()))


async def test_a_reload_that_has_ended_is_not_kept() -> None:
    store: Any = Away()
    reloads = Reloads(store)

    for _ in range(3):
        reloads.begin()
    begun = len(reloads.running)
    await asyncio.gather(*reloads.running)

    assert (3, set()) == (begun, reloads.running)


class Away:
    """A store that does not answer."""

    async def run(self, _call: object) -> None:
        raise StoreUnavailable("Redis cannot be used now")
