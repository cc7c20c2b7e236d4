"""Messages from a handset, in parts of every form."""

from __future__ import annotations

import random

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.simulator import gsm
from smsfleet.simulator.mobile import ORDERS, in_order, mobile_originated
from smsfleet.smpp.pdu import DeliverSm

SOURCE = "27831234567"
LONG = "0123456789" * 40


def parts(text: str, form: str = "udh8") -> list[DeliverSm]:
    return [
        DeliverSm.decode_body(body)
        for body in mobile_originated(text, source=SOURCE, form=form, reference=0x1234)
    ]


def test_a_short_text_is_one_message_from_the_handset() -> None:
    (message,) = [
        DeliverSm.decode_body(b) for b in mobile_originated("STOP", source=SOURCE, destination="27820000001")
    ]

    assert (b"27831234567", b"27820000001", 0, 0, b"STOP", ()) == (
        message.source_addr, message.destination_addr, message.esm_class, message.data_coding,
        message.short_message, message.tlvs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "encoding", "coding", "octets"),
    [
        ("a@b €", "auto", 0, b"a\0b \x1b\x65"),
        ("Grüße", "auto", 0, b"Gr\x7e\x1ee"),
        ("я", "auto", 8, b"\x04\x4f"),
        ("hi", "ucs2", 8, b"\0h\0i"),
        ("hi", "gsm", 0, b"hi"),
    ],
)
def test_a_text_is_gsm_where_it_can_be(text: str, encoding: str, coding: int, octets: bytes) -> None:
    (body,) = mobile_originated(text, source=SOURCE, encoding=encoding)

    message = DeliverSm.decode_body(body)
    assert (coding, octets) == (message.data_coding, message.short_message)


@pytest.mark.parametrize("at", range(148, 156))
def test_no_escaped_character_is_cut(at: int) -> None:
    text = "x" * at + "€" * 40

    messages = parts(text)

    assert text == "".join(gsm.decode(message.short_message[6:]) for message in messages)
    assert all(len(message.short_message) <= 159 for message in messages)


def test_parts_come_in_the_order_that_was_asked_for() -> None:
    bodies = mobile_originated(LONG * 3, source=SOURCE)

    orders = {order: in_order(bodies, order, random.Random(1)) for order in ORDERS}

    assert bodies == orders["first_to_last"]
    assert bodies == orders["last_to_first"][::-1] != orders["last_to_first"]
    assert sorted(bodies) == sorted(orders["any"])
    assert orders["any"] not in (bodies, bodies[::-1])
    assert orders["any"] == in_order(bodies, "any", random.Random(1))


@pytest.mark.parametrize(
    ("form", "header"),
    [("udh8", b"\x05\x00\x03\x34\x03"), ("udh16", b"\x06\x08\x04\x12\x34\x03")],
)
def test_a_long_text_has_headers(form: str, header: bytes) -> None:
    messages = parts(LONG, form)

    assert [header + bytes((at,)) for at in (1, 2, 3)] == [
        m.short_message[: len(header) + 1] for m in messages
    ]
    assert {0x40} == {message.esm_class for message in messages}
    assert LONG.encode() == b"".join(message.short_message[len(header) + 1 :] for message in messages)
    assert all(len(message.short_message) <= 160 for message in messages)


def test_a_long_text_by_sar_has_tlvs_and_no_header() -> None:
    messages = parts(LONG, "sar")

    assert [((0x020C, b"\x12\x34"), (0x020E, b"\x03"), (0x020F, bytes((at,)))) for at in (1, 2, 3)] == [
        message.tlvs for message in messages
    ]
    assert ({0}, LONG.encode()) == (
        {m.esm_class for m in messages},
        b"".join(m.short_message for m in messages),
    )


def test_a_text_in_message_payload_is_one_message_whatever_its_length() -> None:
    (message,) = parts(LONG, "payload")

    assert (b"", ((0x0424, LONG.encode()),)) == (message.short_message, message.tlvs)


@pytest.mark.parametrize("at", range(60, 72))
def test_no_surrogate_pair_is_cut(at: int) -> None:
    text = "я" * at + "🎂" * 40

    messages = parts(text)

    assert text == "".join(message.short_message[6:].decode("utf-16-be") for message in messages)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="form 'pigeon'"):
        parts("x", "pigeon")
    with pytest.raises(ConfigError, match="encoding 'morse'"):
        mobile_originated("x", source=SOURCE, encoding="morse")
    with pytest.raises(ConfigError, match="'я' is not in the GSM alphabet"):
        mobile_originated("aя", source=SOURCE, encoding="gsm")
    with pytest.raises(ConfigError, match="order 'sorted'"):
        in_order([], "sorted", random.Random(1))
    with pytest.raises(ConfigError, match="at most 255"):
        parts("x" * 153 * 256)
