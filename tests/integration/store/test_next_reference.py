"""next_reference.lua: concatenation references, counted for each destination."""

from __future__ import annotations

from tests.integration.store.steps import Fleet


def test_each_text_to_a_destination_gets_the_next_reference(fleet: Fleet) -> None:
    given = fleet.run(fleet.jobs.next_references(["27999100001", "27999100002", "27999100001"], 256))

    assert given == [1, 1, 2]


def test_references_start_again_at_their_modulus(fleet: Fleet) -> None:
    given = fleet.run(fleet.jobs.next_references(["27999100001"] * 257, 256))

    assert given[254:] == [255, 0, 1]


def test_the_counter_of_a_destination_expires(fleet: Fleet) -> None:
    fleet.run(fleet.jobs.next_references(["27999100001"], 65_536))

    assert 0 < fleet.ttl_s(fleet.keys.reference("27999100001")) <= 86_400
