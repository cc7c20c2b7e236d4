"""Numbers of SMPP 3.4: commands, TLV tags, bit fields and size limits, as plain ints.

They are ints and never enums, so that a value nobody foresaw (a vendor status, a new TLV) passes through.
Sizes of C-octet strings count their NUL (SMPP 3.4 §3.1).
"""

from __future__ import annotations

from typing import Final, Literal

# --- commands (SMPP 3.4 §5.1.2.1) --------------------------------------------------------------

RESP: Final = 0x8000_0000
"""The bit that makes a response of a request's command_id."""

BIND_RECEIVER: Final = 0x01
BIND_TRANSMITTER: Final = 0x02
QUERY_SM: Final = 0x03
SUBMIT_SM: Final = 0x04
DELIVER_SM: Final = 0x05
UNBIND: Final = 0x06
BIND_TRANSCEIVER: Final = 0x09
ENQUIRE_LINK: Final = 0x15

GENERIC_NACK: Final = 0x8000_0000
BIND_RECEIVER_RESP: Final = BIND_RECEIVER | RESP
BIND_TRANSMITTER_RESP: Final = BIND_TRANSMITTER | RESP
QUERY_SM_RESP: Final = QUERY_SM | RESP
SUBMIT_SM_RESP: Final = SUBMIT_SM | RESP
DELIVER_SM_RESP: Final = DELIVER_SM | RESP
UNBIND_RESP: Final = UNBIND | RESP
BIND_TRANSCEIVER_RESP: Final = BIND_TRANSCEIVER | RESP
ENQUIRE_LINK_RESP: Final = ENQUIRE_LINK | RESP

COMMAND_NAMES: Final[dict[int, str]] = {
    BIND_RECEIVER: "bind_receiver",
    BIND_TRANSMITTER: "bind_transmitter",
    QUERY_SM: "query_sm",
    SUBMIT_SM: "submit_sm",
    DELIVER_SM: "deliver_sm",
    UNBIND: "unbind",
    BIND_TRANSCEIVER: "bind_transceiver",
    ENQUIRE_LINK: "enquire_link",
    GENERIC_NACK: "generic_nack",
    BIND_RECEIVER_RESP: "bind_receiver_resp",
    BIND_TRANSMITTER_RESP: "bind_transmitter_resp",
    QUERY_SM_RESP: "query_sm_resp",
    SUBMIT_SM_RESP: "submit_sm_resp",
    DELIVER_SM_RESP: "deliver_sm_resp",
    UNBIND_RESP: "unbind_resp",
    BIND_TRANSCEIVER_RESP: "bind_transceiver_resp",
    ENQUIRE_LINK_RESP: "enquire_link_resp",
}


def command_name(command_id: int) -> str:
    """The name of a command for people; an unknown one is shown as its number."""
    return COMMAND_NAMES.get(command_id) or f"command 0x{command_id:08X}"


BindMode = Literal["transceiver", "transmitter", "receiver"]

BIND_COMMANDS: Final[dict[BindMode, int]] = {
    "transceiver": BIND_TRANSCEIVER,
    "transmitter": BIND_TRANSMITTER,
    "receiver": BIND_RECEIVER,
}
BIND_MODES: Final[dict[int, BindMode]] = {command: mode for mode, command in BIND_COMMANDS.items()}

# --- versions ----------------------------------------------------------------------------------

SMPP_3_3: Final = 0x33
SMPP_3_4: Final = 0x34

# --- TLV tags (SMPP 3.4 §5.3.2) ----------------------------------------------------------------

TLV_RECEIPTED_MESSAGE_ID: Final = 0x001E
TLV_USER_MESSAGE_REFERENCE: Final = 0x0204
TLV_SAR_MSG_REF_NUM: Final = 0x020C
TLV_SAR_TOTAL_SEGMENTS: Final = 0x020E
TLV_SAR_SEGMENT_SEQNUM: Final = 0x020F
TLV_SC_INTERFACE_VERSION: Final = 0x0210
TLV_NETWORK_ERROR_CODE: Final = 0x0423
TLV_MESSAGE_PAYLOAD: Final = 0x0424
TLV_MORE_MESSAGES_TO_SEND: Final = 0x0426
TLV_MESSAGE_STATE: Final = 0x0427

# --- esm_class (SMPP 3.4 §5.2.12) --------------------------------------------------------------

ESM_RECEIPT: Final = 0x04
ESM_SME_ACK: Final = 0x08
ESM_USER_ACK: Final = 0x10
ESM_INTERMEDIATE: Final = 0x20
ESM_UDHI: Final = 0x40
ESM_REPLY_PATH: Final = 0x80
ESM_TYPE_MASK: Final = 0x3C
"""The bits that tell what kind of message a deliver_sm carries; 0 = an ordinary message."""

# --- registered_delivery (SMPP 3.4 §5.2.17) ----------------------------------------------------

RECEIPT_NONE: Final = 0x00
RECEIPT_ALWAYS: Final = 0x01
RECEIPT_ON_FAILURE: Final = 0x02
RECEIPT_INTERMEDIATE: Final = 0x10

# --- data_coding (SMPP 3.4 §5.2.19; the gateway's default alphabet is GSM, guide §4) -----------

CODING_DEFAULT: Final = 0x00
CODING_ASCII: Final = 0x01
CODING_BINARY: Final = 0x04
CODING_LATIN_1: Final = 0x03
CODING_UCS2: Final = 0x08

# --- message_state (SMPP 3.4 §5.2.28) ----------------------------------------------------------

STATE_ENROUTE: Final = 1
STATE_DELIVERED: Final = 2
STATE_EXPIRED: Final = 3
STATE_DELETED: Final = 4
STATE_UNDELIVERABLE: Final = 5
STATE_ACCEPTED: Final = 6
STATE_UNKNOWN: Final = 7
STATE_REJECTED: Final = 8

# --- sizes in octets (SMPP 3.4 §5.2), C-octet strings with their NUL ---------------------------

SYSTEM_ID_OCTETS: Final = 16
PASSWORD_OCTETS: Final = 9
SYSTEM_TYPE_OCTETS: Final = 13
SERVICE_TYPE_OCTETS: Final = 6
ADDRESS_OCTETS: Final = 21
LIBERAL_ADDRESS_OCTETS: Final = 65
"""What is taken from the peer: a long alphanumeric or e-mail origin is no reason to lose a message."""
ADDRESS_RANGE_OCTETS: Final = 41
MESSAGE_ID_OCTETS: Final = 65
TIME_OCTETS: Final = 17
SHORT_MESSAGE_OCTETS: Final = 254
TLV_VALUE_OCTETS: Final = 0xFFFF

HEADER_OCTETS: Final = 16
MAX_PDU_OCTETS: Final = 71_000
"""Above a submit_sm with the longest message_payload (guide §11) and room for other TLVs."""

MAX_SEQUENCE_NUMBER: Final = 0x7FFF_FFFF
"""sequence_number runs 1..0x7FFFFFFF and wraps (SMPP 3.4 §5.1.4)."""
