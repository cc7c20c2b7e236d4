"""The doctor's check of the gateway: that its port can be reached. Nothing is sent: it is no login."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from smsfleet.cli.checkup import Finding, error, ok, warning
from smsfleet.config.smpp_settings import SmppSettings

SLOW_S = 1.0


def check_gateway(smpp: SmppSettings, within_s: float) -> Iterator[Finding]:
    """Resolve the name, connect by TCP, close. No octet is written, so no login is counted."""
    try:
        found = socket.getaddrinfo(smpp.host, smpp.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label of the name is empty or too long
        yield error(
            f"the host name {smpp.host!r} (SMSFLEET_SMPP_HOST) is not known here",
            "mend it, or this host's DNS",
        )
        return
    addresses = list(dict.fromkeys(address for *_, address in found))
    failures = []
    for address in addresses[:4]:
        started = time.monotonic()
        try:
            with socket.create_connection((str(address[0]), int(address[1])), timeout=within_s / 2):
                taken_s = time.monotonic() - started
        except OSError as failure:
            failures.append(f"{address[0]}: {failure.strerror or type(failure).__name__}")
            continue
        said = f"{smpp.host}:{smpp.port} ({address[0]}) takes connections, in {taken_s * 1000:.0f} ms"
        if taken_s >= SLOW_S:
            yield warning(said, "a slow way to the gateway lowers the rate: window / round trip is its limit")
        else:
            yield ok(said)
        return
    yield error(
        f"{smpp.host}:{smpp.port} takes no connection: " + "; ".join(failures),
        "is the port right, and has Clickatell opened its firewall for this machine's address?",
    )
