"""`smsfleet estimate`: what a text will take and cost, and the options that decide it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from smsfleet.workers.estimate import Estimate

NAMED_AT_MOST = 10


def text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `send` and `estimate` that decide how a text becomes segments."""
    for option in (
        click.option(
            "--long-messages",
            type=click.Choice(["udh", "payload", "sar"]),
            help="How several segments travel; payload and sar need SMPP 3.4. The setting when not given.",
        ),
        click.option(
            "--transliterate",
            type=click.Choice(["off", "typographic", "lossy"]),
            help="Replace characters where that makes the text GSM. The setting when not given.",
        ),
        click.option(
            "--encoding", default="auto", type=click.Choice(["auto", "gsm", "ucs2"]), show_default=True
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  smsfleet estimate "Grüße aus Köln"
  smsfleet estimate "Sale… 50 % off" --to 27999100001 --json
  smsfleet estimate "Sale… 50 % off" --transliterate typographic
"""
)
@click.argument("text")
@click.option("--to", help="A destination: test numbers cost a third of a credit (guide §3).")
@text_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate(text: str, *, to: str | None, as_json: bool, **options: Any) -> None:
    """Say how a text would be sent: encoding and why, segments, credits, and what would save some.

    With the settings that send_sms would have. Nothing is sent, no server is needed.
    """
    from smsfleet.config.settings import load
    from smsfleet.workers.estimate import as_configured

    found = as_configured(load(), text, to=to, **options)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        _show(found)


def _show(found: Estimate) -> None:
    units = "septets" if found.encoding == "gsm0338" else "UTF-16 units"
    click.echo(f"encoding  {found.encoding}")
    click.echo(f"segments  {found.segments} ({found.units} {units}, {found.units_left} left in the last)")
    click.echo(f"credits   {found.credits}")
    if found.replaced:
        click.echo(f"replaced  {found.replaced} places by transliteration")
    for foreign in found.not_gsm[:NAMED_AT_MOST]:
        character = f"{foreign.character} {foreign.code_point} {foreign.name}"
        click.echo(f"not GSM   {character} at position {foreign.position}")
    if len(found.not_gsm) > NAMED_AT_MOST:
        click.echo(f"          and {len(found.not_gsm) - NAMED_AT_MOST} more")
    for saving in found.savings:
        made = f"{saving.segments} segments, {saving.credits} credits, {saving.replaced} places replaced"
        click.echo(f"saving    --transliterate {saving.transliterate}: {made}")
    for remark in found.remarks:
        click.echo(f"remark    {remark}")
