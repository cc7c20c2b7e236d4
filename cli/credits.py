"""`smsfleet credits`: what was charged in a month, the minimum, the forecast, the balance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from smsfleet.config.errors import InvalidArgument

if TYPE_CHECKING:
    from smsfleet.store.credits import Balance
    from smsfleet.workers.credits import Month, Use

MOST = 1_000_000_000
_AMOUNT = re.compile(r"-?[0-9]{1,10}(/[13])?")


class _Amount(click.ParamType):  # type: ignore[type-arg]
    """Credits, in whole thirds; as a number of thirds."""

    name = "credits"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).replace(",", "")
        if not _AMOUNT.fullmatch(text) or abs(credits_ := Fraction(text)) > MOST:
            self.fail(
                f"{value!r} must be whole credits or thirds, as 12000 or 1/3, at most {MOST}", param, ctx
            )
        return int(3 * credits_)


AMOUNT = _Amount()

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; fractions are strings, as 1/3.")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  smsfleet credits                                  this month
  smsfleet credits --month 2026-10 --client billing
  smsfleet credits --json | jq -r '.warnings[]'
  smsfleet credits balance 12000                    as Clickatell's web page shows it
  smsfleet credits topup 5000
""",
)
@click.option("--month", default="", metavar="YYYY-MM", help="This month when not given; kept for 400 days.")
@click.option("--client", help="What this application has used; minimum and forecast stay the account's.")
@_JSON
@click.pass_context
def credits(context: click.Context, *, month: str, client: str | None, as_json: bool) -> None:  # noqa: A001
    """Show what the gateway has charged in a month of the account's time zone, by our own exact count.

    A segment is charged when the gateway accepts it, and given back when it expires (010). The minimum, the
    shortfall and the forecast are those of guide §4 and §7; see docs/credits.md.
    """
    if context.invoked_subcommand is not None:
        return
    from smsfleet.tasks.app import runtime
    from smsfleet.workers.meter import read_doubt, read_month

    found = read_month(runtime(), month=month, client=client)
    if found.days_left:
        found = replace(found, doubt=read_doubt(runtime()))
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    for line in lines_of(found):
        click.echo(line)


@credits.command(
    context_settings={"ignore_unknown_options": True},  # the balance may be negative (guide §7)
    epilog="""\b
Example:
  smsfleet credits balance 12000
""",
)
@click.argument("amount", type=AMOUNT)
@_JSON
def balance(*, amount: int, as_json: bool) -> None:
    """Enter the balance of the account; from now on it is counted down by what is charged.

    SMPP cannot ask for it: read it on the gateway's web page, and enter it again from time to time.
    """
    from smsfleet.tasks.app import runtime

    now = runtime()
    _show(now.store.run(now.credits.enter(amount)), as_json=as_json)


@credits.command(
    context_settings={"ignore_unknown_options": True},
    epilog="""\b
Examples:
  smsfleet credits topup 5000
  smsfleet credits topup -3766      a debit: the shortfall of a month, or what others use of the account
""",
)
@click.argument("amount", type=AMOUNT)
@_JSON
def topup(*, amount: int, as_json: bool) -> None:
    """Add credits that were bought to the balance.

    When the gateway had refused the account (0x401), `smsfleet resume` makes it go on at once.
    """
    from smsfleet.tasks.app import runtime

    now = runtime()
    found = now.store.run(now.credits.top_up(amount))
    if found is None:
        raise InvalidArgument("no balance is known to add to: enter it with `smsfleet credits balance`")
    _show(found, as_json=as_json)


def lines_of(found: Month) -> Iterator[str]:
    """The report for people, a line each."""
    from smsfleet.workers.credits import rounded, spelled

    left = f"{found.days_left} days left" if found.days_left else "over"
    of_client = "" if found.client is None else f", client {found.client}"
    yield f"month     {found.month} ({found.time_zone}), {left}{of_client}"
    yield f"used      {_said(found.use)}"
    if found.client is not None:
        yield f"account   {spelled(found.account_used)} credits"
    if found.minimum:
        short = f"{spelled(found.shortfall)} to go" if found.shortfall else "reached"
        if not found.days_left:
            short = f"{spelled(found.shortfall)} short" if found.shortfall else "reached"
        yield f"minimum   {found.minimum:,}: {short}"
    if found.days_left:
        mean = f"{rounded(found.mean)} a day, the mean of the last {found.mean_days} days"
        basis = mean if found.mean_days else "today alone"
        yield f"forecast  {rounded(found.forecast)} at the month's end, by {basis}"
    if found.balance is not None:
        yield f"balance   {spelled(found.balance)}, as entered and counted down"
    if (doubt := found.doubt) and (doubt.attempts or not doubt.is_all):
        more = "" if doubt.is_all else "; there are others, which cannot be told apart any more"
        attempts = "1 attempt" if doubt.attempts == 1 else f"{doubt.attempts:,} attempts"
        lost = f"{attempts} of the last days whose answer was lost"
        yield f"in doubt  up to {spelled(doubt.most)}, for {lost}{more}"
    for title, groups, other in (
        ("client", found.clients, "no client"),
        ("prefix", found.prefixes, "others"),
    ):
        for name, use in groups.items():
            yield f"{title:<9} {name or other:<20} {_said(use)}"
    for warning in found.warnings:
        yield f"warning   {warning}"


def in_a_line(found: Mapping[str, Any]) -> str:
    """A month made plain, as `smsfleet status` and `top` show it; its warnings are among the alerts."""
    from smsfleet.workers.credits import rounded, spelled

    parts = [f"{spelled(Fraction(found['account_used']))} used in {found['month']}"]
    if found["minimum"]:
        parts.append(f"minimum {found['minimum']:,}")
    parts.append(f"forecast {rounded(Fraction(found['forecast']))}")
    if found["balance"] is not None:
        parts.append(f"balance {spelled(Fraction(found['balance']))}")
    return ", ".join(parts)


def _said(use: Use) -> str:
    from smsfleet.workers.credits import spelled

    back = f", {spelled(use.refunded)} given back" if use.refunded else ""
    return f"{spelled(use.used)} credits for {use.segments:,} segments{back}"


def _show(found: Balance | None, *, as_json: bool) -> None:
    from smsfleet.workers.credits import in_credits, spelled

    assert found is not None
    now = in_credits(found)
    assert now is not None
    entered = datetime.fromtimestamp(found.entered_ms // 1000, UTC)
    if as_json:
        click.echo(json.dumps({"balance": str(now), "entered": entered.isoformat()}))
    else:
        click.echo(f"balance   {spelled(now)}")
