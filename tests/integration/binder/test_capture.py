"""The PDUs of a real binder, fetched by the command: as lines, and as a file that tshark reads."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.binder.recorded import recorded
from tests.integration.binder.support import Account, incoming, new_simulator, times_accepted
from tests.integration.waiting import eventually

from smsfleet.smpp.constants import TLV_MESSAGE_PAYLOAD
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.pdu import decode_bind

pytestmark = pytest.mark.server

NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
PACKAGES = str(Path(__file__).resolve().parents[3] / ".ns")
PASSWORD = "geheim7"
TO = "27831234567"


async def smsfleet(account: Account, *arguments: str) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of the command, as an operator runs it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SMSFLEET_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "smsfleet.cli", *arguments,
        env={**environment, "SMSFLEET_REDIS_URL": account.url, "SMSFLEET_ACCOUNT": account.name,
             "PYTHONPATH": PACKAGES},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, output, errors.decode()


async def capture_of_a_run(account: Account, folder: Path, *arguments: str) -> bytes:
    """What the command prints after a bind, messages both ways, a long one, and a sign of life."""
    async with (
        new_simulator(password=PASSWORD, receipt_delay_s=0.0) as simulator,
        recorded(account, simulator.port, folder, password=PASSWORD),
    ):
        message = account.send(destination=TO, registered_delivery=1)
        account.send(destination=TO, tlvs=((TLV_MESSAGE_PAYLOAD, b"x" * 5000),))
        await eventually(lambda: times_accepted(simulator, message) == 1)
        simulator.inject(incoming())
        simulator.enquire_link()
        await eventually(lambda: simulator.journal.counts["deliver_sm_resp"] == 2)
        await eventually(lambda: simulator.journal.counts["enquire_link_resp"] == 1)
        code, output, errors = await smsfleet(account, "capture", *arguments)
    assert (0, "") == (code, errors)
    return output


def lines(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def body(line: dict[str, Any]) -> bytes:
    return bytes.fromhex(line["octets"])[16:]


def test_the_exchange_is_told_pdu_by_pdu(account: Account, tmp_path: Path) -> None:
    told = lines(asyncio.run(capture_of_a_run(account, tmp_path)))

    assert {
        "bind_transceiver": 1, "bind_transceiver_resp": 1, "submit_sm": 2, "submit_sm_resp": 2,
        "deliver_sm": 2, "deliver_sm_resp": 2, "enquire_link": 1, "enquire_link_resp": 1,
    } == {name: [line["command"] for line in told].count(name) for name in {line["command"] for line in told}}  # fmt: skip
    assert [("bind_transceiver", "sent"), ("bind_transceiver_resp", "received")] == [
        (line["command"], line["direction"]) for line in told[:2]
    ]
    assert sorted(line["at"] for line in told) == [line["at"] for line in told]
    assert all(line["length"] == len(line["octets"]) // 2 for line in told)


@pytest.mark.parametrize("show", [(), ("--show-content",)])
def test_the_password_never_leaves_and_contents_only_when_asked_for(
    account: Account, tmp_path: Path, show: tuple[str, ...]
) -> None:
    told = lines(asyncio.run(capture_of_a_run(account, tmp_path, *show)))

    octets = b"".join(bytes.fromhex(line["octets"]) for line in told)
    bind = decode_bind(body(told[0]))
    assert (b"demo", b"*******") == (bind.system_id, bind.password)
    assert PASSWORD.encode() not in octets
    assert bool(show) == (TO.encode() in octets)
    assert bool(show) == (b"hello" in octets)
    submits = [SubmitSm.decode_body(body(line)) for line in told if line["command"] == "submit_sm"]
    if not show:
        assert {b"27*******67"} == {submit.destination_addr for submit in submits}
        assert {b"x"} == {submit.user_data[:1] for submit in submits}
    receipts = [DeliverSm.decode_body(body(line)) for line in told if line["command"] == "deliver_sm"]
    assert 1 == sum(b"stat:DELIVRD" in receipt.short_message for receipt in receipts)


def test_only_the_last_are_given_when_asked_for(account: Account, tmp_path: Path) -> None:
    assert 3 == len(lines(asyncio.run(capture_of_a_run(account, tmp_path, "--last", "3"))))


@NEEDS_TSHARK
@pytest.mark.parametrize("show", [(), ("--show-content",)])
def test_tshark_reads_the_file_without_a_malformed_pdu(
    account: Account, tmp_path: Path, show: tuple[str, ...]
) -> None:
    file = tmp_path / "bind.pcap"
    output = asyncio.run(capture_of_a_run(account, tmp_path, "--format", "pcap", *show))
    file.write_bytes(output)

    def tshark(*arguments: str) -> list[str]:
        command = ["tshark", "-r", str(file), "-d", "tcp.port==2775,smpp", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout.splitlines()

    assert [] == tshark("-Y", "_ws.malformed or _ws.expert.severity >= 0x600000")
    fields = ("-T", "fields", "-e", "smpp.command_id")
    assert 12 == sum(line.count("0x") for line in tshark("-Y", "smpp", *fields))
    (password,) = tshark("-Y", "smpp.command_id == 0x9", "-T", "fields", "-e", "smpp.password")
    assert "*******" == password
    to = tshark("-Y", "smpp.command_id == 0x4", "-T", "fields", "-e", "smpp.destination_addr")
    assert {TO if show else "27*******67"} == {number for line in to for number in line.split(",")}


def test_a_file_is_for_its_owner_and_never_overwritten(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "bind.jsonl"

    async def twice() -> tuple[int, bytes, str]:
        async with new_simulator() as simulator, recorded(account, simulator.port, tmp_path):
            await eventually(lambda: simulator.bound == 1)
            code, _, said = await smsfleet(account, "capture", "--output", str(file))
            assert (0, f"2 PDUs in {file}\n") == (code, said)
            return await smsfleet(account, "capture", "--output", str(file))

    code, _, said = asyncio.run(twice())

    assert 2 == code
    assert f"{file} cannot be created: File exists" in said
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert 2 == len(lines(file.read_bytes()))


def test_without_a_binder_the_command_says_so(account: Account) -> None:
    code, output, said = asyncio.run(smsfleet(account, "capture"))

    assert (os.EX_UNAVAILABLE, b"") == (code, output)
    assert f"no binder of account '{account.name}' has answered" in said


def test_a_standby_leaves_the_request_to_the_leader(account: Account, tmp_path: Path) -> None:
    async def both() -> tuple[int, bytes, str]:
        (tmp_path / "standby").mkdir()
        async with new_simulator() as simulator, recorded(account, simulator.port, tmp_path):
            await eventually(lambda: simulator.bound == 1)
            async with recorded(account, simulator.port, tmp_path / "standby"):
                return await smsfleet(account, "capture")

    code, output, _ = asyncio.run(both())

    assert (0, 2) == (code, len(lines(output)))
