"""set_aside.lua, publish_kept.lua, drop.lua, exhume.lua: what was set aside waits for an operator."""

from __future__ import annotations

from tests.integration.store.steps import TEXT_TTL_S, Fleet, admission

from smsfleet.store.dead import Buried, Dead
from smsfleet.store.jobs import Envelope

REASON = "poison: 3 workers ended"


def set_aside(fleet: Fleet, job_id: str = "j1", lane: str = "normal") -> int:
    return fleet.run(fleet.lifecycle.set_aside(job_id, lane, REASON))


def aside(fleet: Fleet) -> list[str]:
    return fleet.run(fleet.lifecycle.aside(0, 9))


def test_a_job_that_is_set_aside_waits_and_is_not_admitted(fleet: Fleet) -> None:
    fleet.take_in("j1")

    assert [set_aside(fleet), set_aside(fleet)] == [1, 0]
    assert (aside(fleet), fleet.intake(), fleet.letters()) == (["j1"], [], "B")
    assert (fleet.job().refusal, fleet.job().status) == (f"aside: {REASON}", None)
    assert fleet.admit(admission("j1")).results == [-2]
    assert aside(fleet) == ["j1"]


def test_what_is_admitted_or_closed_or_gone_is_not_set_aside(fleet: Fleet) -> None:
    fleet.take_in_and_admit("admitted")
    fleet.take_in("cancelled")
    fleet.cancel("cancelled")

    assert [set_aside(fleet, job_id) for job_id in ("admitted", "cancelled", "never")] == [0, 0, -1]
    assert aside(fleet) == []


def test_a_replayed_job_is_published_as_if_nothing_had_been(fleet: Fleet) -> None:
    fleet.take_in("j1")
    for _ in range(4):
        fleet.run(fleet.jobs.count_delivery("j1"))
    set_aside(fleet)
    message = Envelope("sms.normal", "bell.normal", "m-j1")

    words = [fleet.run(fleet.lifecycle.replay("j1", "normal", message)) for _ in range(2)]

    assert words == [1, 0]
    assert (aside(fleet), fleet.intake()) == ([], [b"j1"])
    assert fleet.redis("LRANGE", "sms.normal", 0, -1) == [b"m-j1"]
    assert fleet.redis("EXISTS", fleet.keys.deliveries_of("j1")) == 0
    assert fleet.admit(admission("j1")).results == [1]
    assert fleet.letters() == "B N Q"


def test_a_dropped_job_is_refused_with_the_reason(fleet: Fleet) -> None:
    fleet.take_in("j1")
    set_aside(fleet)

    words = [fleet.run(fleet.lifecycle.drop("j1", "dropped: no", 5)) for _ in range(2)]

    assert words == [1, 0]
    assert (fleet.job().refusal, fleet.job().status, fleet.letters()) == ("dropped: no", 5, "B Y")
    assert (aside(fleet), fleet.events()) == ([], [(b"j1", b"5", b"1")])
    assert fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_the_drop_of_a_job_that_is_gone_forgets_it(fleet: Fleet) -> None:
    fleet.take_in("j1")
    set_aside(fleet)
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert fleet.run(fleet.lifecycle.drop("j1", "dropped: no", 5)) == 0
    assert (aside(fleet), fleet.redis("EXISTS", fleet.keys.job("j1"))) == ([], 0)


def test_what_was_set_aside_and_has_expired_is_forgotten(fleet: Fleet) -> None:
    for job_id in ("expired", "there"):
        fleet.take_in(job_id)
        set_aside(fleet, job_id)
    fleet.redis("DEL", fleet.keys.job("expired"))

    assert [True, False] == fleet.run(fleet.lifecycle.forget_gone(["expired", "there"]))

    assert ["there"] == aside(fleet)


def bury(fleet: Fleet, body: bytes) -> str:
    fleet.run(fleet.wire.deliver(body, 123))
    (fact,) = fleet.run(fleet.facts.read("relay", 10, 1))[1]
    fleet.run(fleet.facts.bury(fact, "no message id"))
    return fleet.run(Dead(fleet.keys).list(9))[-1].entry_id


def test_an_exhumed_deliver_sm_is_read_again_as_it_came(fleet: Fleet) -> None:
    dead, entry_id = Dead(fleet.keys), bury(fleet, b"\x00\xffodd")
    assert fleet.run(dead.list(9)) == [Buried(entry_id, b"\x00\xffodd", 123, "no message id")]

    assert [fleet.run(dead.exhume(entry_id)) for _ in range(2)] == [1, 0]
    (fact,) = fleet.run(fleet.facts.read("relay", 10, 1))[1]
    assert ((fact.body, fact.received_ms), fleet.run(dead.count())) == ((b"\x00\xffodd", 123), 0)


def test_a_forgotten_deliver_sm_is_deleted(fleet: Fleet) -> None:
    dead = Dead(fleet.keys)
    first, second = bury(fleet, b"a"), bury(fleet, b"b")

    assert [fleet.run(dead.forget(first)) for _ in range(2)] == [1, 0]
    assert [buried.entry_id for buried in fleet.run(dead.list(9))] == [second]
