"""`smsfleet top` in a real terminal: its size changes, and whatever ends it leaves the terminal as it was."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.terminal import ALTERNATE, HIDDEN, USUAL, VISIBLE, Terminal

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.standing import Standings
from smsfleet.store.wire import Wire

pytestmark = pytest.mark.server

LONG = "wegen-überraschend-großen-weihnachtsräumungsverkaufs-in-allen-filialen-zwischen-köln-und-görlitz"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that a test may stop."""
    started = EmbeddedServer(tmp_path / "redis").start()
    yield started
    started.stop()


@pytest.fixture
def bound(real_store: Store) -> Store:
    """A binder that says that it is bound, a lane that is paused."""
    report = {
        "state": "bound", "gateway": "smpp.example:2775", "window": 50, "in_flight": 7,
        "per_s": {"submitted": 95.0, "answered": 94.5, "delivered": 80.0},
    }  # fmt: skip
    real_store.run(Wire(Keys("main"), text_ttl_s=60, hold_s=1).report(json.dumps(report), 600.0))
    real_store.run(Standings(Keys("main")).pause(["bulk"], LONG))
    return real_store


def is_as_before(terminal: Terminal) -> bool:
    """Whether the screen, the cursor and the keys are what they were."""
    seen = terminal.seen
    screens = seen.count(ALTERNATE) == seen.count(USUAL) and seen.rfind(USUAL) > seen.rfind(ALTERNATE)
    cursor = seen.rfind(VISIBLE) > seen.rfind(HIDDEN)
    return screens and cursor and terminal.modes() == terminal.before


def test_another_size_is_drawn_at_once_and_nothing_that_matters_is_lost(
    server: EmbeddedServer, bound: Store
) -> None:
    del bound
    with Terminal("top", "--interval", "3600", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        terminal.resize(15, 40)
        narrow = terminal.until_frame(lines=15)
        terminal.resize(24, 120)
        wide = terminal.until_frame(lines=24)
        terminal.type(b"q")
        assert (0, True) == (terminal.ends(), is_as_before(terminal))

    assert 40 >= max(map(len, narrow))
    assert narrow[0].startswith("main  bound")
    assert ["high", "normal", "bulk"] == [
        line.split()[0] for line in narrow if line.startswith(("high", "normal", "bulk"))
    ]
    assert "paused" in narrow
    assert any(line.startswith("a second 95.0 submitted") for line in narrow)
    assert wide[0].startswith("smsfleet main  bound  smpp.example:2775")


@pytest.mark.parametrize("keys", [b"\x1b", b"\x04", b"xx\x1b[Bq"], ids=["escape", "ctrl-d", "behind others"])
def test_a_key_leaves_it(server: EmbeddedServer, bound: Store, keys: bytes) -> None:
    del bound
    with Terminal("top", "--interval", "3600", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        terminal.type(keys)

        assert (0, True) == (terminal.ends(), is_as_before(terminal))


def test_an_arrow_or_a_wheel_does_not_leave_it_and_a_space_looks_again(
    server: EmbeddedServer, bound: Store
) -> None:
    with Terminal("top", "--interval", "3600", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        terminal.type(b"\x1b[A" + b"\x1bOB" * 3)
        terminal.until(b"q leaves")
        bound.run(Standings(Keys("main")).pause(["high"], "seen by the second look"))
        terminal.type(b" ")
        terminal.until(b"seen by the second look")
        terminal.type(b"q")

        assert (0, True) == (terminal.ends(), is_as_before(terminal))


@pytest.mark.parametrize("end", ["ctrl-c", "ctrl-c again and again", "SIGTERM"])
def test_it_is_ended_with_the_terminal_as_it_was(server: EmbeddedServer, bound: Store, end: str) -> None:
    del bound
    with Terminal("top", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        if end == "SIGTERM":
            terminal.process.send_signal(signal.SIGTERM)
        else:
            terminal.type(b"\x03" * (50 if "again" in end else 1))

        assert (0, True) == (terminal.ends(), is_as_before(terminal))


def test_ctrl_z_gives_the_terminal_back_and_takes_it_again(server: EmbeddedServer, bound: Store) -> None:
    del bound
    with Terminal("top", "--interval", "3600", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        terminal.type(b"\x1a")
        terminal.until_stopped()
        given_back = is_as_before(terminal)
        terminal.go_on()
        terminal.until(b"q leaves")
        terminal.type(b"q")

        assert (True, 0, True) == (given_back, terminal.ends(), is_as_before(terminal))


def test_a_redis_that_goes_away_is_waited_for_and_can_be_left(redis: EmbeddedServer) -> None:
    with Terminal("top", "--interval", "0.5", columns=40, SMSFLEET_REDIS_URL=redis.url) as terminal:
        terminal.until(b"q leaves")
        redis.stop()
        terminal.until(b"what is shown is old: ")
        shown = terminal.frame()
        terminal.type(b"\x03")

        assert (0, True) == (terminal.ends(), is_as_before(terminal))
    assert shown[0].startswith("main  absent")


def test_a_key_of_another_type_is_named_until_it_is_mended(server: EmbeddedServer, bound: Store) -> None:
    intake = Keys("main").intake["high"]
    with Terminal("top", "--interval", "0.5", SMSFLEET_REDIS_URL=server.url) as terminal:
        terminal.until(b"q leaves")
        bound.run(Call(("SET", intake, "what is no queue"), bool))
        terminal.until(b"what is shown is old: the key {main}:intake:high is a string")
        bound.run(Call(("DEL", intake), int))
        terminal.until(b"q leaves")
        terminal.type(b"q")

        assert (0, True) == (terminal.ends(), is_as_before(terminal))


def test_an_error_is_told_below_with_the_terminal_as_it_was(server: EmbeddedServer, bound: Store) -> None:
    may_look = ("ACL", "SETUSER", "looker", "on", ">looks", "~*", "&*", "+@all")
    bound.run(Call(may_look, bool))
    url = server.url.replace("//", "//looker:looks@")
    try:
        with Terminal("top", "--interval", "0.5", SMSFLEET_REDIS_URL=url) as terminal:
            terminal.until(b"q leaves")
            bound.run(Call(("ACL", "SETUSER", "looker", "-@all"), bool))

            assert (os.EX_CONFIG, True) == (terminal.ends(), is_as_before(terminal))
    finally:
        bound.run(Call(("ACL", "DELUSER", "looker"), int))
    below = terminal.seen[terminal.seen.rfind(USUAL) :]
    assert b"smsfleet: " in below
    assert b"Traceback" not in terminal.seen


def test_a_terminal_that_cannot_overwrite_gets_one_picture_below_the_other(
    server: EmbeddedServer, bound: Store
) -> None:
    del bound
    variables = {"SMSFLEET_REDIS_URL": server.url, "TERM": "dumb"}
    with Terminal("top", "--interval", "0.5", columns=40, **variables) as terminal:
        terminal.until(b"q leaves", times=2)
        terminal.type(b"\x03")

        assert (0, terminal.before) == (terminal.ends(), terminal.modes())
    with Terminal("jobs", **variables) as bar:  # which has a progress elsewhere
        bar.ends()

    assert b"\x1b" not in terminal.seen + bar.seen
    assert b"0 found" in bar.seen
    assert 40 >= max(len(line.decode()) for line in terminal.seen.splitlines())


def test_a_pipe_gets_one_picture_below_the_other_of_80_columns_until_it_is_closed(
    server: EmbeddedServer, bound: Store
) -> None:
    del bound
    with subprocess.Popen(
        [sys.executable, "-m", "smsfleet.cli", "top", "--interval", "0.5"],
        env={"SMSFLEET_REDIS_URL": server.url, "TERM": "xterm", "COLUMNS": "40"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(60)]
        process.stdout.close()  # as `| head` does
        errors = process.stderr.read()
        process.wait(40)

    heads = [line for line in lines if line.startswith("smsfleet main  bound  smpp.example:2775")]
    assert len(heads) > 1
    assert {80} == set(map(len, heads))
    assert "\x1b" not in "".join(lines)
    assert "" == errors


def test_without_colours_there_are_none(server: EmbeddedServer, bound: Store) -> None:
    del bound
    with Terminal("top", SMSFLEET_REDIS_URL=server.url, NO_COLOR="1") as terminal:
        terminal.until(b"q leaves")
        terminal.type(b"q")
        terminal.ends()
    top = terminal.seen
    with Terminal("doctor", SMSFLEET_REDIS_URL=server.url, NO_COLOR="1") as terminal:
        terminal.ends()

    assert not re.search(rb"\x1b\[(\d+;)*[39][0-7]", top + terminal.seen)
    assert b"ERROR" in terminal.seen
