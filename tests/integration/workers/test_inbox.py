"""Messages from handsets, from the deliver_sm to the stream `mo` and to the tasks they are for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_duties import Recorder
from tests.integration.workers.test_relay import arrive, nothing_is_left, relay

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.settings import load
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.client import Store
from smsfleet.store.keys import DAY_MS
from smsfleet.store.opt_out import OptedOut
from smsfleet.workers.duties import Duties
from smsfleet.workers.inbox import Inbox
from smsfleet.workers.outgoing import Outgoing
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.segments import segment

FROM, TO = "27999100001", "27821234567"
LONG = "Ein langer Text mit € und [Klammern]: " * 12
ASTRAL = "Жизнь 😀 " * 30


def deliver(octets: bytes, **fields: Any) -> bytes:
    given: dict[str, Any] = {"source_addr": FROM, "destination_addr": TO, "short_message": octets}
    return DeliverSm(**{**given, **fields}).encode_body()


def parts(text: str, form: str, reference: int = 7) -> list[bytes]:
    """The deliver_sm of a long text, as a gateway sends it."""
    cut = segment(text, reference=reference, reference_octets=2 if form == "udh16" else 1)
    assert cut.segments > 1
    if form == "sar":
        return [
            deliver(
                octets,
                data_coding=cut.data_coding,
                tlvs=(
                    (0x020C, reference.to_bytes(2, "big")),
                    (0x020E, bytes((cut.segments,))),
                    (0x020F, bytes((number,))),
                ),
            )
            for number, octets in enumerate(cut.user_data, start=1)
        ]
    return [
        deliver(header + octets, esm_class=0x40, data_coding=cut.data_coding)
        for header, octets in zip(cut.headers, cut.user_data, strict=True)
    ]


def waits_no_longer(fleet: Fleet) -> None:
    """The time of all messages whose parts are missing is over."""
    for name in fleet.redis("ZRANGE", fleet.keys.collecting, 0, -1):
        fleet.redis("ZADD", fleet.keys.collecting, 0, name)


def kept(fleet: Fleet) -> list[dict[str, Any]]:
    return [record.values for record in reversed(fleet.run(fleet.mo.newest(100)))]


def test_a_message_is_decoded_with_who_wrote_it_and_when(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"H\x05llo \x1b\x65"))

    relay(runtime).step(1)

    assert [
        {
            "from": FROM, "to": TO, "text": "Héllo €", "data": None, "encoding": "gsm", "data_coding": 0,
            "received": "1970-01-01T00:02:03.456+00:00", "kind": "message", "header": None,
            "reference": None, "parts": 1, "partial": False, "missing": [], "reply_to": None, "opt_out": None,
            "duplicate": False,
        }
    ] == kept(fleet)  # fmt: skip


def test_data_is_kept_in_hexadecimal(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"\x00\xff", data_coding=4), deliver(b"\xd8\x3d", data_coding=8))

    relay(runtime).step(1)

    assert [(None, "00ff", "binary"), ("\ufffd", "d83d", "ucs2")] == [
        (found["text"], found["data"], found["encoding"]) for found in kept(fleet)
    ]


def test_an_acknowledgement_of_a_handset_is_kept_and_called_so(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"read", esm_class=0x10))

    relay(runtime).step(1)

    assert ["acknowledgement"] == [found["kind"] for found in kept(fleet)]


@pytest.mark.parametrize("form", ["udh8", "udh16", "sar"])
@pytest.mark.parametrize("text", [LONG, ASTRAL])
def test_a_long_text_is_put_together_in_any_order(
    runtime: Runtime, fleet: Fleet, form: str, text: str
) -> None:
    bodies = parts(text, form)
    random.Random(form).shuffle(bodies)

    for body in bodies:
        arrive(fleet, body)
        relay(runtime).step(1)

    (found,) = kept(fleet)
    assert (text, len(bodies), False) == (found["text"], found["parts"], found["partial"])
    assert nothing_is_left(fleet)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_and_repetition_of_parts_loses_nothing_and_keeps_no_message_twice(
    data: st.DataObject,
) -> None:
    store = Store(fakeredis.FakeRedis(protocol=2, server=fakeredis.FakeServer()))
    fleet, runtime = Fleet(store), Runtime(load({}), store=store)
    fleet.create_groups()
    texts = {"A" * 320: 1, "B" * 320: 2}
    pool = [body for text, reference in texts.items() for body in parts(text, "udh8", reference)]
    again = data.draw(st.lists(st.sampled_from(pool), max_size=4))
    for body in data.draw(st.permutations(pool + again)):
        arrive(fleet, body)
        relay(runtime).step(1)
    waits_no_longer(fleet)
    Inbox(runtime).keep_overdue()

    whole = [found["text"] for found in kept(fleet) if not found["duplicate"]]

    assert sorted(texts) == sorted(whole)
    assert nothing_is_left(fleet)
    assert 0 == fleet.redis("ZCARD", fleet.keys.collecting)


def test_parts_of_two_people_with_one_reference_are_not_mixed(runtime: Runtime, fleet: Fleet) -> None:
    mine = parts("m" * 456, "udh8")
    yours = [
        deliver(DeliverSm.decode_body(body).short_message, esm_class=0x40, source_addr="27999100002")
        for body in parts("y" * 456, "udh8")
    ]

    arrive(fleet, *[body for pair in zip(mine, yours, strict=True) for body in pair])
    relay(runtime).step(1)

    assert {(FROM, "m" * 456), ("27999100002", "y" * 456)} == {
        (found["from"], found["text"]) for found in kept(fleet)
    }


def test_what_is_missing_after_its_time_is_said(runtime: Runtime, fleet: Fleet) -> None:
    first, _, third, *_ = parts("a" * 153 + "b" * 153 + "c" * 10, "udh8")
    arrive(fleet, first, third)
    relay(runtime).step(1)
    assert 0 == Inbox(runtime).keep_overdue()

    waits_no_longer(fleet)
    assert 1 == Inbox(runtime).keep_overdue()

    (found,) = kept(fleet)
    assert ("a" * 153 + "c" * 10, True, [2], 3) == (
        found["text"], found["partial"], found["missing"], found["parts"],
    )  # fmt: skip


def test_a_reference_that_is_used_again_does_not_mix_two_texts(runtime: Runtime, fleet: Fleet) -> None:
    older, newer = parts("a" * 200, "udh8"), parts("b" * 200, "udh8")

    arrive(fleet, older[0], *newer)
    relay(runtime).step(1)

    assert [("a" * 153, True), ("b" * 200, False)] == [
        (found["text"], found["partial"]) for found in kept(fleet)
    ]


def test_parts_in_two_alphabets_are_read_each_by_its_own(runtime: Runtime, fleet: Fleet) -> None:
    arrive(
        fleet,
        deliver(b"\x05\x00\x03\x01\x02\x01gsm ", esm_class=0x40),
        deliver(b"\x05\x00\x03\x01\x02\x02\x04\x16", esm_class=0x40, data_coding=8),
    )

    relay(runtime).step(1)

    assert ["gsm Ж"] == [found["text"] for found in kept(fleet)]


# --- routes ----------------------------------------------------------------------------------------


@pytest.fixture
def routed(make_runtime: Callable[..., Runtime]) -> Runtime:
    return make_runtime(mo_routes=f"{TO} VOTE task:polls.vote@polls; {TO} OTHER stream")


def test_a_message_is_handed_over_to_the_task_of_its_route_once(routed: Runtime, fleet: Fleet) -> None:
    broker = Recorder()
    arrive(fleet, deliver(b"vote 3"), deliver(b"other"), deliver(b"vote", destination_addr="1"))
    relay(routed).step(1)

    duties = Duties(routed, broker)

    assert (1, 0) == (duties.route(), duties.route())
    ((task, queue, mo_id),) = broker.handed_over
    record = fleet.run(fleet.mo.read(mo_id))
    assert record is not None
    assert ("polls.vote", "polls", "vote 3") == (task, queue, record.values["text"])
    assert 3 == len(kept(fleet))


def test_a_message_with_a_webhook_is_an_event_of_the_outbox(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(mo_routes="* vote webhook:https://example.com/sms")
    arrive(fleet, deliver(b"vote 3"), deliver(b"other"))
    relay(runtime).step(1)

    assert (1, 0) == (Duties(runtime, Recorder()).route(), Duties(runtime, Recorder()).route())

    ((_, fields),) = fleet.redis("XRANGE", fleet.keys.outbox, "-", "+")
    event = dict(zip(fields[::2], fields[1::2], strict=True))
    said = json.loads(event[b"p"])
    assert b"https://example.com/sms" == event[b"b"]
    assert ("mo", "message", "vote 3", FROM) == (said["kind"], said["mo_kind"], said["text"], said["from"])
    assert fleet.run(fleet.mo.read(said["mo_id"])) is not None


def test_while_the_broker_is_away_a_message_waits(routed: Runtime, fleet: Fleet) -> None:
    broker = Recorder(away=True)
    arrive(fleet, deliver(b"VOTE"))
    relay(routed).step(1)

    with pytest.raises(Exception, match="does not answer"):
        Duties(routed, broker).route()

    assert 1 == fleet.redis("ZCARD", fleet.keys.routing)


def test_an_acknowledgement_has_no_route(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime = make_runtime(mo_routes="* * task:inbox@app")
    arrive(fleet, deliver(b"read", esm_class=0x10))

    relay(runtime).step(1)

    assert 0 == Duties(runtime, Recorder()).route()


# --- opt-out ---------------------------------------------------------------------------------------


def ask_to_send(fleet: Fleet, job_id: str, **options: Any) -> None:
    request = SmsRequest.checked(FROM, "Hello", now_ms=0, **options)
    fleet.take_in(job_id, content=request.to_json(), now_ms=1, to=FROM)


def test_who_writes_stop_gets_nothing_more_until_start(runtime: Runtime, fleet: Fleet) -> None:
    outgoing = Outgoing(runtime)
    ask_to_send(fleet, "before")
    ask_to_send(fleet, "after")
    ask_to_send(fleet, "asked-for", ignore_opt_out=True)
    ask_to_send(fleet, "later")
    assert {"before": "admitted"} == outgoing.handle(["before"])

    arrive(fleet, deliver(b"Stop!"))
    relay(runtime).step(1)

    assert {"after": "refused", "asked-for": "admitted"} == outgoing.handle(["after", "asked-for"])
    assert [0, 1] == fleet.take_and_begin()
    assert ("C", "S") == (fleet.states("before"), fleet.states("asked-for"))
    refusal = fleet.job("after").refusal or ""
    assert refusal.startswith("opted-out: 27*******01 wants no messages")
    arrive(fleet, deliver(b"start"))
    relay(runtime).step(1)
    assert {"later": "admitted"} == outgoing.handle(["later"])
    assert ["out", "in"] == [found["opt_out"] for found in kept(fleet)]


def test_a_wish_that_changes_nothing_is_a_message_like_any_other(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"YES"), deliver(b"please stop"), deliver(b"STOP", source_addr="12345"))

    relay(runtime).step(1)

    assert [None, None, None] == [found["opt_out"] for found in kept(fleet)]
    assert 0 == fleet.run(fleet.opt_outs.count())


def test_one_may_opt_out_of_one_number_only(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime = make_runtime(opt_out_scope="sender")
    arrive(fleet, deliver(b"STOP"))
    relay(runtime).step(1)
    ask_to_send(fleet, "same", sender=TO)
    ask_to_send(fleet, "other", sender="ACME")

    assert {"same": "refused", "other": "admitted"} == Outgoing(runtime).handle(["same", "other"])


def test_an_opt_out_is_confirmed_once_and_only_when_it_is_new(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(opt_out_reply="No more from us.", opt_in_reply="Welcome back.", rate="1000")
    broker = Recorder()
    duties = Duties(runtime, broker)
    arrive(fleet, deliver(b"STOP"), deliver(b"STOP"), deliver(b"START"))
    relay(runtime).step(1)

    duties.route()

    job_ids = [job_id for lane, job_id in broker.published if lane == "high"]
    contents = [SmsRequest.from_json(fleet.redis("GET", fleet.keys.content(job_id))) for job_id in job_ids]
    assert [("No more from us.", FROM, TO), ("Welcome back.", FROM, TO)] == [
        (request.text, request.to, request.sender) for request in contents
    ]
    assert dict.fromkeys(job_ids, "admitted") == Outgoing(runtime).handle(job_ids)
    assert 0 == duties.route()


@pytest.mark.parametrize("several", [False, True])
def test_an_opt_out_that_the_store_interrupts_is_confirmed_all_the_same(
    make_runtime: Callable[..., Runtime], fleet: Fleet, several: bool
) -> None:
    runtime = make_runtime(opt_out_reply="Bye.", opt_out_match="first", rate="1000")
    arrive(fleet, *(parts("STOP " + "a" * 200, "udh8") if several else [deliver(b"STOP")]))
    fleet.redis("SADD", fleet.keys.mo, "x")  # the message cannot be kept
    with pytest.raises(StoreUnavailable):
        relay(runtime).step(1)
    assert 0 == fleet.run(fleet.opt_outs.count())
    fleet.redis("DEL", fleet.keys.mo)

    relay(runtime, claim_idle_ms=0).step(1)

    assert ["out"] == [found["opt_out"] for found in kept(fleet)]
    broker = Recorder()
    Duties(runtime, broker).route()
    assert ["high"] == [lane for lane, _ in broker.published]


def test_a_wish_that_changes_nothing_says_so(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"START"))

    relay(runtime).step(1)

    assert [None] == [found["opt_out"] for found in kept(fleet)]


def test_a_stop_may_also_have_a_route(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    broker = Recorder()
    runtime = make_runtime(opt_out_reply="Bye.", mo_routes="* STOP task:crm.stop@crm")
    arrive(fleet, deliver(b"STOP"))
    relay(runtime).step(1)

    assert 2 == Duties(runtime, broker).route()
    assert (1, 1) == (len(broker.published), len(broker.handed_over))


# --- replies ---------------------------------------------------------------------------------------


def test_a_reply_is_linked_to_the_last_job_to_its_number(runtime: Runtime, fleet: Fleet) -> None:
    outgoing = Outgoing(runtime)
    for job_id, options in (("first", {}), ("last", {"sender": TO}), ("of-a-name", {"sender": "ACME"})):
        ask_to_send(fleet, job_id, **options)
        assert {job_id: "admitted"} == outgoing.handle([job_id])

    arrive(
        fleet,
        deliver(b"Yes"),
        deliver(b"Yes", source_addr="27999100002"),
        deliver(b"Yes", source_addr="ACME"),
    )
    relay(runtime, day=epoch_ms() // DAY_MS).step(1)

    assert ["last", None, None] == [found["reply_to"] for found in kept(fleet)]


def test_the_link_costs_nothing_where_it_is_not_wanted(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    ask_to_send(fleet, "j1")

    Outgoing(make_runtime(mo_reply_s="0")).handle(["j1"])

    assert [] == fleet.redis("KEYS", "*last:*")


def test_a_job_that_was_not_admitted_is_not_replied_to(runtime: Runtime, fleet: Fleet) -> None:
    fleet.run(fleet.opt_outs.add([OptedOut(FROM)]))
    ask_to_send(fleet, "j1")

    Outgoing(runtime).handle(["j1"])

    assert [] == fleet.redis("KEYS", "*last:*")
