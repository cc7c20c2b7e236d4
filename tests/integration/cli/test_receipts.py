"""`smsfleet receipts`: what an operator sees of receipts that are odd."""

from __future__ import annotations

import json

import pytest
from tests.integration.store.steps import Fleet
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.client import Store
from smsfleet.store.facts import DeliveryFact

pytestmark = pytest.mark.server


def test_an_odd_receipt_is_shown_without_number_and_text_of_the_message(
    server: EmbeddedServer,
    real_store: Store,
    smsfleet: Smsfleet,  # noqa: F811
) -> None:
    deliver = DeliverSm(
        source_addr="27999100001",
        esm_class=4,
        short_message=b"id:a1 stat:WHAT text:secret",
        tlvs=((0x1400, b"\x01"),),
    )
    fleet = Fleet(real_store)
    fleet.run(fleet.facts.keep_raw(DeliveryFact(b"1-1", deliver.encode_body(), 1000), b"a1", "unknown word"))

    found = json.loads(smsfleet("receipts", "--json", redis_url=server.url).stdout)
    shown = smsfleet("receipts", redis_url=server.url)

    assert [
        {
            "received": "1970-01-01T00:00:01.000+00:00", "why": "unknown word", "message_id": "a1",
            "from": "27*******01", "esm_class": "0x04", "text": "id:a1 stat:WHAT text:", "tlvs": {"0x1400": "01"},
        }
    ] == found["receipts"]  # fmt: skip
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert "unknown word  esm_class 0x04" in shown.stdout
    assert "'id:a1 stat:WHAT text:'  0x1400=01" in shown.stdout
    assert "1 receipts" in shown.stdout
