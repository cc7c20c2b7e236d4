"""The submit_sm bodies of a job, read back with the SMPP codec field by field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsfleet.config.errors import EncodeError, InvalidArgument
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.workers.options import WireOptions
from smsfleet.workers.segments import segment
from smsfleet.workers.submit import SubmitOptions, bodies

OPTIONS = SubmitOptions(destination="27821234567")


def test_a_single_segment_is_one_plain_submit_sm() -> None:
    options = SubmitOptions(destination="27821234567", source="ACME")

    [body] = bodies(options, segment("hi @home"))

    assert SubmitSm(
        service_type=b"",
        source_addr_ton=0,
        source_addr_npi=0,
        source_addr=b"ACME",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=b"27821234567",
        esm_class=0,
        protocol_id=0,
        priority_flag=0,
        schedule_delivery_time=b"",
        validity_period=b"",
        registered_delivery=1,
        replace_if_present_flag=0,
        data_coding=0,
        sm_default_msg_id=0,
        short_message=b"hi \x00home",
        tlvs=(),
    ) == SubmitSm.decode_body(body)


def test_the_octets_are_those_of_the_specification() -> None:
    [body] = bodies(SubmitOptions(destination="27821234567", source="12345"), segment("@"))

    expected = b"\0\0\x0012345\0\1\x0127821234567\0\0\0\0\0\0\1\0\0\0\1\0"
    assert expected == body


def test_every_option_reaches_its_field() -> None:
    options = SubmitOptions(
        destination="27999112345",
        source="27821234567",
        validity_period="000001020304000R",
        schedule_delivery_time="270131060000000+",
        wire=WireOptions(
            service_type="CMT",
            protocol_id=0x41,
            priority_flag=2,
            registered_delivery="intermediate",
            replace_if_present=True,
            source_ton=1,
            source_npi=8,
        ),
    )

    [body] = bodies(options, segment("Ж"))

    assert SubmitSm(
        service_type=b"CMT",
        source_addr_ton=1,
        source_addr_npi=8,
        source_addr=b"27821234567",
        destination_addr=b"27999112345",
        protocol_id=0x41,
        priority_flag=2,
        schedule_delivery_time=b"270131060000000+",
        validity_period=b"000001020304000R",
        registered_delivery=0x11,
        replace_if_present_flag=1,
        data_coding=8,
        short_message=b"\x04\x16",
    ) == SubmitSm.decode_body(body)


@pytest.mark.parametrize("reference_octets", [1, 2])
@pytest.mark.parametrize(("text", "data_coding"), [("a" * 400, 0), ("Ж" * 200, 8)])
def test_segments_carry_their_headers_and_the_udhi_bit(
    text: str, data_coding: int, reference_octets: int
) -> None:
    segmented = segment(text, reference=201, reference_octets=reference_octets)

    built = [SubmitSm.decode_body(body) for body in bodies(OPTIONS, segmented)]

    assert [
        SubmitSm(
            destination_addr=b"27821234567",
            esm_class=0x40,
            registered_delivery=1,
            data_coding=data_coding,
            short_message=header + octets,
        )
        for header, octets in zip(segmented.headers, segmented.user_data, strict=True)
    ] == built


@given(
    text=st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=400),
    source=st.sampled_from(["", "ACME", "12345"]),
    encoding=st.sampled_from(["auto", "ucs2"]),
)
@settings(max_examples=100)
def test_a_body_is_what_the_codec_would_make_of_its_fields(text: str, source: str, encoding: str) -> None:
    segmented = segment(text, reference=7, encoding=encoding)

    built = bodies(SubmitOptions(destination="27821234567", source=source), segmented)

    assert [
        SubmitSm(
            source_addr=source,
            destination_addr="27821234567",
            esm_class=0x40 if header else 0,
            registered_delivery=1,
            data_coding=segmented.data_coding,
            short_message=header + octets,
        ).encode_body()
        for header, octets in zip(segmented.headers, segmented.user_data, strict=True)
    ] == built


def test_payload_puts_the_whole_text_into_one_message_payload() -> None:
    options = SubmitOptions(destination="27821234567", long_messages="payload")
    text = "€" * 200

    [body] = bodies(options, segment(text))

    assert SubmitSm(
        destination_addr=b"27821234567",
        registered_delivery=1,
        short_message=b"",
        tlvs=((0x0424, b"\x1be" * 200),),
    ) == SubmitSm.decode_body(body)


def test_sar_numbers_the_segments_in_tlvs_and_writes_no_header() -> None:
    options = SubmitOptions(destination="27821234567", long_messages="sar")
    segmented = segment("a" * 200, reference=0x1234, reference_octets=2)

    built = [SubmitSm.decode_body(body) for body in bodies(options, segmented)]

    assert [
        SubmitSm(
            destination_addr=b"27821234567",
            registered_delivery=1,
            short_message=b"a" * length,
            tlvs=((0x020C, b"\x12\x34"), (0x020E, b"\x02"), (0x020F, number)),
        )
        for length, number in [(152, b"\x01"), (48, b"\x02")]
    ] == built


def test_sar_takes_an_8_bit_reference_too() -> None:
    options = SubmitOptions(destination="27821234567", long_messages="sar")

    body = bodies(options, segment("a" * 161, reference=0xFE))[0]

    assert b"\x00\xfe" == SubmitSm.decode_body(body).tlv(0x020C)


@pytest.mark.parametrize("long_messages", ["payload", "sar"])
def test_a_single_segment_is_the_same_however_long_ones_travel(long_messages: str) -> None:
    options = SubmitOptions(destination="27821234567", long_messages=long_messages)

    assert bodies(OPTIONS, segment("a" * 160)) == bodies(options, segment("a" * 160))


def test_an_empty_text_is_an_empty_short_message() -> None:
    [body] = bodies(OPTIONS, segment(""))

    assert b"" == SubmitSm.decode_body(body).short_message


def test_an_unknown_way_of_long_messages_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="long_messages is 'tlv': it must be one of udh, payload, sar"):
        bodies(SubmitOptions(destination="27821234567", long_messages="tlv"), segment("a"))


@pytest.mark.parametrize(
    "options",
    [
        SubmitOptions(destination="1" * 21),
        SubmitOptions(destination="27821234567", validity_period="1440"),
        SubmitOptions(destination="27821234567", wire=WireOptions(priority_flag=256)),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused_and_never_cut(options: SubmitOptions) -> None:
    with pytest.raises(EncodeError):
        bodies(options, segment("a" * 500))
