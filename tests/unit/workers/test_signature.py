"""The signature of a webhook: over its time and its octets, and only for a while."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from smsfleet.workers.signature import sign, verify_webhook

SECRET, BODY, AT = "0123456789abcdef", '{"text":"é"}'.encode(), "1700000000"


def verified(**changed: str | bytes) -> bool:
    values = {"secret": SECRET, "body": BODY, "timestamp": AT, "signature": sign(SECRET, AT, BODY), **changed}
    return verify_webhook(**values, clock=lambda: 1_700_000_299.0)  # type: ignore[arg-type]


def test_it_is_the_hmac_of_the_time_a_dot_and_the_body() -> None:
    expected = hmac.new(SECRET.encode(), b"1700000000." + BODY, hashlib.sha256).hexdigest()

    assert f"v1={expected}" == sign(SECRET, AT, BODY)


def test_what_was_signed_is_verified() -> None:
    assert verified()


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": SECRET + "0"},
        {"body": BODY + b" "},
        {"timestamp": "1700000001"},
        {"timestamp": "1699999998", "signature": sign(SECRET, "1699999998", BODY)},
        {"timestamp": "1700000600", "signature": sign(SECRET, "1700000600", BODY)},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"timestamp": "9" * 400},
        {"timestamp": "9" * 5000},
        {"signature": ""},
        {"signature": "v1=é"},
        {"signature": sign(SECRET, AT, BODY).removeprefix("v1=")},
    ],
)
def test_nothing_else_is(changed: dict[str, str | bytes]) -> None:
    assert not verified(**changed)
