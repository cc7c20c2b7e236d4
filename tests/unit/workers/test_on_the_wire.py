"""Any text, by any way: what an independent decoder reads off the wire is the text, in segments that fit.

The PDUs are read by smpp34, GSM by a decoder typed from TS 23.038 (test_segments), headers by this file.
"""

from __future__ import annotations

import pytest
import smpp34
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.workers.test_segments import BASIC, EXTENDED, read_gsm, read_ucs2

from smsfleet.smpp.constants import SUBMIT_SM
from smsfleet.smpp.pdu import frame
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.submit import SubmitOptions, bodies

TO = "27999100001"


def long(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of any length up to several segments: hypothesis alone hardly ever makes one above 160."""
    return st.builds(
        lambda start, middle, times, end: start + middle * times + end,
        st.text(characters, max_size=20),
        st.text(characters, min_size=1, max_size=15),
        st.integers(1, 40),
        st.text(characters, max_size=20),
    )


GSM_TEXTS = long(st.sampled_from([*BASIC, *EXTENDED]))
ANY_TEXTS = long(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(["🎂", "\u20ac", "{", "a"]))
TLV_NUMBER, TLV_TOTAL, TLV_REFERENCE, TLV_PAYLOAD = 0x020F, 0x020E, 0x020C, 0x0424


def submits(
    text: str, way: str, reference: int, octets: int, encoding: str = "auto"
) -> list[smpp34.SubmitSm]:
    request = SmsRequest.checked(
        TO, text, encoding=encoding, long_messages=way, max_segments=255, reference_octets=octets, now_ms=0
    )
    segmented = request.segmented(octets).with_reference(reference)
    options = SubmitOptions(destination=TO, long_messages=way)
    return [smpp34.decode(frame(SUBMIT_SM, 1, body)) for body in bodies(options, segmented)]


def read(submit: smpp34.SubmitSm, octets: bytes) -> str:
    return {0: read_gsm, 8: read_ucs2}[submit.data_coding](octets)


def tlvs(submit: smpp34.SubmitSm) -> dict[int, bytes]:
    return {tlv.tag: bytes(tlv.value) for tlv in submit.tlvs}


@settings(max_examples=250)
@given(GSM_TEXTS | ANY_TEXTS, st.integers(0, 255), st.sampled_from([1, 2]), st.sampled_from(["auto", "ucs2"]))
def test_headers_number_segments_that_fit_and_hold_the_text(
    text: str, reference: int, octets: int, encoding: str
) -> None:
    sent = submits(text, "udh", reference, octets, encoding)

    read_back = ""
    for number, submit in enumerate(sent, start=1):
        message = bytes(submit.short_message)
        assert {} == tlvs(submit)
        if len(sent) > 1:
            header = 6 if octets == 1 else 7
            start = b"\x05\x00\x03" if octets == 1 else b"\x06\x08\x04"
            assert start + reference.to_bytes(octets, "big") + bytes((len(sent), number)) == message[:header]
            assert 0x40 == submit.esm_class
            message = message[header:]
            assert len(message) <= {0: (153, 152), 8: (134, 132)}[submit.data_coding][octets - 1]
        else:
            assert 0 == submit.esm_class
            assert len(message) <= {0: 160, 8: 140}[submit.data_coding]
        read_back += read(submit, message)
    assert text == read_back


@settings(max_examples=100)
@given(GSM_TEXTS | ANY_TEXTS, st.integers(0, 255))
def test_sar_tlvs_number_the_same_segments_without_a_header(text: str, reference: int) -> None:
    sent = submits(text, "sar", reference, 1)

    assert text == "".join(read(submit, bytes(submit.short_message)) for submit in sent)
    assert {0} == {submit.esm_class for submit in sent}
    if len(sent) > 1:
        assert [(reference, len(sent), number) for number in range(1, len(sent) + 1)] == [
            tuple(int.from_bytes(tlvs(submit)[tag], "big") for tag in (TLV_REFERENCE, TLV_TOTAL, TLV_NUMBER))
            for submit in sent
        ]


@settings(max_examples=100)
@given(GSM_TEXTS | ANY_TEXTS)
def test_a_payload_is_the_whole_text_in_one_submit_sm(text: str) -> None:
    (submit,) = submits(text, "payload", 0, 1)

    message, payload = bytes(submit.short_message), tlvs(submit).get(TLV_PAYLOAD)
    assert 0 == submit.esm_class
    assert payload is None or message == b""
    assert text == read(submit, message if payload is None else payload)


@pytest.mark.parametrize(("text", "data_coding"), [("a" * 65_535, 0), ("Ж" * 32_767, 8)])
def test_a_payload_holds_64_k(text: str, data_coding: int) -> None:
    request = SmsRequest.checked(TO, text, long_messages="payload", max_segments=512, now_ms=0)

    (body,) = bodies(SubmitOptions(destination=TO, long_messages="payload"), request.segmented(1))

    submit = smpp34.decode(frame(SUBMIT_SM, 1, body))
    assert (data_coding, text) == (submit.data_coding, read(submit, tlvs(submit)[TLV_PAYLOAD]))
