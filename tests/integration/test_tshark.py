"""An independent judge: tshark decodes what the binder and the simulator said to each other."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, incoming, new_simulator
from tests.integration.relay import Relay
from tests.integration.waiting import eventually

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.cli.pcap import Exchange, pcap
from smsfleet.smpp.constants import TLV_MESSAGE_PAYLOAD, TLV_USER_MESSAGE_REFERENCE, command_name

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

PORT = 2775


async def record_a_run(server: EmbeddedServer, folder: Path) -> bytes:
    """A capture of everything that a binder says in its life, and what it is told."""
    account = Account(f"t-{secrets.token_hex(4)}", server.url)
    binders = Binders(folder)
    timing = SHORT.model_copy(update={"enquire_link_s": 0.2, "enquire_link_timeout_s": 0.1})
    async with new_simulator(receipt_delay_s=0.0) as simulator, Relay(simulator.port) as relay:
        account.send()
        account.send(registered_delivery=1, tlvs=((TLV_USER_MESSAGE_REFERENCE, b"\0\x07"),))
        account.send(tlvs=((TLV_MESSAGE_PAYLOAD, b"x" * 5000),))
        account.send(destination="27999181024")
        binder = binders.start(account, relay.port, timing=timing)
        await eventually(lambda: simulator.journal.counts["submit_sm"] == 4)
        simulator.inject(incoming())
        simulator.enquire_link()
        await eventually(lambda: simulator.journal.counts["deliver_sm_resp"] == 2)
        await eventually(lambda: simulator.journal.counts["enquire_link"] >= 1)
        await binder.stop()
        await eventually(lambda: simulator.connections == 0)
    await binders.clean_up()
    account.store.close()
    exchanges = [Exchange(number, 1, *passed) for number, passed in enumerate(relay.recorded)]
    return pcap(exchanges, server_port=PORT)


def tshark(capture: Path, *arguments: str) -> list[str]:
    """The lines that tshark prints for a capture."""
    command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={PORT},smpp", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


async def test_tshark_understands_every_pdu_of_a_run(server: EmbeddedServer, tmp_path: Path) -> None:
    capture = tmp_path / "run.pcap"
    capture.write_bytes(await record_a_run(server, tmp_path))

    malformed = tshark(capture, "-Y", "_ws.malformed or _ws.expert.severity >= 0x600000")
    lines = tshark(capture, "-Y", "smpp", "-T", "fields", "-e", "smpp.command_id")

    commands = Counter(
        command_name(int(number, 16)) for line in lines for number in line.split(",") if number
    )
    assert malformed == []
    assert {name: commands[name] for name in commands if not name.startswith("enquire_link")} == {
        "bind_transceiver": 1,
        "bind_transceiver_resp": 1,
        "submit_sm": 4,
        "submit_sm_resp": 4,
        "deliver_sm": 2,
        "deliver_sm_resp": 2,
        "unbind": 1,
        "unbind_resp": 1,
    }
    assert commands["enquire_link"] == commands["enquire_link_resp"] >= 2


async def test_tshark_reads_the_fields_as_they_were_meant(server: EmbeddedServer, tmp_path: Path) -> None:
    capture = tmp_path / "run.pcap"
    capture.write_bytes(await record_a_run(server, tmp_path))

    fields = ["smpp.system_id", "smpp.system_type", "smpp.interface_version"]
    binds = tshark(
        capture, "-Y", "smpp.command_id == 0x9", "-T", "fields", *(f for name in fields for f in ("-e", name))
    )
    statuses = tshark(capture, "-Y", "smpp.command_status == 0x400", "-T", "fields", "-e", "smpp.command_id")

    assert [line.split("\t")[:2] for line in binds] == [["demo", "3000000"]]
    assert "0x80000004" in statuses[0]
