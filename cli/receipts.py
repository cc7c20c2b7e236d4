"""`smsfleet receipts`: receipts as they came, those that the time-line of a job does not tell all of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from smsfleet.cli.limits import limit_option
from smsfleet.config.errors import PduError
from smsfleet.config.masking import mask_number
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.facts import RawReceipt
from smsfleet.tasks.app import runtime


@click.command(
    epilog="""\b
Examples:
  smsfleet receipts
  smsfleet receipts --json | jq -r '.receipts[] | select(.why == "unknown word").text'
"""
)
@limit_option(50, "Receipts", most=10_000)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def receipts(*, limit: int, as_json: bool) -> None:
    """Show odd receipts as they came, the newest first: unknown words, contradictions, missing flags.

    The number is masked, and the beginning of the message's own text behind `text:` is left out.
    """
    now = runtime()
    rows = [_row(found) for found in now.store.run(now.facts.raw_receipts(limit))]
    if as_json:
        click.echo(json.dumps({"receipts": rows}, indent=2))
        return
    for row in rows:
        tlvs = "".join(f"  {tag}={value}" for tag, value in row["tlvs"].items())
        click.echo(f"{row['received']}  {row['why'] or 'kept as all are'}  esm_class {row['esm_class']}")
        click.echo(f"    {row['text']!r}{tlvs}")
    click.echo(f"{len(rows)} receipts")


def _row(found: RawReceipt) -> dict[str, Any]:
    received = datetime.fromtimestamp(found.received_ms / 1000, UTC).isoformat(timespec="milliseconds")
    row = {"received": received, "why": found.why, "message_id": found.message_id.decode("latin-1")}
    try:
        deliver = DeliverSm.decode_body(found.body)
    except PduError as error:  # it was read before: another version may have kept it
        return {**row, "from": None, "esm_class": None, "text": f"(cannot be read: {error})", "tlvs": {}}
    text, mark, _ = deliver.user_data.decode("latin-1").partition("text:")
    return {
        **row,
        "from": mask_number(deliver.source_addr.decode("latin-1")),
        "esm_class": f"0x{deliver.esm_class:02X}",
        "text": text + mark,
        "tlvs": {f"0x{tag:04X}": value.hex() for tag, value in deliver.tlvs if tag != 0x0424},
    }
