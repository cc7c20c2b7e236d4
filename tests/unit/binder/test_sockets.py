"""TLS: what is trusted, and what operators are told when a connection is not made."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from smsfleet.binder.sockets import tls_context, why_not_connected
from smsfleet.config.errors import ConfigError


def test_the_name_is_checked_and_old_versions_are_refused() -> None:
    context = tls_context()

    assert (True, ssl.CERT_REQUIRED) == (context.check_hostname, context.verify_mode)
    assert ssl.TLSVersion.TLSv1_2 <= context.minimum_version


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\0"])
def test_a_file_without_authorities_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"SMSFLEET_SMPP_TLS_CA_FILE='.*ca.pem' cannot be used: must be"):
        tls_context(str(path))


def test_an_impossible_path_is_named() -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_SMPP_TLS_CA_FILE"):
        tls_context("a\0b")


def test_what_kept_the_connection_from_being_made_is_told() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    refused.verify_message = "Hostname mismatch"
    other = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    other.reason = "WRONG_VERSION_NUMBER"

    assert "TLS with h:1 is refused by us: Hostname mismatch (see" in why_not_connected("h", 1, refused)
    assert "TLS with h:1 failed: WRONG_VERSION_NUMBER: is it a TLS port?" == why_not_connected("h", 1, other)
    assert "cannot connect to h:1: no route" == why_not_connected("h", 1, OSError("no route"))
    assert "cannot connect to h:1: TimeoutError" == why_not_connected("h", 1, TimeoutError())
