"""What a job with an idempotency key was asked with, in a few octets: another content under it is noticed.

The text expires a day after the final status, the fingerprint with the job: so it holds 32 bits of the text
and 24 of the number, never themselves. Options are kept as they were given, as far as they are not the
defaults.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from smsfleet.store.records import LANE_LETTER
from smsfleet.workers import moments
from smsfleet.workers.request import SmsRequest

_TEXT, _TO = 6, 4
"""characters of the digests of 4 and 3 octets"""

_WORDS = {
    "encoding": "auto", "on_ambiguous": None, "transliterate": None, "long_messages": None,
    "registered_delivery": "final", "priority_flag": 0, "service_type": "", "protocol_id": 0,
    "replace_if_present": False, "source_ton": 0, "source_npi": 0,
}  # fmt: skip
"""Options that say what is sent, and their defaults; not those that say whether, or who is told of it."""

_TIMES = ("validity", "at", "schedule_delivery_time")


def fingerprint(request: SmsRequest, given: Mapping[str, Any]) -> str:
    """The fingerprint of a request; `given` are the options as the caller gave them.

    What settings fill in is no part of it: it may be another in the next process. A span of time is the same
    when it is asked for again.
    """
    options: dict[str, Any] = {"sender": request.sender} if request.sender else {}
    for name, default in _WORDS.items():
        if given.get(name, default) not in {None, default}:
            options[name] = given[name]
    for name in _TIMES:
        if given.get(name) is not None:
            options[name] = moments.as_given(given[name])
    packed = json.dumps(options, ensure_ascii=False, separators=(",", ":")) if options else ""
    what = request.text if request.binary is None else json.dumps(request.binary.as_dict(), sort_keys=True)
    return _digest(what, 4) + _digest(request.to, 3) + LANE_LETTER[request.lane] + packed


def differences(first: str, second: str) -> list[str]:
    """The names of the arguments in which two fingerprints differ; never a value."""
    parts = [(mark[:_TEXT], mark[_TEXT : _TEXT + _TO], mark[_TEXT + _TO]) for mark in (first, second)]
    named = [name for name, a, b in zip(("text", "to", "lane"), *parts, strict=True) if a != b]
    options = [json.loads(mark[_TEXT + _TO + 1 :] or "{}") for mark in (first, second)]
    names = dict.fromkeys((*options[0], *options[1]))
    return named + [name for name in names if options[0].get(name) != options[1].get(name)]


def _digest(value: str, octets: int) -> str:
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=octets).digest()
    return base64.b64encode(digest).decode().rstrip("=")
