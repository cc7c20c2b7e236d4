"""Binary jobs: octets, a header and a data_coding of the caller's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidArgument, InvalidText, TextTooLong
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.workers.binary import Binary
from smsfleet.workers.submit import SubmitOptions, bodies

PORTS = "0605040b8423f0"
"""A header with one element: WAP push, from port 9200 to 2948."""


@pytest.mark.parametrize("data", [b"\x01\xff", bytearray(b"\x01\xff"), "01ff", "01 FF"])
def test_octets_are_given_as_such_or_as_hexadecimal_digits(data: Any) -> None:
    assert Binary(b"\x01\xff", b"", 4) == Binary.checked(data)


def test_a_short_one_is_one_submit_sm_as_it_is() -> None:
    binary = Binary.checked(b"\x01" * 133, PORTS, 0xF5)

    (body,) = bodies(SubmitOptions(destination="27999100001"), binary.segment())

    submit = SubmitSm.decode_body(body)
    assert (0x40, 0xF5, bytes.fromhex(PORTS) + b"\x01" * 133) == (
        submit.esm_class, submit.data_coding, submit.short_message,
    )  # fmt: skip


def test_without_a_header_of_its_own_there_is_none() -> None:
    (body,) = bodies(SubmitOptions(destination="27999100001"), Binary.checked(b"\x00" * 140).segment())

    submit = SubmitSm.decode_body(body)
    assert (0, 4, 140) == (submit.esm_class, submit.data_coding, len(submit.short_message))


@given(
    data=st.builds(bytes.__mul__, st.binary(min_size=1, max_size=30), st.integers(1, 30)),
    udh=st.sampled_from(["", PORTS]),
    reference=st.integers(0, 255),
    reference_octets=st.sampled_from([1, 2]),
)
def test_a_long_one_is_numbered_beside_its_own_elements(
    data: bytes, udh: str, reference: int, reference_octets: int
) -> None:
    cut = Binary.checked(data, udh).segment(reference_octets=reference_octets).with_reference(reference)

    assert data == b"".join(cut.user_data)
    assert all(
        len(header) + len(piece) <= 140 for header, piece in zip(cut.headers, cut.user_data, strict=True)
    )
    assert cut.units_left == 140 - len(cut.headers[-1]) - len(cut.user_data[-1])
    if cut.segments > 1:
        assert reference == cut.reference
        element = b"\x00\x03" if reference_octets == 1 else b"\x08\x04"
        for number, header in enumerate(cut.headers, start=1):
            numbers = reference.to_bytes(reference_octets, "big") + bytes((cut.segments, number))
            assert bytes.fromhex(udh)[1:] + element + numbers == header[1:]
            assert len(header) - 1 == header[0]


@pytest.mark.parametrize(
    ("data_coding", "single", "concatenated"),
    [
        (0x00, 160, 153), (0x10, 160, 153), (0xC8, 160, 153), (0xF0, 160, 153),
        (0x04, 140, 134), (0x02, 140, 134), (0x03, 140, 134), (0x14, 140, 134), (0xF4, 140, 134),
        (0x08, 140, 134), (0x18, 140, 134), (0xE0, 140, 134),
    ],
)  # fmt: skip
def test_how_much_fits_is_decided_by_the_data_coding(
    data_coding: int, single: int, concatenated: int
) -> None:
    assert [single] == sizes(b"\x00" * single, data_coding)
    assert [concatenated, single + 2 - concatenated] == sizes(b"\x00" * (single + 2), data_coding)


def sizes(data: bytes, data_coding: int) -> list[int]:
    return [len(piece) for piece in Binary.checked(data, None, data_coding).segment().user_data]


def test_a_pair_of_octets_that_belongs_together_is_not_cut() -> None:
    escaped = b"a" * 152 + b"\x1be" + b"a" * 10
    cake = ("a" * 66 + "🎂" + "a" * 10).encode("utf-16-be")

    assert [152, 12] == sizes(escaped, 0)
    assert [132, 24] == sizes(cake, 8)


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"data": b""}, InvalidText, "empty"),
        ({"data": "0g"}, InvalidArgument, "data is refused.*hexadecimal"),
        ({"data": 5}, InvalidArgument, "data is refused"),
        ({"data": b"a", "udh": "05"}, InvalidArgument, "udh '05'"),
        ({"data": b"a", "udh": "0400030102"}, InvalidArgument, "udh '0400030102'"),
        ({"data": b"a", "udh": "05000301020304"}, InvalidArgument, "udh"),
        ({"data": b"a", "data_coding": 256}, InvalidArgument, "data_coding 256"),
        ({"data": b"a", "data_coding": True}, InvalidArgument, "data_coding True"),
        ({"data": b"\x80", "data_coding": 0}, InvalidText, "septets"),
        ({"data": b"abc", "data_coding": 8}, InvalidText, "even number"),
    ],
)
def test_what_no_handset_could_read_is_refused(
    arguments: dict[str, Any], error: type[InvalidArgument], named: str
) -> None:
    with pytest.raises(error, match=named):
        Binary.checked(**arguments)


def test_a_header_that_numbers_segments_itself_is_not_numbered_again() -> None:
    own = "0500032a0201"

    assert [bytes.fromhex(own)] == Binary.checked(b"a" * 134, own).segment().headers
    with pytest.raises(TextTooLong, match="numbers segments itself"):
        Binary.checked(b"a" * 135, own).segment()


@pytest.mark.parametrize("way", ["payload", "sar"])
def test_a_long_one_with_a_header_travels_with_headers_only(way: str) -> None:
    assert 2 == Binary.checked(b"a" * 141).segment(long_messages="sar").segments
    with pytest.raises(InvalidArgument, match=r"long_messages must be 'udh'"):
        Binary.checked(b"a" * 141, PORTS).segment(long_messages=way)


def test_a_long_one_without_a_header_may_be_a_payload() -> None:
    options = SubmitOptions(destination="27999100001", long_messages="payload")

    (body,) = bodies(options, Binary.checked(bytes(range(256))).segment(long_messages="payload"))

    assert bytes(range(256)) == SubmitSm.decode_body(body).tlv(0x0424)


def test_max_segments_holds_for_octets_too() -> None:
    with pytest.raises(TextTooLong, match=r"2 segments.*max_segments is 1"):
        Binary.checked(b"a" * 141).segment(max_segments=1)
    with pytest.raises(TextTooLong, match="65,535"):
        Binary.checked(b"a" * 65_536).segment(long_messages="payload", max_segments=512)


def test_no_room_beside_a_header_is_said() -> None:
    full = bytes((134, 0x70, 132)) + bytes(132)

    with pytest.raises(TextTooLong, match="no room"):
        Binary.checked(b"a" * 6, full).segment()


def test_it_is_stored_as_digits_and_read_back() -> None:
    binary = Binary.checked(b"\x00\xff", PORTS, 0xF5)

    assert {"data": "00ff", "udh": PORTS, "data_coding": 0xF5} == binary.as_dict()
    assert binary == Binary.from_dict(binary.as_dict())
