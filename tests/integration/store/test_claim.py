"""claim.lua: messages move from the broker's queues to its unacknowledged ones in one step."""

from __future__ import annotations

import json

from tests.integration.store.steps import Fleet

from smsfleet.store.calls import eval_call
from smsfleet.store.scripts import script

QUEUES = ("sms.high", "sms.bulk")


def claim(fleet: Fleet, most: int, room: int = 100) -> list[bytes]:
    keys = [b"unacked", b"unacked_index", *(queue.encode() for queue in QUEUES)]
    return fleet.run(
        eval_call(
            script("claim"), keys, (most, 1700, *(item for queue in QUEUES for item in (queue, room))), list
        )
    )


def message(tag: str, **headers: str) -> str:
    return json.dumps({"body": "", "headers": headers, "properties": {"delivery_tag": tag}})


def put(fleet: Fleet, queue: str, *tags: str) -> None:
    for tag in tags:
        fleet.redis("LPUSH", queue, message(tag))


def test_messages_are_claimed_oldest_first_and_queue_by_queue(fleet: Fleet) -> None:
    put(fleet, "sms.bulk", "b1", "b2")
    put(fleet, "sms.high", "h1")

    claimed = claim(fleet, 2)

    assert claimed[0::3] == [b"sms.high", b"sms.bulk"]
    assert claimed[1::3] == [b"h1", b"b1"]
    assert claimed[2::3] == [message("h1").encode(), message("b1").encode()]
    assert fleet.redis("LRANGE", "sms.bulk", 0, -1) == [message("b2").encode()]


def test_a_claimed_message_can_go_back_to_its_queue(fleet: Fleet) -> None:
    put(fleet, "sms.bulk", "b1")

    claim(fleet, 10)

    assert json.loads(fleet.redis("HGET", "unacked", "b1")) == [json.loads(message("b1")), "", "sms.bulk"]
    assert fleet.redis("ZRANGE", "unacked_index", 0, -1, "WITHSCORES") == [b"b1", b"1700"]


def test_a_header_that_looks_like_a_tag_is_none(fleet: Fleet) -> None:
    fleet.redis("LPUSH", "sms.high", message("real", argsrepr='"delivery_tag": "false"'))

    assert claim(fleet, 10)[1] == b"real"


def test_no_queue_gives_more_than_there_is_room_for(fleet: Fleet) -> None:
    put(fleet, "sms.high", "h1", "h2", "h3")
    put(fleet, "sms.bulk", "b1", "b2")

    assert claim(fleet, 10, room=1)[1::3] == [b"h1", b"b1"]
    assert claim(fleet, 10, room=0) == []


def test_empty_queues_give_nothing(fleet: Fleet) -> None:
    assert claim(fleet, 10) == []
    assert fleet.redis("EXISTS", "unacked", "unacked_index") == 0
