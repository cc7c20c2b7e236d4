"""The journal's lines that there are for every message, as json.dumps would write them, but sooner.

A test holds each of them to json.dumps.
"""

from __future__ import annotations

import json
from typing import Final

from smsfleet.simulator.behaviour import SubmitAnswer
from smsfleet.simulator.deliveries import Sent
from smsfleet.smpp.constants import (
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
)
from smsfleet.smpp.message import SubmitSm

SAR_TLVS: Final = (TLV_SAR_MSG_REF_NUM, TLV_SAR_TOTAL_SEGMENTS, TLV_SAR_SEGMENT_SEQNUM)
"""How parts of a text are told without a header, as the journal shows them."""

_json = json.JSONEncoder(separators=(",", ":")).encode


def submit_sm(at: float, connection: int, message: SubmitSm, answer: SubmitAnswer, *, answered: bool) -> str:
    """A submit_sm, and how it is answered."""
    parts = [message.tlv(tag) for tag in SAR_TLVS] if message.tlvs else []
    sar = f',"sar":{_json([int.from_bytes(value or b"") for value in parts])}' if any(parts) else ""
    return (
        f'{{"at":{round(at, 6)!r},"event":"submit_sm","connection":{connection}'
        f',"destination":{_text(message.destination_addr)},"source":{_text(message.source_addr)}'
        f',"esm_class":{message.esm_class},"data_coding":{message.data_coding}'
        f',"registered_delivery":{message.registered_delivery}'
        f',"short_message":"{message.user_data.hex()}","status":{answer.command_status}'
        f',"message_id":{_text(answer.message_id)},"answered":{"true" if answered else "false"}'
        f"{sar}}}"
    )


def delivery(event: str, at: float, connection: int, sent: Sent, status: int | None = None) -> str:
    """An attempt to deliver, or what became of it; the status is that of its answer."""
    what = sent.delivery
    stat = f',"stat":{_json(what.stat)}' if what.stat else ""
    answer = "" if status is None else f',"status":{status}'
    return (
        f'{{"at":{round(at, 6)!r},"event":"{event}","connection":{connection},"delivery":{what.number}'
        f',"attempt":{sent.attempt},"message_id":{_text(what.message_id)}{stat}{answer}}}'
    )


def _text(octets: bytes) -> str:
    return _json(octets.decode("latin-1"))
