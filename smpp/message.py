"""The body that submit_sm and deliver_sm share (SMPP 3.4 §4.4.1, §4.6.1).

Bodies travel without their header: workers build them, the binder frames them, and what the gateway
delivers is stored raw and decoded by the workers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Self

from smsfleet.config.errors import EncodeError
from smsfleet.smpp.constants import (
    ADDRESS_OCTETS,
    HEADER_OCTETS,
    MAX_PDU_OCTETS,
    SERVICE_TYPE_OCTETS,
    SHORT_MESSAGE_OCTETS,
    SMPP_3_4,
    TIME_OCTETS,
    TLV_MESSAGE_PAYLOAD,
)
from smsfleet.smpp.fields import (
    Text,
    ascii_octets,
    check_octet,
    encode_c_octets,
    encode_time,
)
from smsfleet.smpp.parsing import check, parse, registered_delivery_at
from smsfleet.smpp.tlv import Tlv, encode_tlvs, find_tlv


# init=False: the constructor is written out, so that it takes str or bytes while the fields are bytes.
@dataclass(frozen=True, slots=True, init=False)
class _Message:
    """The fields in the order of the wire; the names are SMPP's. sm_length is len(short_message)."""

    service_type: bytes
    source_addr_ton: int
    source_addr_npi: int
    source_addr: bytes
    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: bytes
    esm_class: int
    protocol_id: int
    priority_flag: int
    schedule_delivery_time: bytes
    validity_period: bytes
    registered_delivery: int
    replace_if_present_flag: int
    data_coding: int
    sm_default_msg_id: int
    short_message: bytes
    tlvs: tuple[Tlv, ...]

    _strict: ClassVar[bool]

    def __init__(  # noqa: PLR0913, PLR0917 - the fields of the PDU; grouping them would hide SMPP's names
        self,
        service_type: Text = b"",
        source_addr_ton: int = 0,
        source_addr_npi: int = 0,
        source_addr: Text = b"",
        dest_addr_ton: int = 1,
        dest_addr_npi: int = 1,
        destination_addr: Text = b"",
        esm_class: int = 0,
        protocol_id: int = 0,
        priority_flag: int = 0,
        schedule_delivery_time: Text = b"",
        validity_period: Text = b"",
        registered_delivery: int = 0,
        replace_if_present_flag: int = 0,
        data_coding: int = 0,
        sm_default_msg_id: int = 0,
        short_message: bytes = b"",
        tlvs: tuple[Tlv, ...] = (),
    ) -> None:
        put = object.__setattr__  # the only way past frozen=True
        put(self, "service_type", ascii_octets("service_type", service_type))
        put(self, "source_addr_ton", source_addr_ton)
        put(self, "source_addr_npi", source_addr_npi)
        put(self, "source_addr", ascii_octets("source_addr", source_addr))
        put(self, "dest_addr_ton", dest_addr_ton)
        put(self, "dest_addr_npi", dest_addr_npi)
        put(self, "destination_addr", ascii_octets("destination_addr", destination_addr))
        put(self, "esm_class", esm_class)
        put(self, "protocol_id", protocol_id)
        put(self, "priority_flag", priority_flag)
        put(self, "schedule_delivery_time", ascii_octets("schedule_delivery_time", schedule_delivery_time))
        put(self, "validity_period", ascii_octets("validity_period", validity_period))
        put(self, "registered_delivery", registered_delivery)
        put(self, "replace_if_present_flag", replace_if_present_flag)
        put(self, "data_coding", data_coding)
        put(self, "sm_default_msg_id", sm_default_msg_id)
        put(self, "short_message", short_message)
        put(self, "tlvs", tuple(tlvs))

    def encode_body(self, *, interface_version: int = SMPP_3_4) -> bytes:
        """The PDU without its header.

        `interface_version` 0x33 refuses TLVs, which SMPP 3.3 does not have.
        Raises EncodeError naming the field and its limit; nothing is ever cut.
        """
        self._check_payload()
        if self.tlvs and interface_version < SMPP_3_4:
            raise EncodeError("SMPP 3.3 has no TLVs: send the text in short_message segments")
        body = b"".join(
            (
                encode_c_octets("service_type", self.service_type, SERVICE_TYPE_OCTETS),
                self._octets("source_addr_ton", "source_addr_npi"),
                encode_c_octets("source_addr", self.source_addr, ADDRESS_OCTETS),
                self._octets("dest_addr_ton", "dest_addr_npi"),
                encode_c_octets("destination_addr", self.destination_addr, ADDRESS_OCTETS),
                self._octets("esm_class", "protocol_id", "priority_flag"),
                encode_time("schedule_delivery_time", self.schedule_delivery_time, TIME_OCTETS),
                encode_time("validity_period", self.validity_period, TIME_OCTETS),
                self._octets("registered_delivery", "replace_if_present_flag"),
                self._octets("data_coding", "sm_default_msg_id"),
                bytes((len(self.short_message),)),
                self.short_message,
                encode_tlvs(self.tlvs),
            )
        )
        if HEADER_OCTETS + len(body) > MAX_PDU_OCTETS:
            raise EncodeError(
                f"a PDU of {HEADER_OCTETS + len(body)} octets; at most {MAX_PDU_OCTETS} are sent"
            )
        return body

    @classmethod
    def decode_body(cls, body: bytes) -> Self:
        """The message in a body as it came. Raises PduError with the command_status to answer."""
        message, put = object.__new__(cls), object.__setattr__  # the constructor would look at each again
        for name, value in zip(_NAMES, parse(body, strict=cls._strict), strict=True):
            put(message, name, value)
        return message

    @classmethod
    def check_body(cls, body: bytes) -> None:
        """Raise what `decode_body` would raise, without building the message."""
        check(body, strict=cls._strict)

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first TLV with this tag, or None."""
        return find_tlv(self.tlvs, tag)

    @property
    def user_data(self) -> bytes:
        """The octets of the message: message_payload where it is used, else short_message (guide §11)."""
        payload = find_tlv(self.tlvs, TLV_MESSAGE_PAYLOAD)
        return self.short_message if payload is None else payload

    def _octets(self, *names: str) -> bytes:
        return bytes([check_octet(name, getattr(self, name)) for name in names])

    def _check_payload(self) -> None:
        if len(self.short_message) > SHORT_MESSAGE_OCTETS:
            raise EncodeError(
                f"short_message has {len(self.short_message)} octets; at most {SHORT_MESSAGE_OCTETS} are "
                "allowed, longer ones go into the message_payload TLV"
            )
        payloads = sum(tag == TLV_MESSAGE_PAYLOAD for tag, _ in self.tlvs)
        if payloads > 1 or (payloads and self.short_message):
            raise EncodeError(
                "one of short_message and one message_payload may be used, never both (guide §11)"
            )


_NAMES = tuple(field.name for field in fields(_Message))


@dataclass(frozen=True, slots=True, init=False)
class SubmitSm(_Message):
    """A message to be sent (SMPP 3.4 §4.4.1). Decoding is strict: it judges what an ESME sends."""

    _strict: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, init=False)
class DeliverSm(_Message):
    """A receipt or an incoming message (SMPP 3.4 §4.6.1). Decoding is liberal in what the fields hold."""

    _strict: ClassVar[bool] = False


def without_receipts(body: bytes) -> bytes:
    """A submit_sm body with registered_delivery 0, as a transmitter-only bind must send it (guide §5 step 4).

    Raises PduError for a body that is no submit_sm.
    """
    at = registered_delivery_at(body)
    return body[:at] + b"\0" + body[at + 1 :]


def has_tlvs(body: bytes) -> bool:
    """Whether a submit_sm body goes on behind short_message. Raises PduError for no submit_sm body."""
    sm_length_at = registered_delivery_at(body) + 4
    return len(body) > sm_length_at + 1 + body[sm_length_at]
