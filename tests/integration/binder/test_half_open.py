"""A half-open link: nothing comes and nothing goes, and nobody has said so.

All times are a twentieth of the defaults: what holds here holds for them. It is noticed within
TCP_USER_TIMEOUT (20 s) and the response timeout (60 s): idle by the enquire_link (at most 56 s away, 10 s for
its answer), with octets in the kernel that nobody acknowledges by the kernel, else by the response timeout.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from tests.acceptance.fleet import wait_until
from tests.integration.binder.support import Account, Binders, Diary, RunningBinder, times_accepted
from tests.integration.relay import Relay
from tests.integration.waiting import Lag, eventually

from smsfleet.binder.service import State
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.timing import Timing
from smsfleet.simulator.server import Simulator

pytestmark = pytest.mark.server

SCALE = 20
DEFAULTS = Timing()
TIMING = DEFAULTS.model_copy(
    update={
        name: getattr(DEFAULTS, name) / SCALE
        for name in (
            "enquire_link_s",
            "enquire_link_timeout_s",
            "response_timeout_s",
            "tcp_user_timeout_s",
            "reconnect_min_s",
            "reconnect_max_s",
            "already_bound_s",
        )
    }
    | {"look_s": 0.1}
)
MOST_S = TIMING.tcp_user_timeout_s + TIMING.response_timeout_s


async def noticed(diary: Diary, since: float, lag: Lag) -> float:
    """How long it took until the connection was given up (s); it may not take longer than promised."""
    await eventually(lambda: diary.at("disconnected"), within_s=MOST_S + 5)
    took_s = diary.at("disconnected")[0] - since - lag.s
    assert took_s <= MOST_S
    return took_s


async def binds_again(diary: Diary) -> None:
    """The next attempt waits for the delay that was drawn, which is between the limits."""
    await eventually(lambda: len(diary.at("bound")) == 2, within_s=2 * TIMING.reconnect_max_s + 5)
    [planned] = diary.of("reconnect")
    assert TIMING.reconnect_min_s <= planned["delay_s"] <= TIMING.reconnect_max_s
    assert diary.at("connecting")[1] - diary.at("disconnected")[0] >= 0.98 * planned["delay_s"]


# --- a middlebox that swallows -----------------------------------------------------------------------


async def test_an_idle_link_that_swallows_is_noticed_and_made_again(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    diary = Diary()
    async with Relay(simulator.port) as relay:
        binder = binders.start(account, relay.port, timing=TIMING, journal=diary)
        await eventually(lambda: binder.state is State.BOUND)

        relay.swallow()

        await noticed(diary, time.monotonic(), Lag())
        assert [ended["cause"] for ended in diary.of("disconnected")] == ["dead-link"]
        simulator.disconnect()  # the gateway has noticed as well
        await binds_again(diary)


async def test_a_link_that_swallows_submits_is_noticed_and_they_are_in_doubt(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    diary = Diary()
    async with Relay(simulator.port) as relay:
        binder = binders.start(account, relay.port, timing=TIMING, journal=diary)
        await eventually(lambda: binder.state is State.BOUND)

        relay.swallow()
        since, lag = time.monotonic(), Lag()
        messages = [account.send(on_ambiguous="resend") for _ in range(5)]

        await noticed(diary, since, lag)
        simulator.disconnect()
        await binds_again(diary)
        await eventually(lambda: account.apply_responses() and account.states(messages) == {"A": 5})
    assert [times_accepted(simulator, message) for message in messages] == [1] * 5
    assert [account.segment(message).ambiguous for message in messages] == [1] * 5


async def test_the_ghost_at_the_gateway_is_waited_for(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    diary = Diary()
    async with Relay(simulator.port) as relay:
        binder = binders.start(account, relay.port, timing=TIMING, journal=diary)
        await eventually(lambda: binder.state is State.BOUND)

        relay.swallow()  # for the gateway the old bind stands

        await eventually(
            lambda: diary.of("bind_refused") == [{"mode": "transceiver", "status": 0x05}], within_s=15
        )
        simulator.disconnect()
        await eventually(lambda: len(diary.at("bound")) == 2, within_s=15)
    assert diary.at("connecting")[2] - diary.at("bind_refused")[0] >= 0.98 * TIMING.already_bound_s


async def test_a_link_that_swallows_is_noticed_while_redis_is_frozen(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    diary = Diary()
    timing = TIMING.model_copy(update={"enquire_link_s": 0.5, "enquire_link_timeout_s": 0.4})
    async with Relay(simulator.port) as relay:
        binder = binders.start(own_account, relay.port, timing=timing, journal=diary)
        await eventually(lambda: binder.state is State.BOUND)
        own_server.process.send_signal(signal.SIGSTOP)
        try:
            before = len(diary.at("enquire_link"))
            await eventually(lambda: len(diary.at("enquire_link")) >= before + 4)

            relay.swallow()

            await noticed(diary, time.monotonic(), Lag())
            simulator.disconnect()
        finally:
            own_server.process.send_signal(signal.SIGCONT)
        await binds_again(diary)
    assert [ended["cause"] for ended in diary.of("disconnected")] == ["dead-link"]
    sent = [at for at in diary.at("enquire_link") if at < diary.at("disconnected")[0]]
    assert all(0.4 < later - earlier < 0.7 for earlier, later in pairwise(sent))


# --- a link that drops -------------------------------------------------------------------------------


def _ip(*words: str) -> str:
    """Run `ip`; returns what it wrote. Raises CalledProcessError or FileNotFoundError."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10).stdout


@dataclass
class FarGateway:
    """A simulator in a network namespace, behind a link of its own that can be dropped."""

    namespace: str
    link: str
    host: str
    port: int
    journal: Path

    def drop(self) -> None:
        """Nothing passes any more, and nobody is told: frames go to an address that nobody has."""
        far = f"{self.link}f"
        _ip("-n", self.namespace, "link", "set", far, "address", "02:00:00:00:00:99")
        _ip("-n", self.namespace, "neigh", "replace", self.host[:-1] + "1", "lladdr", "02:00:00:00:00:98",
            "nud", "permanent", "dev", far)  # fmt: skip

    def accepted(self) -> int:
        """How many submit_sm it has accepted."""
        lines = map(json.loads, self.journal.read_text().splitlines())
        return sum(line["event"] == "submit_sm" for line in lines)


@pytest.fixture
def far_gateway(tmp_path: Path, repository: Path) -> Iterator[FarGateway]:
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and iproute2")
    token = secrets.token_hex(3)
    network = f"198.18.{secrets.randbelow(256)}"  # for tests of devices (RFC 2544)
    gateway = FarGateway(f"smsfleet-{token}", f"sf{token}", f"{network}.2", 2775, tmp_path / "journal.jsonl")
    near, far = f"{gateway.link}n", f"{gateway.link}f"
    try:
        _ip("netns", "add", gateway.namespace)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr.strip()}")
    simulator = None
    try:
        try:
            _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", gateway.namespace)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no pair of virtual links can be made here: {error.stderr.strip()}")
        _ip("addr", "add", f"{network}.1/30", "dev", near)
        _ip("-n", gateway.namespace, "addr", "add", f"{gateway.host}/30", "dev", far)
        _ip("link", "set", near, "up")
        _ip("-n", gateway.namespace, "link", "set", far, "up")
        command = [
            "ip", "netns", "exec", gateway.namespace, sys.executable, "-m", "smsfleet.cli", "simulator",
            "--host", gateway.host, "--port", str(gateway.port), "--journal", str(gateway.journal),
        ]  # fmt: skip
        log = tmp_path / "simulator.log"
        with log.open("wb") as output:
            simulator = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(repository / ".ns")},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: b"listening on" in log.read_bytes() or simulator.poll() is not None, "it listens")
        assert simulator.poll() is None, log.read_text()
        yield gateway
    finally:
        if simulator is not None:
            simulator.kill()
            simulator.wait()
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", near)
        _ip("netns", "delete", gateway.namespace)


async def bound_far_away(
    account: Account, far_gateway: FarGateway, binders: Binders, diary: Diary
) -> RunningBinder:
    binder = binders.start(account, far_gateway.port, host=far_gateway.host, timing=TIMING, journal=diary)
    await eventually(lambda: binder.state is State.BOUND)
    return binder


async def test_a_dropped_link_is_noticed_when_it_is_idle(
    account: Account, far_gateway: FarGateway, binders: Binders
) -> None:
    diary = Diary()
    await bound_far_away(account, far_gateway, binders, diary)

    far_gateway.drop()

    await noticed(diary, time.monotonic(), Lag())
    assert [ended["cause"] for ended in diary.of("disconnected")] == ["dead-link"]
    await eventually(lambda: diary.of("reconnect"))


async def test_a_dropped_link_is_noticed_by_the_kernel_when_octets_are_not_acknowledged(
    account: Account, far_gateway: FarGateway, binders: Binders
) -> None:
    diary = Diary()
    await bound_far_away(account, far_gateway, binders, diary)
    first = account.send()
    await eventually(lambda: account.apply_responses() and account.segment(first).state == "A")

    far_gateway.drop()
    since, lag = time.monotonic(), Lag()
    second = account.send(on_ambiguous="fail")

    took_s = await noticed(diary, since, lag)
    assert took_s < TIMING.response_timeout_s
    [ended] = diary.of("disconnected")
    assert "ETIMEDOUT" in str(ended["reason"]) or "timed out" in str(ended["reason"])
    await eventually(lambda: account.segment(second).state == "F")  # it may have arrived: nobody knows
    assert far_gateway.accepted() == 1
    [planned] = diary.of("reconnect")
    assert TIMING.reconnect_min_s <= planned["delay_s"] <= TIMING.reconnect_max_s
