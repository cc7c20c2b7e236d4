"""Every code of Appendix A, answered by the simulator to a submit_sm: reaction, stored error, shown status.

A real binder, the workers' relay and duties, and what `job_status` says in the end. The table is written out from
docs/semantics.md, not computed from config/codes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs
from tests.integration.binder.conftest import account, binders, simulator  # noqa: F401 - fixtures
from tests.integration.binder.support import Account, Binders
from tests.integration.waiting import eventually

from smsfleet.config.codes import APPENDIX_A
from smsfleet.config.settings import load
from smsfleet.simulator.server import Simulator
from smsfleet.store.standing import Standings
from smsfleet.tasks.status import JobStatus, of_record
from smsfleet.workers.duties import Duties
from smsfleet.workers.relay import Relay
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.server

TRIES = 2
"""Further tries after a temporary error."""


class Shown(NamedTuple):
    """What becomes of a job whose submit_sm is always answered with one code."""

    reaction: str
    state: str
    status: int | None
    attempts: int
    """submit_sm that the gateway sees; of a paused account at least"""
    error: str | None
    """how `job_status.error` begins"""


def permanent(code: int, name: str, status: int = 5) -> Shown:
    return Shown("permanent", "REJECTED", status, 1, f"0x{code:08X} {name}: ")


def temporary(code: int, name: str) -> Shown:
    return Shown(
        "temporary",
        "REJECTED",
        5,
        1 + TRIES,
        f"given up after 3 refused tries, the last: 0x{code:08X} {name}: ",
    )


def account_error(code: int, name: str, status: int | None) -> Shown:
    return Shown("account", "QUEUED", status, 2, f"0x{code:08X} {name}: ")


TABLE = {
    0x00: Shown("none", "ACCEPTED", 8, 1, None),
    0x01: permanent(0x01, "ESME_RINVMSGLEN"),
    0x02: permanent(0x02, "ESME_RINVCMDLEN")._replace(reaction="our bug"),
    0x03: permanent(0x03, "ESME_RINVCMDID")._replace(reaction="our bug"),
    0x04: temporary(0x04, "ESME_RINVBNDSTS")._replace(reaction="session"),
    0x05: permanent(0x05, "ESME_RALYNBD")._replace(reaction="bind"),
    0x07: permanent(0x07, "ESME_RINVREGDLVFLG"),
    0x08: temporary(0x08, "ESME_RSYSERR"),
    0x0A: permanent(0x0A, "ESME_RINVSRCADR"),
    0x0B: permanent(0x0B, "ESME_RINVDSTADR"),
    0x0C: permanent(0x0C, "ESME_RINVMSGID", status=1),
    0x0D: permanent(0x0D, "ESME_RBINDFAIL")._replace(reaction="bind"),
    0x0E: permanent(0x0E, "ESME_RINVPASWD")._replace(reaction="bind"),
    0x0F: permanent(0x0F, "ESME_RINVSYSID")._replace(reaction="bind"),
    0x14: temporary(0x14, "ESME_RMSGQFUL")._replace(reaction="throttling"),
    0x43: permanent(0x43, "ESME_RINVESMCLASS"),
    0x48: permanent(0x48, "ESME_RINVSRCTON")._replace(reaction="our bug"),
    0x53: permanent(0x53, "ESME_RINVSYSTYP")._replace(reaction="bind"),
    0x58: temporary(0x58, "ESME_RTHROTTLED")._replace(reaction="throttling"),
    0x61: permanent(0x61, "ESME_RINVSCHED"),
    0x62: permanent(0x62, "ESME_RINVEXPIRY"),
    0x64: temporary(0x64, "ESME_RX_T_APPN"),
    0x65: permanent(0x65, "ESME_RX_P_APPN"),
    0x66: permanent(0x66, "ESME_RX_R_APPN"),
    0xC1: permanent(0xC1, "ESME_ROPTPARNOTALLWD"),
    0xC2: permanent(0xC2, "ESME_RINVPARLEN")._replace(reaction="our bug"),
    0xFF: temporary(0xFF, "ESME_RUNKNOWNERR"),
    0x400: permanent(0x400, "ESME_ROUTERR", status=9),
    0x401: account_error(0x401, "ESME_NOCR", 12),
    0x402: account_error(0x402, "ESME_MAXCR", 12),
    0x403: account_error(0x403, "ESME_ACCFROZ", None),
    0x404: permanent(0x404, "ESME_DATAERR"),
    0x405: permanent(0x405, "ESME_GENERR"),
}


class Broker:
    """Nothing is published again here."""

    def is_empty(self, _lane: str) -> bool:
        return False

    def publish(self, lane: str, job_id: str) -> None:
        raise AssertionError(f"{lane} {job_id} was published again")


def test_the_table_has_every_code() -> None:
    assert set(APPENDIX_A) == set(TABLE)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Every log line of this process."""
    with capture_logs() as lines:
        yield lines


@pytest.mark.parametrize("code", TABLE, ids=hex)
async def test_a_code_has_its_reaction_its_error_and_its_status(
    account: Account,  # noqa: F811
    simulator: Simulator,  # noqa: F811
    binders: Binders,  # noqa: F811
    logged: list[Any],
    code: int,
) -> None:
    expected = TABLE[code]
    settings = {
        "SMSFLEET_REDIS_URL": account.url, "SMSFLEET_ACCOUNT": account.name, "SMSFLEET_PROBE_S": "1",
        "SMSFLEET_MAX_ATTEMPTS": str(TRIES), "SMSFLEET_BACKOFF_S": "0.05",
    }  # fmt: skip
    runtime = Runtime(load(settings), store=account.store)
    relay, duties = Relay(runtime, "test"), Duties(runtime, Broker())
    message = account.send(destination=f"279991{80000 + code}")
    binders.start(account, simulator.port)

    def shown() -> JobStatus:
        relay.step(1)
        duties.promote()
        return of_record(account.record(message))

    if expected.reaction == "account":
        await eventually(lambda: shown().segments[0].attempts >= expected.attempts, within_s=15)
        await eventually(lambda: shown().state == "QUEUED")
    else:
        await eventually(lambda: shown().state == expected.state, within_s=15)

    found, standing = shown(), account.store.run(Standings(account.keys).read())
    assert (found.state, found.status) == (expected.state, expected.status)
    assert (found.error or "").startswith(expected.error or "")
    assert (found.error is None) == (expected.error is None)
    assert found.segments[0].error == found.error
    submitted = simulator.journal.counts["submit_sm"]
    assert (
        submitted >= expected.attempts if expected.reaction == "account" else submitted == expected.attempts
    )
    assert (standing.gateway is not None) == (expected.reaction == "account")
    assert standing.throttled == (expected.attempts if expected.reaction == "throttling" else 0)
    assert (simulator.journal.counts["bind"] > 1) == (expected.reaction == "session")
    told = sum("the gateway refuses" in line["event"] for line in logged)
    assert (told > 0) == (expected.reaction in {"our bug", "bind", "account"})
    assert told <= 1  # of an account's state it is told once, however often it is probed
