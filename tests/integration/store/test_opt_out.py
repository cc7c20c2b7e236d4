"""opt_out.lua, opt_in.lua, and the last look of begin.lua."""

from __future__ import annotations

import json

import pytest
from tests.integration.store.steps import JOB_TTL_S, TO, Fleet

from smsfleet.store.opt_out import OptedOut

OTHER = "27999100002"


def add(fleet: Fleet, *entries: OptedOut, keep_older: bool = False) -> list[bool]:
    return fleet.run(fleet.opt_outs.add(entries, keep_older=keep_older))


def is_out(fleet: Fleet, number: str = TO, sender: str = "") -> bool:
    return fleet.run(fleet.opt_outs.is_opted_out(number, sender))


def everybody(fleet: Fleet) -> list[OptedOut]:
    pages = [entries for page in fleet.opt_outs.pages() for entries in fleet.store.run_all(page)]
    return sorted(entry for entries in pages for entry in entries)


def test_a_number_opts_out_of_all_senders_once_and_in_again(fleet: Fleet) -> None:
    entry = OptedOut(TO, why="reply")

    assert [True] == add(fleet, entry)
    assert [False] == add(fleet, entry)
    assert (True, True, False) == (is_out(fleet), is_out(fleet, sender="ACME"), is_out(fleet, OTHER))
    assert 1 == fleet.run(fleet.opt_outs.count())
    assert [OptedOut(TO, "", fleet.now_ms, "reply")] == fleet.run(fleet.opt_outs.of(TO)) == everybody(fleet)

    assert ([True], [False]) == tuple(fleet.run(fleet.opt_outs.remove([entry])) for _ in range(2))
    assert (False, 0, []) == (is_out(fleet), fleet.run(fleet.opt_outs.count()), everybody(fleet))


def test_a_number_may_opt_out_of_one_sender_in_any_case(fleet: Fleet) -> None:
    add(fleet, OptedOut(TO, "Acme"))

    assert (True, False, False) == (
        is_out(fleet, sender="ACME"),
        is_out(fleet, sender="Other"),
        is_out(fleet),
    )


def test_an_older_entry_stays_or_is_replaced(fleet: Fleet) -> None:
    add(fleet, OptedOut(TO, "", 1, "first"))
    add(fleet, OptedOut(TO, "", 2, "second"), keep_older=True)
    assert [OptedOut(TO, "", 1, "first")] == everybody(fleet)

    add(fleet, OptedOut(TO, "", 3, "third"))

    assert [OptedOut(TO, "", 3, "third")] == everybody(fleet)


def test_the_list_lives_for_ever_and_the_recent_ones_as_long_as_a_job(fleet: Fleet) -> None:
    add(fleet, OptedOut(TO))
    fleet.now_ms += JOB_TTL_S * 1000 + 1
    add(fleet, OptedOut(OTHER))

    assert [OTHER.encode()] == fleet.redis("ZRANGE", fleet.keys.opted_out_recently, 0, -1)
    assert is_out(fleet)
    assert -1 == fleet.ttl_s(fleet.keys.opted_out_of(TO))


def test_a_segment_whose_number_opted_out_since_is_cancelled_before_the_wire(fleet: Fleet) -> None:
    fleet.take_in_and_admit("j1", segments=2)
    fleet.take_in_and_admit("j2", to=OTHER)
    add(fleet, OptedOut(TO))

    assert [0, 0, 1] == fleet.take_and_begin()
    assert ("CC", 6, "S") == (fleet.states("j1"), fleet.job("j1").status, fleet.states("j2"))
    assert [b"j2#1"] == fleet.outbound()
    assert (b"j1", b"6", b"1") == fleet.events()[-1]
    assert "opted out" == fleet.job("j1").history[-1].raw


def test_who_opts_in_again_gets_it(fleet: Fleet) -> None:
    fleet.take_in_and_admit()
    add(fleet, OptedOut(TO))
    fleet.run(fleet.opt_outs.remove([OptedOut(TO)]))

    assert [1] == fleet.take_and_begin()


@pytest.mark.parametrize(
    ("content", "attempt"),
    [
        ({"sender": "ACME"}, 0),
        ({"sender": "acme", "ignore_opt_out": False}, 0),
        ({"sender": "ACME", "ignore_opt_out": True}, 1),
        ({"sender": "Other"}, 1),
        ({}, 1),
    ],
)
def test_the_last_look_knows_the_sender_and_the_jobs_that_ignore_it(
    fleet: Fleet, content: dict[str, object], attempt: int
) -> None:
    fleet.take_in_and_admit(content=json.dumps(content))
    add(fleet, OptedOut(TO, "ACME"))

    assert [attempt] == fleet.take_and_begin()


def test_what_is_in_flight_or_expired_stays_that(fleet: Fleet) -> None:
    fleet.send("j1")
    fleet.take_in_and_admit("j2", deadline_ms=fleet.now_ms + 1)
    fleet.now_ms += 1
    add(fleet, OptedOut(TO))

    assert [-1, 0] == fleet.begin_backlog()
    assert ("S", "E") == (fleet.states("j1"), fleet.states("j2"))
