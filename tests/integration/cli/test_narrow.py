"""Views that list or tell, in 40 columns and in a pipe, with long values: an id is whole, to be copied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.cli.conftest import Here
from tests.integration.store.steps import Fleet
from tests.integration.store.test_aside import bury, set_aside
from tests.terminal import Terminal

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.keys import Keys
from smsfleet.store.outbox import Outbox
from smsfleet.store.standing import Standings
from smsfleet.store.wire import Wire

pytestmark = pytest.mark.server

KEYS = Keys("main")
WORDS = "Überraschend großer Weihnachtsräumungsverkauf in allen Filialen zwischen Köln und Görlitz"
HELD, ASIDE = "held-" + "0123456789" * 5 + "-held", "aside-" + "0123456789" * 5 + "-side"
HOST = f"{'sehr-langer-name.' * 6}example:443"


@pytest.fixture
def places(here: Here, real_store: Store, tmp_path: Path) -> dict[str, str]:
    """Something in every place, with the longest names that are taken; ids by the view that shows them."""
    fleet = Fleet(real_store, now_ms=0)
    fleet.create_groups()
    fleet.lead()
    fleet.lost(*fleet.send(HELD, policy="hold"))
    fleet.take_in(ASIDE, "high")
    set_aside(fleet, ASIDE, lane="high")
    unread = f"deliver_sm/{bury(fleet, b'odd')}"
    hooks = Hooks(KEYS)
    posting = Posting("e1", f"https://{HOST}/sms", HOST, "{}", 1)
    real_store.run(hooks.add(posting, real_store.run(Outbox(KEYS).put("x", "{}"))))
    real_store.run(hooks.bury(posting.failed(f"answered 500: {WORDS}"), f"answered 500: {WORDS}"))
    report = {"state": "waiting", "why": WORDS, "gateway": HOST, "last_disconnect": WORDS}
    real_store.run(Wire(KEYS, text_ttl_s=60, hold_s=1).report(json.dumps(report), 600.0))
    real_store.run(Standings(KEYS).pause(["bulk"], "jetzt ab 5 € je Stück"))
    people = tmp_path / "people.csv"
    people.write_text("to\n27999100001\n")
    started = here(
        "campaign",
        "start",
        str(people),
        "--text",
        "x",
        "--name",
        WORDS,
        "--idempotency-key",
        "k" * 64,
        "--json",
    )
    assert "" == started.stderr
    (letter,) = json.loads(here("callbacks", "list", "--json").stdout)["undelivered"]
    return {
        "campaign": json.loads(started.stdout.splitlines()[-1])["campaign_id"],
        "unread": unread,
        "letter": letter["id"],
    }


SEVERAL = """
from contextlib import suppress
from smsfleet.cli.main import main
for words in {commands}:
    with suppress(SystemExit):
        main(words)
"""
"""Several commands in one process: starting takes longer than they do."""

VIEWS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("status",), ("{campaign}", WORDS, "`smsfleet callbacks list`")),
    (("status", HELD), (HELD,)),
    (("doctor", "--skip", "workers", "--skip", "gateway"), ()),
    (("job", HELD), (HELD,)),
    (("jobs",), (HELD, ASIDE)),
    (("campaign", "show", "{campaign}"), ("{campaign}", WORDS, "k" * 64)),
    (("campaign", "list"), ("{campaign}", WORDS)),
    (("credits",), ()),
    (("held", "list"), (f"{HELD}#1",)),
    (("dead", "list"), (ASIDE, "{unread}")),
    (("bind", "status"), (WORDS,)),
    (("callbacks", "list"), ("{letter}", HOST, WORDS)),
    (("top", "--once"), ("{campaign}",)),
]


IN_A_TERMINAL = {("status",), ("jobs",), ("top", "--once")}
"""Some of those that print lines, and the one that draws: a process takes its time to start."""


def test_every_view_has_its_ids_whole_in_a_pipe_and_in_40_columns(
    server: EmbeddedServer, here: Here, places: dict[str, str]
) -> None:
    for words, wanted in VIEWS:
        arguments = [word.format(**places) for word in words]

        in_a_pipe = here(*arguments)
        shown = [in_a_pipe.stdout]
        if words in IN_A_TERMINAL:
            with Terminal(*arguments, columns=40, lines=15, SMSFLEET_REDIS_URL=server.url) as terminal:
                assert in_a_pipe.exit_code == terminal.ends(), words
            shown.append(terminal.seen.decode())

        assert "" == in_a_pipe.stderr, words
        for text in shown:
            assert [] == [one for one in (word.format(**places) for word in wanted) if one not in text], words
        assert "…" not in in_a_pipe.stdout, words


def test_what_a_terminal_has_no_character_for_is_shown_in_another_way(
    server: EmbeddedServer, places: dict[str, str]
) -> None:
    del places
    commands = [["status"], ["top", "--once"], ["callbacks", "list"]]
    run = subprocess.run(
        [sys.executable, "-c", SEVERAL.format(commands=commands)],
        env={"SMSFLEET_REDIS_URL": server.url, "PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        check=False,
    )

    said = run.stdout.decode("latin-1")
    assert (b"", 0) == (run.stderr, run.returncode)
    assert "jetzt ab 5 \\u20ac je Stück" in said  # nothing is lost
    assert "jetzt ab 5 ? je Stück" in said  # one for one: a screen has its columns
    assert f"{HOST}  1 tries" in said
