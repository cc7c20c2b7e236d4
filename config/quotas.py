"""Daily caps of credits for each application: how `SMSFLEET_QUOTAS` is written."""

from __future__ import annotations

import re

CLIENT = re.compile(r"[A-Za-z0-9_.-]{1,32}")
"""The tag of an application: `send_sms.delay(..., client="billing")`."""

MOST_CREDITS = 1_000_000_000


def read_quotas(text: str) -> dict[str, int]:
    """Credits a day by client, of `billing=5000,marketing=20000`; raises ValueError that names the rule."""
    caps: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        client, _, credits_a_day = part.partition("=")
        if not CLIENT.fullmatch(client):
            raise ValueError(f"{client[:40]!r} must be a client of 1-32 of A-Z a-z 0-9 _ . -")
        if not (credits_a_day.isascii() and credits_a_day.isdigit() and int(credits_a_day) <= MOST_CREDITS):
            raise ValueError(f"{client}={credits_a_day[:40]!r} must be whole credits, 0-{MOST_CREDITS}")
        if client in caps:
            raise ValueError(f"{client} must be named once")
        caps[client] = int(credits_a_day)
    return caps
