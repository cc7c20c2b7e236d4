"""A key of another type, which something else wrote: the error names it, and nothing was changed by halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.store.steps import NOW_MS, TEMPORARY, TO, Fleet, admission

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import Fenced, RecordError, StoreError, WrongType
from smsfleet.store.checkup import Checkup
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.snapshot import Snapshots


def waiting_segment(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, TEMPORARY)
    fleet.now_ms += 60_000


def held_segment(fleet: Fleet) -> None:
    fleet.lost(*fleet.send())
    fleet.now_ms += 600_000


def answered_segment(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    fleet.read_responses()


STEPS: dict[str, tuple[Callable[[Fleet], Any], Callable[[Fleet], Any]]] = {
    "intake": (lambda _: None, lambda fleet: fleet.take_in(content="{}")),
    "admit": (
        lambda fleet: fleet.take_in(),
        lambda fleet: fleet.admit(admission("j1", "normal", "hold", 1, None, 2)).results,
    ),
    "begin": (lambda fleet: fleet.take_in_and_admit(), lambda fleet: fleet.begin_backlog()),
    "settle": (lambda fleet: fleet.send(), lambda fleet: fleet.settle(b"j1#1", TEMPORARY)),
    "lost": (lambda fleet: fleet.send(), lambda fleet: fleet.lost(b"j1#1")),
    "apply": (answered_segment, lambda fleet: fleet.apply(fleet.run(fleet.facts.left_responses(b"-", 9)))),
    "promote": (waiting_segment, lambda fleet: fleet.run(fleet.facts.promote([b"j1#1"]))),
    "release": (held_segment, lambda fleet: fleet.run(fleet.facts.release_held([b"j1#1"], "timer"))),
    "publish": (
        lambda fleet: fleet.take_in_later("j1", NOW_MS),
        lambda fleet: fleet.run(fleet.lifecycle.publish_due("j1", "normal", None)),
    ),
    "cancel": (lambda fleet: fleet.take_in(), lambda fleet: fleet.cancel()),
    "opt out": (lambda _: None, lambda fleet: fleet.run(fleet.opt_outs.add([OptedOut(TO)]))),
}
"""What was before, and the step itself."""


CASES = [
    ("intake", "intake:normal"), ("admit", "rate"), ("admit", "status"), ("begin", "inflight"),
    ("begin", "pause"), ("begin", "campaigns:stopped"), ("begin", "campaigns:tally"),
    ("settle", "inflight"), ("settle", "responses"), ("settle", "outbound:normal"),
    ("lost", "held"), ("lost", "waiting"), ("lost", "doubts"), ("lost", "status"),
    ("apply", "outbox"), ("apply", "credits"), ("apply", "rate"), ("apply", "orphans"),
    ("promote", "outbound:normal"), ("promote", "waiting"), ("promote", "delayed"), ("promote", "rate"),
    ("release", "held"), ("release", "outbound:high"), ("release", "outbox"),
    ("publish", "intake:normal"), ("publish", "scheduled"),
    ("cancel", "scheduled"), ("cancel", "held"), ("opt out", "optedout:recent"),
]  # fmt: skip


def spoil(fleet: Fleet, key: bytes) -> None:
    """The key holds a type that no key of the account has."""
    fleet.redis("DEL", key)
    fleet.redis("SADD", key, "x")


@pytest.mark.parametrize(("step", "name"), CASES)
def test_a_step_that_meets_it_says_which_key_it_is_and_changes_nothing(
    fleet: Fleet, step: str, name: str
) -> None:
    before, take = STEPS[step]
    before(fleet)
    key = fleet.keys.prefix + name.encode()
    spoil(fleet, key)
    found = fleet.everything()

    with pytest.raises(WrongType, match=f"{name} is a set, not a .*: .*DEL it"):
        take(fleet)

    assert found == fleet.everything()


@pytest.mark.parametrize(
    ("step", "name"), [("admit", "rate"), ("begin", "campaigns:tally"), ("promote", "rate")]
)
def test_it_goes_on_when_the_key_is_mended(fleet: Fleet, step: str, name: str) -> None:
    before, take = STEPS[step]
    before(fleet)
    key = fleet.keys.prefix + name.encode()
    fleet.redis("DEL", key)
    fleet.redis("SET", key, "x")
    with pytest.raises(WrongType):
        take(fleet)
    fleet.redis("DEL", key)

    assert take(fleet) in ([1], ["queued"])


def test_a_plain_command_names_it_too(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.inflight)

    with pytest.raises(WrongType, match=r"\{main\}:inflight is a set, not a hash"):
        fleet.in_flight()


def test_of_several_calls_the_one_that_failed_is_named(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.pause)

    with pytest.raises(WrongType, match=":pause is a set, not a hash"):
        fleet.store.run_all([fleet.wire.in_flight(), fleet.standings.read()])

    assert {} == fleet.run(fleet.wire.in_flight())


def test_what_operators_see_names_it(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.held)

    with pytest.raises(WrongType, match=":held is a set, not a sorted set"):
        fleet.run(Snapshots(fleet.keys).read())


def test_the_doctor_is_told_of_each(fleet: Fleet) -> None:  # types.lua
    spoil(fleet, fleet.keys.held)
    spoil(fleet, fleet.keys.watermark["bulk"])

    assert {
        "the key {main}:held is a set, not a sorted set", "the key {main}:watermark:bulk is a set, not a string"
    } == set(fleet.run(Checkup(fleet.keys).misfits()))  # fmt: skip


def test_a_lease_of_another_type_is_no_other_binder(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.lease)

    with pytest.raises(WrongType, match=":lease is a set, not a string"):
        fleet.run(fleet.lease.acquire("B", 10.0))


def test_the_record_of_one_job_is_not_the_store(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.job("j1"))

    with pytest.raises(RecordError, match=":job:j1 is a set, not a hash"):
        fleet.take_in("j1")


def test_a_number_in_the_name_of_a_key_is_not_shown(fleet: Fleet) -> None:
    spoil(fleet, fleet.keys.reference(TO))

    with pytest.raises(StoreError) as raised:
        fleet.run(fleet.jobs.next_references([TO], 256))

    assert TO not in str(raised.value)
    assert "reference:" in str(raised.value)


def test_a_binder_that_is_deposed_is_told_so_all_the_same(fleet: Fleet) -> None:
    fleet.take_in_and_admit()
    entries, before = fleet.backlog(), fleet.token
    fleet.lead("B")
    fleet.token = before

    with pytest.raises(Fenced):
        fleet.begin(entries)


def test_keys_of_another_account_are_not_asked_for(fleet: Fleet) -> None:
    other = Keys("other")
    spoil(fleet, other.rate)

    assert fleet.standing.set_rate is None


@pytest.mark.server
def test_a_user_who_may_not_ask_for_types_works_as_before(server: EmbeddedServer, real_store: Store) -> None:
    Fleet(real_store).redis("ACL SETUSER", "before", "on", ">pw", "~*", "&*", "+@all", "-type")
    store = Store.connect(server.url.replace("redis://", "redis://before:pw@"))
    fleet = Fleet(store)
    fleet.lead("A")

    (ref,) = fleet.send()
    assert 1 == fleet.settle(ref)
    fleet.redis("DEL", fleet.keys.pause)
    fleet.redis("SET", fleet.keys.pause, "x")
    with pytest.raises(WrongType, match=r"among these: .*:pause"):
        fleet.run(fleet.standings.read())
    store.close()
    Fleet(real_store).redis("ACL DELUSER", "before")
