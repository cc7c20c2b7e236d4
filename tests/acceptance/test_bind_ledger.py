"""Promise 5 (semantics.md): never a third failed login in 180 s, whatever is killed, restarted or lost.

The times are the real ones; what is counted is counted at the SMSC.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet, Process, wait_until

from smsfleet.config.codes import ESME_RALYNBD, ESME_RBINDFAIL, ESME_RINVPASWD, ESME_ROK

RESTARTS = 6
LOSSES = ["nothing", "redis", "file"]


class MuteGateway:
    """Takes connections and binds, and never answers."""

    def __init__(self) -> None:
        self.binds = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ending, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            stack.enter_context(self._listener)
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(stack.enter_context(self._ending), selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ending:
                        return
                    if key.fileobj is self._listener:
                        connection, _ = self._listener.accept()
                        selector.register(stack.enter_context(connection), selectors.EVENT_READ)
                    elif self._has_ended(key.fileobj):
                        selector.unregister(key.fileobj)

    def _has_ended(self, connection: object) -> bool:
        assert isinstance(connection, socket.socket)
        with contextlib.suppress(ConnectionError):
            if connection.recv(4096):
                self.binds += 1
                return False
        return True


@pytest.fixture
def mute() -> Iterator[MuteGateway]:
    gateway = MuteGateway()
    yield gateway
    gateway.close()


def lose(fleet: Fleet, what: str) -> None:
    """Take away one of the two places where failed logins are kept."""
    if what == "redis":
        fleet.command("FLUSHALL")
    elif what == "file":
        (Path(fleet.environment["SMSFLEET_RUN_DIR"]) / "smsfleet-main.logins.json").unlink(missing_ok=True)


def reaches(binder: Process, state: str) -> None:
    """Wait until the binder says in its log that it is in this state."""
    wait_until(lambda: binder.says(f'"state": "{state}"'), f"the binder is {state}")


@pytest.mark.parametrize("lost", LOSSES)
def test_a_wrong_password_and_six_restarts_within_seconds_lock_nobody_out(
    new_fleet: Callable[..., Fleet], lost: str
) -> None:
    fleet = new_fleet(SMSFLEET_SMPP_PASSWORD="wrong")
    fleet.start("simulator")

    for restart in range(RESTARTS):
        binder = fleet.launch("binder")
        reaches(binder, "refused")
        binder.send(signal.SIGKILL if restart % 2 else signal.SIGTERM)
        lose(fleet, lost)

    assert [ESME_RINVPASWD] == fleet.smsc.bind_statuses
    mended = fleet.launch("binder", SMSFLEET_SMPP_PASSWORD=fleet.environment["SMSFLEET_SIMULATOR_PASSWORD"])
    reaches(mended, "bound")
    assert ESME_RBINDFAIL not in fleet.smsc.bind_statuses


@pytest.mark.parametrize("lost", LOSSES)
def test_kills_between_connect_and_answer_make_no_third_login(
    new_fleet: Callable[..., Fleet], mute: MuteGateway, lost: str
) -> None:
    fleet = new_fleet(SMSFLEET_SMPP_PORT=str(mute.port))

    for restart in range(1, RESTARTS + 1):
        binder = fleet.launch("binder")
        if restart <= 2:
            wait_until(lambda expected=restart: mute.binds == expected, "the bind is at the gateway")
        else:
            reaches(binder, "waiting")
        fleet.kill("binder")
        lose(fleet, lost)

    assert 2 == mute.binds


def test_already_bound_is_waited_for_over_restarts(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet()
    fleet.start("simulator", "binder")

    for _ in range(RESTARTS):
        other = fleet.launch("binder", SMSFLEET_ACCOUNT="other")
        wait_until(lambda: ESME_RALYNBD in fleet.smsc.bind_statuses, "the second account is refused")
        reaches(other, "waiting")
        other.send(signal.SIGKILL)

    assert [ESME_ROK, ESME_RALYNBD] == fleet.smsc.bind_statuses


def test_a_standby_takes_the_stop_over(new_fleet: Callable[..., Fleet], tmp_path: Path) -> None:
    fleet = new_fleet(SMSFLEET_SMPP_PASSWORD="wrong", SMSFLEET_LEASE_TTL_S="2")
    fleet.start("simulator")
    leader = fleet.launch("binder")
    reaches(leader, "refused")
    standby = fleet.launch("binder", SMSFLEET_RUN_DIR=str(tmp_path))  # another host
    wait_until((tmp_path / "smsfleet-main.logins.json").exists, "the standby has mirrored it")
    leader.send(signal.SIGKILL)

    fleet.command("FLUSHALL")

    reaches(standby, "refused")
    assert [ESME_RINVPASWD] == fleet.smsc.bind_statuses
