"""overtaken.lua, forget_gone.lua: jobs whose message seems lost are given out again, once, unless they expired."""

from __future__ import annotations

from tests.integration.store.steps import NOW_MS, Fleet, admission

MARGIN_S = 10.0


def overtaken(fleet: Fleet, *, empty: bool = False, limit: int = 100) -> list[str]:
    return fleet.run(fleet.jobs.overtaken("normal", margin_s=MARGIN_S, queue_is_empty=empty, limit=limit))


def test_a_job_that_later_ones_overtook_is_given_out_once(fleet: Fleet) -> None:
    fleet.take_in("lost", now_ms=NOW_MS - 60_000)
    fleet.take_in("later", now_ms=NOW_MS)
    fleet.admit(admission("later"))

    assert overtaken(fleet) == ["lost"]
    assert overtaken(fleet) == []


def test_a_job_within_the_margin_is_left_alone(fleet: Fleet) -> None:
    fleet.take_in("near", now_ms=NOW_MS - 10_000)
    fleet.take_in("later", now_ms=NOW_MS)
    fleet.admit(admission("later"))

    assert overtaken(fleet) == []


def test_a_long_queue_alone_overtakes_nobody(fleet: Fleet) -> None:
    fleet.take_in("old", now_ms=NOW_MS - 3_600_000)

    assert overtaken(fleet) == []


def test_when_the_queue_is_empty_age_alone_decides(fleet: Fleet) -> None:
    fleet.take_in("old", now_ms=NOW_MS - 10_001)
    fleet.take_in("young", now_ms=NOW_MS - 10_000)

    assert overtaken(fleet, empty=True) == ["old"]


def test_no_more_than_asked_for_are_given_out_oldest_first(fleet: Fleet) -> None:
    for number in range(5):
        fleet.take_in(f"j{number}", now_ms=NOW_MS - 60_000 + number)

    assert overtaken(fleet, empty=True, limit=2) == ["j0", "j1"]
    assert overtaken(fleet, empty=True, limit=9) == ["j2", "j3", "j4"]


def test_a_job_that_was_published_again_is_admitted_as_ever(fleet: Fleet) -> None:
    fleet.take_in("lost", now_ms=NOW_MS - 60_000)
    overtaken(fleet, empty=True)

    admitted = fleet.admit(admission("lost"), admission("lost"))

    assert admitted.results == [1, 0]


def test_an_admitted_job_is_never_given_out(fleet: Fleet) -> None:
    fleet.take_in("j1", now_ms=NOW_MS - 60_000)
    fleet.admit(admission("j1"))

    assert overtaken(fleet, empty=True) == []


def test_what_has_expired_in_line_leaves_it_and_the_others_keep_their_places(fleet: Fleet) -> None:
    for name in ("a", "b", "c"):
        fleet.take_in(name)
    fleet.redis("DEL", fleet.keys.job("b"))

    assert [False, True] == fleet.run(fleet.jobs.forget_gone("normal", ["a", "b"]))
    assert [b"a", b"c"] == fleet.intake()
