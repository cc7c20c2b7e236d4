"""A whole fleet for the tests of other applications: a pytest fixture.

In `conftest.py`: `pytest_plugins = ["smsfleet.cli.testing"]`. A test that takes `smsfleet_fleet` then has an
embedded server, a simulated Clickatell, a binder and a worker, once for the whole run of tests: what it calls
`send_sms.delay` for reaches DELIVERED. Needs pytest and the extra `server`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from smsfleet.cli.small_fleet import SmallFleet, wait_until_bound
from smsfleet.simulator.testing import Gateway
from smsfleet.tasks import JobStatus, wait_for_status
from smsfleet.tasks.app import use_runtime


@dataclass(frozen=True, slots=True)
class RunningFleet:
    """A fleet that is bound; `gateway` is its simulated Clickatell."""

    gateway: Gateway
    environment: dict[str, str]
    """the settings of an application that uses it; in this process they are set"""

    def wait_for(self, job_id: str, *, within_s: float = 30.0) -> JobStatus:
        """The job as soon as nothing more is expected of it. Raises TimeoutError."""
        return wait_for_status(job_id, within_s)


@pytest.fixture
def smsfleet_fleet(smsfleet_session: RunningFleet) -> RunningFleet:
    """A whole fleet, and this process' settings for it; its gateway knows nothing of the tests before."""
    smsfleet_session.gateway.reset()
    return smsfleet_session


@pytest.fixture(scope="session")
def smsfleet_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """The fleet behind `smsfleet_fleet`; started once for the run, because that takes seconds."""
    before = {name: value for name, value in os.environ.items() if name.startswith("SMSFLEET_")}
    with Gateway() as gateway:
        fleet = SmallFleet(
            tmp_path_factory.mktemp("smsfleet") / "fleet", smpp_port=gateway.port, own_gateway=False
        )
        try:
            fleet.start()
            wait_until_bound(fleet)
            os.environ.update(fleet.settings)
            yield RunningFleet(gateway, fleet.settings)
        finally:
            fleet.stop()
            for name in fleet.settings if fleet.server else ():
                os.environ.pop(name, None)
            os.environ.update(before)
            use_runtime(None)
