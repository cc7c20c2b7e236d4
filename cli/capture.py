"""`smsfleet capture`: the last PDUs of the bind, for Clickatell's support."""

from __future__ import annotations

import json
import os
import secrets
import struct
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from smsfleet.cli.limits import MOST_LISTED
from smsfleet.config.errors import BinderSilent

POLL_S = 0.2
SERVER_PORT = 2775
"""The port of the gateway in the capture file, which tshark takes for SMPP."""

_HEADER = struct.Struct(">IIII")


@click.command(
    epilog="""\b
Examples:
  smsfleet capture --last 50
  smsfleet capture --format pcap --output bind.pcap
  tshark -r bind.pcap -d tcp.port==2775,smpp
"""
)
@click.option(
    "--last", default=1000, show_default=True, type=click.IntRange(1, MOST_LISTED), help="How many PDUs."
)
@click.option(
    "--format", "form", default="json", show_default=True, type=click.Choice(["json", "pcap"]),
    help="JSON lines, or a file for tshark and Wireshark.",
)  # fmt: skip
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file; by default standard output.",
)
@click.option("--show-content", is_flag=True, help="Show numbers and texts. The password is never shown.")
def capture(*, last: int, form: str, output: Path | None, show_content: bool) -> None:
    """Fetch the last PDUs that the leading binder sent and received: masked, and each at its true length.

    Exit code 69: no binder answers, or Redis is away.
    """
    pdus = _fetch(last, show_content=show_content)
    octets = _as_pcap(pdus) if form == "pcap" else _as_lines(pdus)
    if output is None:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        return
    try:  # numbers and texts may be in it: for its owner only
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be created: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    click.echo(f"{len(pdus)} PDUs in {output}", err=True)


def _fetch(last: int, *, show_content: bool) -> list[dict[str, Any]]:
    from smsfleet.config.settings import load
    from smsfleet.store.capture import ASK_TTL_MS, CaptureBox, CaptureRequest
    from smsfleet.store.client import Store
    from smsfleet.store.keys import Keys

    settings = load()
    store = Store.connect(settings.redis_url, "capture")
    box = CaptureBox(Keys(settings.account))
    request = CaptureRequest(secrets.token_hex(8), last, show_content)
    store.run(box.ask(request))
    deadline = time.monotonic() + ASK_TTL_MS / 1000
    while (reply := store.run(box.fetch(request))) is None:
        if time.monotonic() > deadline:
            raise BinderSilent(
                f"no binder of account {settings.account!r} has answered for {ASK_TTL_MS // 1000} s: "
                "`smsfleet status` tells whether one is running"
            )
        time.sleep(POLL_S)
    store.close()
    pdus: list[dict[str, Any]] = json.loads(reply)
    return pdus


def _as_lines(pdus: list[dict[str, Any]]) -> bytes:
    from smsfleet.smpp.constants import command_name

    lines = []
    for pdu in pdus:
        length, command_id, status, number = _HEADER.unpack_from(bytes.fromhex(pdu["octets"]))
        line = {
            "at": datetime.fromtimestamp(pdu["at"], UTC).isoformat(timespec="microseconds"),
            "connection": pdu["connection"],
            "mode": pdu["mode"],
            "direction": pdu["direction"],
            "command": command_name(command_id),
            "command_status": status,
            "sequence_number": number,
            "length": length,
            "octets": pdu["octets"],
        }
        lines.append(json.dumps(line) + "\n")
    return "".join(lines).encode()


def _as_pcap(pdus: list[dict[str, Any]]) -> bytes:
    from smsfleet.cli.pcap import Exchange, pcap

    exchanges = [
        Exchange(pdu["at"], pdu["connection"], pdu["direction"] == "sent", bytes.fromhex(pdu["octets"]))
        for pdu in pdus
    ]
    return pcap(exchanges, server_port=SERVER_PORT)
