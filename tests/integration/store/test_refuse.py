"""refuse.lua: a job that can never become segments is closed, with its reason."""

from __future__ import annotations

from tests.integration.store.steps import TEXT_TTL_S, Fleet


def refuse(fleet: Fleet, job_id: str = "j1") -> int:
    return fleet.run(fleet.jobs.refuse(job_id, "normal", "invalid-text: ☎ is too much", 5))


def test_a_refused_job_shows_its_reason_and_is_final(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.now_ms += 3

    assert refuse(fleet) == 1
    assert (fleet.job().refusal, fleet.job().status) == ("invalid-text: ☎ is too much", 5)
    assert fleet.letters() == "X"
    assert fleet.events() == [(b"j1", b"5", b"1")]
    assert fleet.store.run_all(fleet.jobs.waiting_intake()) == [0, 0, 0]
    assert 0 < fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_it_is_refused_once(fleet: Fleet) -> None:
    fleet.take_in("j1")
    refuse(fleet)

    assert refuse(fleet) == 0
    assert len(fleet.events()) == 1


def test_an_admitted_job_is_not_refused(fleet: Fleet) -> None:
    fleet.take_in_and_admit("j1")

    assert refuse(fleet) == 0
    assert fleet.job().refusal is None


def test_a_job_that_is_not_there_or_an_alias_is_not_refused(fleet: Fleet) -> None:
    fleet.take_in("j1", key="k")

    assert refuse(fleet, "never") == -1
    assert refuse(fleet, "k") == -1
    assert fleet.redis("EXISTS", fleet.keys.job("never")) == 0
