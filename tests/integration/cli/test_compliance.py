"""`smsfleet compliance`: reads the journal of the account, judges it, and tells scripts by its exit code."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from click.testing import Result
from tests.unit.binder.diary import HOUR_S, Diary, a_good_test
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.compliance import READ
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store
from smsfleet.store.journal import JournalLog
from smsfleet.store.keys import Keys

pytestmark = pytest.mark.server

Judged = Callable[..., Result]


@pytest.fixture
def judged(server: EmbeddedServer, smsfleet: Smsfleet) -> Iterator[Judged]:  # noqa: F811
    """Stores a diary that ends now, and runs the command on it."""
    store = Store.connect(server.url, "test")

    def run(diary: Diary, *arguments: str) -> Result:
        account = f"t-{secrets.token_hex(4)}"
        log = JournalLog(Keys(account))
        shift_ms = time.time_ns() // 1_000_000 - diary.now_ms
        store.run_all([log.append(replace(entry, at_ms=entry.at_ms + shift_ms)) for entry in diary.entries])
        return smsfleet("compliance", *arguments, redis_url=server.url, account=account)

    yield run
    store.close()


def test_a_good_journal_exits_with_0_and_shows_why(judged: Judged) -> None:
    result = judged(a_good_test(), "--since", "50h")

    assert (0, "") == (result.exit_code, result.stderr)
    assert 9 == result.stdout.count("  PASS    ")
    assert "intervals: 56.00 / 56.00 / 56.00 s" in result.stdout
    assert result.stdout.endswith("\nPASS\n")


def test_a_long_journal_is_read_to_its_end(judged: Judged) -> None:
    diary = a_good_test()
    assert len(diary.entries) > 3 * READ

    assert "48 h" in judged(diary, "--since", "2d").stdout


def test_an_empty_journal_exits_with_75(judged: Judged) -> None:
    result = judged(Diary())

    assert 75 == result.exit_code
    assert 9 == result.stdout.count("  NOT-YET ")


def test_a_broken_condition_exits_with_1(judged: Judged) -> None:
    diary = a_good_test()
    diary.lose(cause="unbound")
    diary.wait(40)
    diary.bind()
    diary.stand(HOUR_S)

    result = judged(diary, "--since", "50h")

    assert 1 == result.exit_code
    assert "  FAIL    1 bound for 48 hours" in result.stdout
    assert "we ended the transceiver" in result.stdout


def test_only_the_time_that_is_asked_for_is_judged(judged: Judged) -> None:
    diary = Diary()
    diary.bind()
    diary.stand(HOUR_S, every_s=90.0)
    diary.lose()
    diary.wait(45)
    diary.bind()
    diary.stand(HOUR_S)

    assert [1, 75] == [judged(diary, "--since", since).exit_code for since in ("3h", "59m")]


def test_for_programs_it_is_json(judged: Judged) -> None:
    said = json.loads(judged(a_good_test(), "--since", "50h", "--json").stdout)

    assert "PASS" == said["verdict"]
    assert list(range(1, 10)) == [finding["number"] for finding in said["tests"]["journal"]]
    assert {"number", "condition", "verdict", "evidence"} == set(said["tests"]["journal"][0])


@pytest.mark.parametrize("since", ["48", "h", "2 d", "-1h", "1w", "nanh"])
def test_a_span_that_is_none_is_told(judged: Judged, since: str) -> None:
    result = judged(Diary(), f"--since={since}")

    assert 2 == result.exit_code
    assert "such as 48h" in result.stderr


def test_a_short_simulation_shows_both_sides(smsfleet: Smsfleet) -> None:  # noqa: F811
    result = smsfleet("compliance", "--simulate", "--mode", "transceiver", "--hours", "3", "--json")

    said = json.loads(result.stdout)
    assert (75, "NOT-YET", "") == (result.exit_code, said["verdict"], result.stderr)
    assert ["transceiver, by the binder's journal", "transceiver, by the gateway's journal"] == list(
        said["tests"]
    )
    for findings in said["tests"].values():
        assert ["NOT-YET", *["PASS"] * 8] == [finding["verdict"] for finding in findings]
