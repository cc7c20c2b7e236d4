"""What the gateway usually says is stored in a shorter form (store/packed.py): every path reads it as it was said."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import DAY, MATCH_AFTER_S, TEXT_TTL_S, TO, Fleet

from smsfleet.store.doubts import Pair
from smsfleet.store.walks import Known, Open, Walks

ONE = b"002c3b0a25235c7e00ff80c3a9220d00"
"""Octets that mean something to a script or a pattern: NUL `,` `;` LF `%` `#` and more."""
OTHER = b"a29f6845555647139e5c8f3b817f2c9a"

SETTLE_AFTER_S = 259_200


def walks(fleet: Fleet) -> Walks:
    return Walks(fleet.keys, text_ttl_s=TEXT_TTL_S, now_ms=fleet.now_ms)


def known(fleet: Fleet) -> list[Known]:
    """Everything in today's index, as the walks find it."""
    buckets = range(4096)
    return [
        found
        for bucket, size in zip(buckets, fleet.run(walks(fleet).sizes(DAY, 0, 4096)), strict=True)
        if size
        for found in fleet.run(walks(fleet).scan(DAY, bucket, 0))[1]
    ]


def accepted(fleet: Fleet, message_id: bytes = ONE) -> bytes:
    (ref,) = fleet.send()
    assert "accepted" == fleet.answer(ref, message_id=message_id)
    return ref


def said(fleet: Fleet) -> list[str]:
    return [event.raw for event in fleet.job().history if event.raw]


def test_a_usual_message_id_and_receipt_are_stored_short_and_shown_whole(fleet: Fleet) -> None:
    ref = accepted(fleet)

    assert "applied" == fleet.receipt(4, ONE, " DELIVRD 000")

    packed = b"\x00" + bytes.fromhex(ONE.decode())
    fields = fleet.redis("HMGET", fleet.keys.job("j1"), "1", "h")
    assert (b"A1,4,,,,," + packed, True) == (fields[0], fields[1].endswith(b"D4*;"))
    assert ref == fleet.redis("HGET", fleet.keys.index(packed, DAY), packed)
    assert (ONE.decode(), 4, ["DELIVRD 000"]) == (fleet.segment().message_id, fleet.job().status, said(fleet))
    assert (ref, b"") == (fleet.look_up(ONE), fleet.look_up(OTHER))


def test_the_same_receipt_again_is_not_noted_again(fleet: Fleet) -> None:
    accepted(fleet)

    words = [fleet.receipt(7, ONE, raw) for raw in (" UNDELIV 001", " UNDELIV 001", " UNDELIV 002")]

    assert (["applied", "unchanged", "unchanged"]) == words
    assert ["UNDELIV 001", "UNDELIV 002"] == said(fleet)


def test_a_receipt_before_its_response_is_joined(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    assert "parked" == fleet.receipt(4, ONE, " DELIVRD 000")
    assert [1, [ONE]] == fleet.store.run_all(fleet.facts.orphans(10))

    assert "accepted" == fleet.answer(ref, message_id=ONE)

    assert [0, []] == fleet.store.run_all(fleet.facts.orphans(10))
    assert (4, ["DELIVRD 000"]) == (fleet.job().status, said(fleet))
    assert "unchanged" == fleet.receipt(4, ONE, " DELIVRD 000")
    assert ["DELIVRD 000"] == said(fleet)


def test_a_response_since_the_look_up_is_seen(fleet: Fleet) -> None:
    accepted(fleet)

    assert "again" == fleet.receipt(4, ONE, " DELIVRD 000", ref=b"")


@pytest.mark.parametrize("told", [(ONE, OTHER), (OTHER, ONE)])
def test_both_ids_of_a_segment_that_was_accepted_twice_lead_to_it(
    fleet: Fleet, told: tuple[bytes, bytes]
) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()

    words = [fleet.answer(ref, message_id=m, attempt=n) for n, m in ((1, ONE), (2, OTHER), (2, OTHER))]
    fleet.receipt(10, told[0], " EXPIRED 000")
    fleet.receipt(4, told[1], " DELIVRD 000")

    assert ["accepted", "duplicate", "known"] == words
    assert [ref, ref] == [fleet.look_up(ONE), fleet.look_up(OTHER)]
    assert (ONE.decode(), 1, 4) == (
        fleet.segment().message_id,
        fleet.segment().duplicates,
        fleet.job().status,
    )
    assert ["EXPIRED 000", "DELIVRD 000"] == said(fleet)
    # one of the two expired: it is given back, the other is not
    charged = [field for field in fleet.everything() if b"credits:" in field]
    assert [b"3"] == [fleet.redis("HGET", key, "r||") for key in charged]


def test_a_segment_in_doubt_is_accepted_by_its_receipt(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="hold")
    fleet.lost(ref)
    fleet.receipt(4, ONE, " DELIVRD 000")
    fleet.now_ms += int(MATCH_AFTER_S * 1000)
    pair = Pair(TO.encode(), ref, ONE)

    assert [pair] == fleet.ripe()
    assert ["accepted"] == fleet.match(pair)

    assert (ONE.decode(), 4, ref) == (fleet.segment().message_id, fleet.job().status, fleet.look_up(ONE))
    assert 0 == fleet.redis("EXISTS", fleet.keys.doubts, fleet.keys.doubted, fleet.keys.orphans)


def test_the_walks_find_it_by_the_id_that_the_gateway_knows(fleet: Fleet) -> None:
    ref = accepted(fleet)

    found = known(fleet)

    assert [Known(ONE, ref)] == found
    assert [Open(Known(ONE, ref), 8, fleet.now_ms)] == fleet.run(walks(fleet).open_segments(found))


def test_the_age_of_003_counts_from_its_receipt(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.now_ms += 5_000
    fleet.receipt(3, ONE, " ACCEPTD 000")
    fleet.now_ms += SETTLE_AFTER_S * 1000 - 1
    early = fleet.run(walks(fleet).close_unconfirmed([Known(ONE, ref)], SETTLE_AFTER_S))
    fleet.now_ms += 1

    closed = fleet.run(walks(fleet).close_unconfirmed([Known(ONE, ref)], SETTLE_AFTER_S))

    assert (0, 1, "N") == (early, closed, fleet.states())


def test_a_stray_names_the_id_as_the_gateway_does(fleet: Fleet) -> None:
    fleet.receipt(4, ONE, " DELIVRD 000")

    assert 1 == fleet.run(fleet.facts.give_up_orphans([ONE], 0))

    ((_, fields),) = fleet.redis("XRANGE", fleet.keys.strays, "-", "+")
    assert [b"i", ONE, b"t", b"%d" % fleet.now_ms, b"d", b"4;*"] == fields
    assert 0 == fleet.redis("ZCARD", fleet.keys.orphans)
