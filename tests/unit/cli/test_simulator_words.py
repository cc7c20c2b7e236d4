"""Whatever is said to `smsfleet simulator` on the command line: one line that names it, and no traceback."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.cli.conftest import Smsfleet

from smsfleet.simulator.options import SETTABLE

ELSEWHERE = ("--host", "192.0.2.1", "--port", "0")
"""An address that no machine has (RFC 5737): whatever else is said, nothing is started."""

ONE_RUN = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
"""The fixture keeps nothing from one example to the next."""

NAMES = sorted(option.name for option in SETTABLE if option.name != "host")
ODD = st.sampled_from(
    [
        "",
        "-1",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "0x",
        "1_0",
        "none",
        "None",
        "true",
        "2",
        "9" * 400,
        "9" * 5000,
        "ü",
        "\0",
    ]
)
WORDS = st.one_of(ODD, st.text(max_size=30), st.floats().map(str), st.integers().map(str))


@settings(max_examples=150, suppress_health_check=ONE_RUN)
@given(name=st.one_of(st.sampled_from(NAMES), st.text(max_size=12)), word=WORDS)
def test_any_word_for_any_option_is_taken_or_refused(smsfleet: Smsfleet, name: str, word: str) -> None:
    result = smsfleet("simulator", "--option", f"{name}={word}", *ELSEWHERE)

    assert (os.EX_CONFIG, "") == (result.exit_code, result.stdout) or 2 == result.exit_code
    assert result.stderr.startswith(("smsfleet: ", "Usage: "))


@settings(max_examples=60, suppress_health_check=ONE_RUN)
@given(
    option=st.sampled_from(
        [
            "--system-id",
            "--password",
            "--system-type",
            "--receipt-delay",
            "--response-delay",
            "--seed",
            "--profile",
        ]
    ),
    word=WORDS,
)
def test_any_word_for_an_argument_is_taken_or_refused(smsfleet: Smsfleet, option: str, word: str) -> None:
    result = smsfleet("simulator", f"{option}={word}", *ELSEWHERE)

    assert result.exit_code in (2, os.EX_CONFIG)
    assert result.stderr.startswith(("smsfleet: ", "Usage: "))


@pytest.mark.parametrize("host", ["a..b", "ü" * 70, "x" * 300, "a\0b", "\udcff", "no.such.host.invalid"])
def test_a_host_that_cannot_be_is_refused_by_name(smsfleet: Smsfleet, host: str) -> None:
    result = smsfleet("simulator", "--host", host, "--port", "0")

    assert (os.EX_CONFIG, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(("smsfleet: host ", "smsfleet: the simulator cannot run: "))
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999"])
def test_a_time_or_a_share_is_a_number_with_an_end(smsfleet: Smsfleet, word: str) -> None:
    for name in ("receipt_delay_s", "error_share"):
        result = smsfleet("simulator", "--option", f"{name}={word}", *ELSEWHERE)

        assert (os.EX_CONFIG, "") == (result.exit_code, result.stdout)
        assert f"{name}" in result.stderr
        assert "cannot run" not in result.stderr
