"""The keys of an account."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from redis.crc import key_slot

from smsfleet.store.keys import INDEX_BUCKETS, Keys, ref, split_ref


def test_every_key_starts_with_the_tag_of_the_account() -> None:
    keys = Keys("main")
    named = [value for value in vars(keys).values() if isinstance(value, bytes)]
    by_lane = [key for value in vars(keys).values() if isinstance(value, dict) for key in value.values()]
    made = [
        keys.job("j"),
        keys.content(b"j"),
        keys.orphan(b"\xff"),
        keys.index(b"\xff", 1),
        keys.reference("27"),
        keys.campaign("Cabcdefghij"),
        keys.campaign_key("Cabcdefghij"),
        keys.chunk("Cabcdefghij", 1),
        keys.refused_rows("Cabcdefghij"),
        keys.retried_rows("Cabcdefghij"),
        keys.campaign_numbers("Cabcdefghij", 1),
    ]

    assert all(key.startswith(b"{main}:") for key in [*named, *by_lane, *made])
    assert len({*named, *by_lane, *made}) == len([*named, *by_lane, *made])


SAMPLES: dict[str, Any] = {
    "account": "x", "name": "n", "campaign_id": "Cabcdefghij", "idempotency_key": "k", "job_id": "order:7.a_b-c", "host": "h.example", "message_id": b"\xff{x}",
    "digest": b"{y}", "number": "27999100001", "day": 19_675, "bucket": 7, "what": "w", "destination": "27999100001",
}  # fmt: skip
"""An argument for each parameter of a key that is made; braces, because a second tag must not win."""


OTHERS: dict[tuple[str, str], Any] = {("day", "str"): "20261127", ("number", "int"): 7}
"""Where a parameter of one name is a text in one method and a number in another."""


def every_key(keys: Keys) -> list[bytes]:
    """All keys of an account, those that are made by a method with its SAMPLES."""
    made = [value for value in vars(keys).values() if isinstance(value, bytes)]
    made += [key for value in vars(keys).values() if isinstance(value, dict) for key in value.values()]
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_"):
            parameters = inspect.signature(method).parameters.values()
            key = method(
                *(OTHERS.get((item.name, item.annotation), SAMPLES[item.name]) for item in parameters)
            )
            made += key if isinstance(key, list) else [key]
    return made


def test_every_key_of_an_account_is_in_one_slot_of_a_cluster() -> None:
    made = every_key(Keys("main"))

    assert 60 < len(made)
    assert {key_slot(b"{main}:")} == {key_slot(key) for key in made}


def test_two_accounts_are_in_slots_of_their_own() -> None:
    assert key_slot(Keys("one").lease) != key_slot(Keys("two").lease)


def test_a_ref_names_job_and_segment() -> None:
    assert split_ref(ref("order:7.a_b-c", 12)) == ("order:7.a_b-c", 12)


@pytest.mark.parametrize("message_id", [b"", b"0", b"\x00\xff", b"x" * 65])
def test_an_id_of_a_day_is_always_in_the_same_bucket(message_id: bytes) -> None:
    keys = Keys("main")

    assert keys.index(message_id, 19_675) == keys.index(message_id, 19_675)
    assert keys.index(message_id, 19_675) != keys.index(message_id, 19_676)


def test_ids_are_spread_over_all_buckets() -> None:
    keys = Keys("main")
    buckets = {keys.index(b"%d" % number, 1) for number in range(INDEX_BUCKETS * 12)}

    assert len(buckets) > INDEX_BUCKETS * 0.99


@pytest.mark.parametrize(
    ("job_id", "content"),
    [
        ("Cabcdefghij:1", b"{main}:content:Cabcdefghij"),
        (b"Cabcdefghij:1.2", b"{main}:content:Cabcdefghij"),
        ("Cabcdefghi:1", b"{main}:content:Cabcdefghi:1"),
        ("cabcdefghij:1", b"{main}:content:cabcdefghij:1"),
        ("order:17", b"{main}:content:order:17"),
    ],
)
def test_jobs_of_a_campaign_are_asked_for_together(job_id: str | bytes, content: bytes) -> None:
    assert Keys("main").asked(job_id) == content


def test_the_outbound_streams_are_in_lane_order() -> None:
    assert Keys("a").outbounds() == [b"{a}:outbound:high", b"{a}:outbound:normal", b"{a}:outbound:bulk"]


@pytest.mark.parametrize("account", ["kårt", "账户"])
def test_an_account_is_ascii(account: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        Keys(account)
