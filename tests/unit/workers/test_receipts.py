"""Receipts in every form that a gateway may send them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsfleet.smpp.pdu import DeliverSm
from smsfleet.workers.receipts import Receipt, ReceiptError, parse_receipt

REAL = (
    b"id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253"
    b" done date:141023215259 stat:DELIVRD err:000 text:"
)
REAL_ID = "a29f6845555647139e5c8f3b817f2c9a"
ID_TLV, NETWORK_ERROR_TLV, PAYLOAD_TLV, STATE_TLV = 0x001E, 0x0423, 0x0424, 0x0427
RECEIPT_CLASSES = [0x04, 0x20, 0x24, 0x44, 0x60, 0x84, 0x07]
"""A receipt or an intermediate notification, also with UDHI, reply path and messaging mode bits around it."""


def parsed(short_message: bytes, esm_class: int = 0x04, tlvs: tuple[tuple[int, bytes], ...] = ()) -> Receipt:
    receipt = parse_receipt(DeliverSm(esm_class=esm_class, short_message=short_message, tlvs=tlvs))
    assert receipt is not None
    return receipt


def test_the_one_public_receipt_of_this_gateway() -> None:
    receipt = parsed(REAL)

    assert (
        Receipt(
            message_id=REAL_ID,
            status=4,
            stat="DELIVRD",
            stat_raw="DELIVRD",
            message_state=None,
            err="000",
            submit_date="141023215253",
            done_date="141023215259",
            network_error=None,
            intermediate=False,
            flagged=True,
            text_message_id=REAL_ID,
        )
        == receipt
    )


@pytest.mark.parametrize("esm_class", RECEIPT_CLASSES)
def test_a_receipt_is_known_by_its_message_type_whatever_the_other_bits(esm_class: int) -> None:
    receipt = parsed(REAL, esm_class)

    assert (REAL_ID, True, esm_class & 0x20 != 0) == (
        receipt.message_id,
        receipt.flagged,
        receipt.intermediate,
    )


@pytest.mark.parametrize("esm_class", [0x00, 0x40, 0x03, 0x80, 0x28])  # the last: a type that is reserved
def test_a_text_that_reads_as_a_receipt_is_one_without_any_flag(esm_class: int) -> None:
    receipt = parsed(REAL, esm_class)

    assert (REAL_ID, 4, False, False) == (
        receipt.message_id,
        receipt.status,
        receipt.flagged,
        receipt.intermediate,
    )


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18, 0x48])
def test_an_acknowledgement_of_the_recipient_is_no_receipt(esm_class: int) -> None:
    tlvs = ((ID_TLV, b"a1\0"), (STATE_TLV, b"\x02"))

    assert parse_receipt(DeliverSm(esm_class=esm_class, short_message=REAL, tlvs=tlvs)) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"STOP",
        b"id:5 stat:ok",
        b"my id:5 is done",
        b"stat:DELIVRD done date:1410232152",
        b"id:5 submit date:1410232152 done date:1410232152",
        b"text:" + REAL,
        b"Text: " + REAL,
        b"xid:5 stat:DELIVRD done date:1410232152",
    ],
)
def test_a_message_of_a_person_is_no_receipt(text: bytes) -> None:
    assert parse_receipt(DeliverSm(esm_class=0, short_message=text)) is None


@pytest.mark.parametrize(
    "tlvs", [((ID_TLV, b"a1\0"),), ((STATE_TLV, b"\x02"),), ((ID_TLV, b"\0"), (STATE_TLV, b"\x02"))]
)
def test_one_of_the_two_tlvs_alone_makes_no_receipt(tlvs: tuple[tuple[int, bytes], ...]) -> None:
    assert parse_receipt(DeliverSm(esm_class=0, short_message=b"hello", tlvs=tlvs)) is None


def test_a_message_state_beside_a_text_that_only_mentions_an_id_makes_no_receipt() -> None:
    deliver = DeliverSm(esm_class=0, short_message=b"id:a1 hello", tlvs=((STATE_TLV, b"\x02"),))

    assert parse_receipt(deliver) is None


def test_both_tlvs_make_a_receipt_without_a_flag_and_without_a_text() -> None:
    receipt = parsed(b"", 0, ((STATE_TLV, b"\x05"), (ID_TLV, b"a1\0")))

    assert Receipt("a1", 7, "UNDELIV", None, 5, None, None, None, None, False, False, None) == receipt


def test_the_text_may_be_in_message_payload() -> None:
    receipt = parsed(b"", 0x04, ((PAYLOAD_TLV, REAL),))

    assert (REAL_ID, 4) == (receipt.message_id, receipt.status)


def test_keys_are_read_in_any_case_and_order() -> None:
    receipt = parsed(b"STAT:delivrd Err:0a1 DONE DATE:1410232153 Id:AbC Submit_Date:1410232152 TEXT:hello")

    assert ("AbC", "DELIVRD", "delivrd", 4) == (
        receipt.message_id,
        receipt.stat,
        receipt.stat_raw,
        receipt.status,
    )
    assert ("0a1", "1410232152", "1410232153") == (receipt.err, receipt.submit_date, receipt.done_date)


def test_what_follows_text_is_not_read() -> None:
    receipt = parsed(b"id:a1 text:err:999 stat:DELIVRD id:b2 done date:1")

    assert ("a1", None, None, None) == (receipt.message_id, receipt.stat, receipt.err, receipt.done_date)


def test_the_first_of_a_repeated_key_counts() -> None:
    assert "a1" == parsed(b"id:a1 id:b2 stat:DELIVRD").message_id


def test_missing_and_empty_fields_are_none() -> None:
    receipt = parsed(b"id:a1 submit date: done date: stat: err: text:")

    assert Receipt("a1", None, None, None, None, None, None, None, None, False, True, "a1") == receipt


@pytest.mark.parametrize(
    "message_id",
    [
        "00012",
        "0012345678901234567890",
        "AbCd",
        "a=b:c",
        "-1",
        "1e5",
        "\t",
        "stat:X",
        "text:",
        "é\xff\x80",
        "\x85\xa0",
        "1" * 65,
    ],
)
def test_a_message_id_is_opaque(message_id: str) -> None:
    octets = message_id.encode("latin-1")

    from_text = parsed(b"id:" + octets + b" stat:DELIVRD text:x")
    from_tlv = parsed(b"", 0x04, ((ID_TLV, octets + b"\0"),))

    assert message_id == from_text.message_id == from_tlv.message_id
    assert octets == from_text.message_id.encode("latin-1")


def test_an_id_in_a_tlv_may_hold_spaces_and_lack_its_nul() -> None:
    assert " a 1 " == parsed(b"", 0x04, ((ID_TLV, b" a 1 "),)).message_id
    assert "a1" == parsed(b"", 0x04, ((ID_TLV, b"a1\0\0junk"),)).message_id


def test_a_text_may_end_with_a_nul() -> None:
    assert "a1" == parsed(b"stat:DELIVRD id:a1\0").message_id


def test_a_user_data_header_before_the_text_does_no_harm() -> None:
    assert REAL_ID == parsed(b"\x05\x00\x03\x07\x01\x01" + REAL, 0x44).message_id


def test_the_tlvs_win_over_the_text_and_both_are_kept() -> None:
    receipt = parsed(REAL, 0x04, ((ID_TLV, b"b2\0"), (STATE_TLV, b"\x08")))

    assert ("b2", REAL_ID) == (receipt.message_id, receipt.text_message_id)
    assert ("REJECTD", "DELIVRD", 8, 9) == (
        receipt.stat,
        receipt.stat_raw,
        receipt.message_state,
        receipt.status,
    )


@pytest.mark.parametrize(
    ("value", "kept"), [(b"\x00", 0), (b"\x09", 9), (b"\xff", 255), (b"", None), (b"\x00\x02", None)]
)
def test_a_message_state_that_smpp_does_not_list_leaves_the_word_to_the_text(
    value: bytes, kept: int | None
) -> None:
    receipt = parsed(REAL, 0x04, ((STATE_TLV, value),))

    assert (kept, "DELIVRD", 4) == (receipt.message_state, receipt.stat, receipt.status)


@pytest.mark.parametrize(
    ("state", "word", "status"),
    [
        (1, "ENROUTE", 8),
        (2, "DELIVRD", 4),
        (3, "EXPIRED", 10),
        (4, "DELETED", 6),
        (5, "UNDELIV", 7),
        (6, "ACCEPTD", 3),
        (7, "UNKNOWN", 1),
        (8, "REJECTD", 9),
    ],
)
def test_every_state_has_one_status_as_word_and_as_number(state: int, word: str, status: int) -> None:
    by_text = parsed(f"id:a1 stat:{word}".encode())
    by_tlv = parsed(b"", 0x04, ((ID_TLV, b"a1"), (STATE_TLV, bytes((state,)))))

    assert (word, status) == (by_text.stat, by_text.status)
    assert (word, status) == (by_tlv.stat, by_tlv.status)


@pytest.mark.parametrize("word", ["DELIVERED", "BUFFERED", "4", "ÿµß", "DELIVR"])
def test_an_unknown_word_has_no_status_and_is_kept(word: str) -> None:
    receipt = parsed(b"id:a1 stat:" + word.encode("latin-1"))

    assert (None, word, word) == (receipt.status, receipt.stat, receipt.stat_raw)


@pytest.mark.parametrize("err", ["000", "004", "4", "1A", "-"])
def test_err_is_kept_and_never_becomes_a_status(err: str) -> None:
    receipt = parsed(f"id:a1 stat:FOO err:{err} text:".encode())

    assert (err, None) == (receipt.err, receipt.status)


def test_the_network_error_code_is_kept_in_hexadecimal() -> None:
    assert "030004" == parsed(REAL, 0x04, ((NETWORK_ERROR_TLV, b"\x03\x00\x04"),)).network_error
    assert "" == parsed(REAL, 0x04, ((NETWORK_ERROR_TLV, b""),)).network_error


@pytest.mark.parametrize("esm_class", RECEIPT_CLASSES)
@pytest.mark.parametrize(
    ("text", "tlvs"),
    [
        (b"", ()),
        (b"garbage", ()),
        (b"id: stat:DELIVRD", ()),
        (b"stat:DELIVRD text:id:a1", ()),
        (b"id:" + b"1" * 66, ()),
        (b"", ((ID_TLV, b"1" * 66),)),
        (b"", ((ID_TLV, b"\0a1"), (STATE_TLV, b"\x02"))),
    ],
)
def test_a_flagged_receipt_that_names_no_message_is_an_error(
    text: bytes, tlvs: tuple[tuple[int, bytes], ...], esm_class: int
) -> None:
    with pytest.raises(ReceiptError, match=f"esm_class 0x{esm_class:02X} says receipt"):
        parse_receipt(DeliverSm(esm_class=esm_class, short_message=text, tlvs=tlvs))


def test_a_tlv_id_that_is_too_long_leaves_the_id_to_the_text() -> None:
    assert REAL_ID == parsed(REAL, 0x04, ((ID_TLV, b"1" * 66),)).message_id


octets = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"id:", b"stat:", b"DELIVRD", b" ", b"\0", b"text:", b"done date:", b"err:", b"a1", b"\xff"]
            ),
            st.binary(max_size=3),
        ),
        max_size=12,
    ).map(b"".join),
)
any_tlvs = st.lists(
    st.tuples(st.sampled_from([ID_TLV, NETWORK_ERROR_TLV, PAYLOAD_TLV, STATE_TLV, 0x1400]), octets),
    max_size=4,
).map(tuple)


@given(octets, st.integers(0, 255), any_tlvs)
@settings(max_examples=500)
@example(b"", 0x04, ())
def test_no_octets_raise_anything_but_a_receipt_error(
    short_message: bytes, esm_class: int, tlvs: tuple[tuple[int, bytes], ...]
) -> None:
    deliver = DeliverSm(esm_class=esm_class, short_message=short_message, tlvs=tlvs)

    try:
        receipt = parse_receipt(deliver)
    except ReceiptError:
        assert esm_class & 0x24
        return

    if receipt is not None:
        assert 1 <= len(receipt.message_id.encode("latin-1")) <= 65


def test_the_receipt_of_a_decoded_pdu() -> None:
    sent = DeliverSm(source_addr="27821234567", destination_addr="ACME", esm_class=4, short_message=REAL)

    receipt = parse_receipt(DeliverSm.decode_body(sent.encode_body()))

    assert receipt == parsed(REAL)


@given(
    values=st.lists(
        st.binary(max_size=12).map(lambda octets: octets.replace(b" ", b"").replace(b"\0", b"")),
        min_size=7,
        max_size=7,
    ),
    behind=st.binary(max_size=20),
)
@settings(max_examples=300)
def test_the_usual_form_is_read_in_one_go_as_it_is_read_field_by_field(
    values: list[bytes], behind: bytes
) -> None:
    keys = (b"id", b"sub", b"dlvrd", b"submit date", b"done date", b"stat", b"err")
    text = b" ".join(key + b":" + value for key, value in zip(keys, values, strict=True)) + b" text:" + behind

    def read(short_message: bytes) -> object:
        try:
            return parse_receipt(DeliverSm(esm_class=0x04, short_message=short_message))
        except ReceiptError as error:
            return str(error)

    assert read(b" " + text) == read(text)  # the blank before it makes it an unusual form
