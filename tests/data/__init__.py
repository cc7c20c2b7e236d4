"""Data files of the tests, and how they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smsfleet.smpp.pdu import DeliverSm

FOLDER = Path(__file__).parent
SOURCE = "27999100001"


def receipts() -> list[dict[str, Any]]:
    """The corpus of receipts: octets as Latin-1, TLVs by their tags in hexadecimal, and the expected reading."""
    return [json.loads(line) for line in (FOLDER / "receipts.jsonl").read_text().splitlines()]


def deliver_of(row: dict[str, Any]) -> DeliverSm:
    """The deliver_sm of a row; one with both short_message and message_payload is of a gateway that errs."""
    tlvs = [(int(tag, 16), value.encode("latin-1")) for tag, value in row.get("tlvs", {}).items()]
    if "message_payload" in row:
        tlvs.append((0x0424, row["message_payload"].encode("latin-1")))
    return DeliverSm(
        source_addr=SOURCE,
        esm_class=row["esm_class"],
        data_coding=row.get("data_coding", 0),
        short_message=row["short_message"].encode("latin-1"),
        tlvs=tuple(tlvs),
    )
