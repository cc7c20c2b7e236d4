"""The signature of a webhook: HMAC-SHA256 over its timestamp and its body."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

TIMESTAMP = "SMSFLEET-Timestamp"
SIGNATURE = "SMSFLEET-Signature"
EVENT_ID = "SMSFLEET-Event-Id"

VERSION = "v1="
TOLERANCE_S = 300.0

_LONGEST_TIMESTAMP = 15
"""Digits; the header is anybody's, and Python refuses to compare what is longer than a few hundred."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The value of the header SMSFLEET-Signature: `v1=` and 64 hexadecimal digits."""
    signed = timestamp.encode() + b"." + body
    return VERSION + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify_webhook(  # noqa: PLR0913 - what came, what is known, and the clock
    secret: str,
    body: bytes,
    *,
    timestamp: str,
    signature: str,
    tolerance_s: float = TOLERANCE_S,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Whether a request that a webhook got is smsfleet's, and not an old one sent again.

    `body` is what came, octet by octet; `timestamp` and `signature` are the headers SMSFLEET-Timestamp and
    SMSFLEET-Signature. A request that is more than `tolerance_s` old, or of the future, is none of ours.
    """
    if not timestamp.isdecimal() or len(timestamp) > _LONGEST_TIMESTAMP:
        return False
    if abs(clock() - int(timestamp)) > tolerance_s:
        return False
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode("utf-8", "replace"))
