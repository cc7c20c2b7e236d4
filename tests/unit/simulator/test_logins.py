"""Who may bind: credentials, one bind for each account, and the lock-out after three failed logins."""

from __future__ import annotations

from typing import Any

import pytest

from smsfleet.simulator.logins import Logins
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.smpp.constants import BindMode
from smsfleet.smpp.server_events import BindRequested

OPTIONS = SimulatorOptions(system_id="user", password="secret", system_type="3219000")


def asked(mode: BindMode = "transceiver", **changes: Any) -> BindRequested:
    """A bind of the account, with changes."""
    fields = {"system_id": b"user", "password": b"secret", "system_type": b"3219000", **changes}
    return BindRequested(sequence_number=1, mode=mode, interface_version=0x34, address_range=b"", **fields)


def bind(logins: Logins, connection: int, request: BindRequested, now: float = 0.0) -> int:
    return logins.judge(connection, request, OPTIONS, now=now)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0),
        ({"system_id": b"User"}, 0x0F),
        ({"password": b"wrong"}, 0x0E),
        ({"system_type": b""}, 0x53),
        ({"system_id": b"x", "password": b"y"}, 0x0F),
    ],
)
def test_the_credentials_decide(changes: dict[str, bytes], status: int) -> None:
    logins = Logins()

    answer = bind(logins, 1, asked(**changes))

    assert status == answer


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("transmitter", "receiver", 0),
        ("receiver", "transmitter", 0),
        ("transmitter", "transmitter", 0x05),
        ("receiver", "receiver", 0x05),
        ("transceiver", "transceiver", 0x05),
        ("transceiver", "transmitter", 0x05),
        ("receiver", "transceiver", 0x05),
    ],
)
def test_an_account_has_a_transmitter_and_a_receiver_or_one_transceiver(
    first: BindMode, second: BindMode, status: int
) -> None:
    logins = Logins()
    bind(logins, 1, asked(first))

    answer = bind(logins, 2, asked(second))

    assert status == answer


def test_a_released_bind_makes_room() -> None:
    logins = Logins()
    bind(logins, 1, asked())
    logins.release(1)

    answer = bind(logins, 2, asked())

    assert answer == 0
    assert logins.bound == {2: "transceiver"}


def test_the_third_failed_login_locks_for_180_seconds() -> None:
    logins = Logins()
    for at in (0.0, 10.0, 20.0):
        bind(logins, 1, asked(password=b"wrong"), at)

    answers = [bind(logins, 1, asked(), at) for at in (20.1, 199.9, 200.0)]

    assert answers == [0x0D, 0x0D, 0]


def test_failures_older_than_the_lock_out_do_not_count() -> None:
    logins = Logins()
    for at in (0.0, 10.0, 181.0):
        bind(logins, 1, asked(password=b"wrong"), at)

    answer = bind(logins, 1, asked(), 182.0)

    assert answer == 0


def test_a_successful_login_clears_the_failures() -> None:
    logins = Logins()
    for password in (b"wrong", b"wrong", b"secret", b"wrong"):
        bind(logins, 1, asked(password=password))
        logins.release(1)

    answer = bind(logins, 1, asked())

    assert answer == 0


def test_already_bound_is_a_failed_login() -> None:
    logins = Logins()
    bind(logins, 1, asked())
    for connection in (2, 3, 4):
        bind(logins, connection, asked())
    logins.release(1)

    answer = bind(logins, 5, asked(), 1.0)

    assert answer == 0x0D
