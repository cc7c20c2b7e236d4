"""Messages from a handset, in parts of every form."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.simulator.mobile import mobile_originated
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


def test_what_gsm_has_elsewhere_makes_it_ucs2() -> None:
    (message,) = parts("a@b")

    assert (8, "a@b") == (message.data_coding, message.short_message.decode("utf-16-be"))


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
    with pytest.raises(ConfigError, match="at most 255"):
        parts("x" * 153 * 256)
