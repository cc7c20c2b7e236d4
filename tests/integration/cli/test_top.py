"""`smsfleet top`: once for scripts, live in a terminal, and left by a key."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from tests.integration.cli.conftest import Here

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.wire import Wire

pytestmark = pytest.mark.server


def test_once_it_prints_the_account_and_says_by_its_code_whether_it_is_bound(
    here: Here, real_store: Store
) -> None:
    unbound = here("top", "--once")
    report = {"state": "bound", "gateway": "smpp.example:2775", "window": 50, "in_flight": 7}
    real_store.run(Wire(Keys("main"), text_ttl_s=60, hold_s=1).report(json.dumps(report), 5.0))
    bound = here("top", "--once")

    assert (1, 0) == (unbound.exit_code, bound.exit_code)
    assert "NoBinder" in unbound.stdout
    assert "7 of 50 in flight" in bound.stdout
    assert 80 >= max(map(len, bound.stdout.splitlines()))


def test_a_redis_that_is_away_is_an_error_of_one_line(here: Here) -> None:
    result = here("top", "--once", redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert 69 == result.exit_code
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize("leave", ["q", "ctrl-c"])
def test_it_goes_on_until_a_key_leaves_it(server: EmbeddedServer, leave: str) -> None:
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "SMSFLEET_REDIS_URL": server.url,
        "TERM": "xterm",
        "COLUMNS": "80",
        "LINES": "40",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "smsfleet.cli", "top", "--interval", "0.5"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        os.close(theirs)
        # The second picture shows that it looks again.
        seen = read_until(ours, b"NoBinder", times=2)
        if leave == "q":
            os.write(ours, b"q")
        else:
            process.send_signal(signal.SIGINT)
        drained = read_until(ours, b"\x1b[?1049l", times=1)  # the terminal's own screen is back
        _, errors = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)

    assert seen.count(b"NoBinder") >= 2
    assert b"\x1b[?1049l" in drained
    assert (0, b"") == (process.returncode, errors)


def read_until(terminal: int, words: bytes, *, times: int, timeout_s: float = 40.0) -> bytes:
    """What was written to the terminal until these words came so often."""
    seen, until = b"", time.monotonic() + timeout_s
    while seen.count(words) < times and time.monotonic() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # Linux: the other side was closed
                break
    return seen
