"""`smsfleet campaign start`: the rows of a file become a campaign, and go on becoming it after a kill."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from smsfleet.cli.campaign_file import campaign_options, described, opened, walked_through
from smsfleet.cli.campaign_progress import follow, show
from smsfleet.cli.times import INTERRUPTED, SECONDS, WHEN
from smsfleet.config.errors import StoreUnavailable, UnknownCampaign

if TYPE_CHECKING:
    from smsfleet.tasks.campaign import Campaign
    from smsfleet.tasks.recipients import Recipients

JSON_S = 1.0
"""How often a script is told how many rows are taken."""

LONGEST_NAME = 100

NOT_AS_WISHED = 1


@click.command(
    epilog="""\b
Exit codes: 0 all rows are taken (with --follow: and nothing more is expected of it), 1 with --follow: not in
time, or it was cancelled, 2 the file or the text cannot be used, 69 Redis is away, 130 Ctrl-C.
Run the same command again after any of them but 2: it goes on where it was, no row is sent twice.
Examples:
  smsfleet campaign start people.csv --text "Hello {name}"
  smsfleet campaign start people.csv --text "Sale" --rate 50 --validity 14400 --name autumn --follow
  smsfleet campaign start people.csv --text "Hello" --at 2027-01-31T08:00+02:00 --json | jq -r .campaign_id
  zcat people.csv.gz | smsfleet campaign start - --text "Sale" --idempotency-key autumn-2026
"""
)
@campaign_options
@click.option("--name", help="For people; the name of the file when not given.")
@click.option("--at", type=WHEN, help="Seconds from now, or an ISO 8601 time, at which it begins.")
@click.option("--on-ambiguous", help="resend, hold, hold_then_resend or fail; the lane's when not given.")
@click.option("--callback", help="task:NAME@QUEUE or https://...: called about each status.")
@click.option("--idempotency-key", help="The same key is the same campaign; of file and text when not given.")
@click.option("--follow", "follows", is_flag=True, help="Then show it until nothing more is expected of it.")
@click.option("--timeout", type=SECONDS, default=math.inf, help="Follow for so many seconds at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a line each time.")
def start(  # noqa: PLR0913 - the options of the command
    file: str,
    text: str,
    *,
    no_template: bool,
    name: str | None,
    idempotency_key: str | None,
    follows: bool,
    timeout: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Send one text to the rows of a file: a campaign, that workers send while rows are still taken.

    FILE is CSV or JSON lines, `-` for standard input. Without --idempotency-key the key is made of the file's
    contents and the text: the same command after a kill or Ctrl-C goes on with the same campaign, and sends
    nothing twice. `smsfleet campaign plan` says before what would be sent.
    """
    from smsfleet.tasks import start_campaign

    with opened(file, options) as recipients:
        key = idempotency_key or recipients.key_of(text)
        before = _known(key)
        is_whole = before is not None and before.progress().submitted
        if not as_json:
            click.echo(f"file            {described(recipients)}")
        with _Shown(recipients, _begins(key, before), as_json=as_json) as shown, _Interrupted(key) as told:

            def progress(rows: int) -> None:
                told.rows = rows
                shown.taken(rows)
                if as_json:
                    told.line(recipients)

            campaign = start_campaign(
                recipients,
                text,
                name=_name_of(recipients) if name is None else name,
                template=not no_template,
                idempotency_key=key,
                on_progress=progress,
                **{option: value for option, value in options.items() if value is not None},
            )
            shown.begun()
    found = campaign.progress()
    if is_whole and not as_json:
        click.echo(
            f"nothing new: these rows with this text are campaign {campaign.id}, which has all of them;"
            " another --idempotency-key sends them again"
        )
    if as_json:
        click.echo(json.dumps({"event": "taken", "known_before": before is not None, **found.as_dict()}))
    else:
        show(found, as_json=False)
    if not follows:
        return
    found = follow(campaign, as_json=as_json, timeout=timeout)
    if not as_json:
        show(found, as_json=False)
    if found.state != "finished":
        sys.exit(NOT_AS_WISHED)


class _Shown:
    """Tells a person which campaign it is, and how far, once the options are accepted."""

    def __init__(self, recipients: Recipients, begins: str, *, as_json: bool) -> None:
        self._recipients = recipients
        self._begins = "" if as_json else begins
        self._bar = ExitStack()
        self._walked: Callable[[int], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def begun(self) -> None:
        """The campaign is accepted. Said once."""
        if self._begins:
            click.echo(self._begins)
            self._begins = ""

    def taken(self, rows: int) -> None:
        """So many rows are taken."""
        self.begun()
        if self._walked is None:
            self._walked = self._bar.enter_context(walked_through(self._recipients, "taking rows"))
        self._walked(rows)


class _Interrupted:
    """Says how to go on when the submission ends before all rows are taken."""

    def __init__(self, key: str) -> None:
        self.rows = 0
        self._key = key
        self._spoke_at = -math.inf

    def line(self, recipients: Recipients) -> None:
        """For a script: how many rows are taken, once in a while."""
        if time.monotonic() >= self._spoke_at + JSON_S:
            self._spoke_at = time.monotonic()
            read = {"octets_read": recipients.octets_read, "octets": recipients.octets}
            click.echo(json.dumps({"event": "taking", "rows": self.rows, **read}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, StoreUnavailable):
            raise StoreUnavailable(
                f"{error}; {self.rows:,} rows are taken, the same command goes on"
            ) from None
        if isinstance(error, KeyboardInterrupt):
            rows = self._taken()
            click.echo(
                f"\n{rows:,} rows are taken and being sent; the same command goes on with the others,"
                f"\nsmsfleet campaign cancel {self._key} sends nothing more",
                err=True,
            )
            sys.exit(INTERRUPTED)

    def _taken(self) -> int:
        """As Redis has them: what was interrupted may be the telling of a chunk that is taken."""
        try:
            campaign = _known(self._key)
            return self.rows if campaign is None else campaign.counts().rows
        except StoreUnavailable:
            return self.rows


def _known(key: str) -> Campaign | None:
    from smsfleet.tasks import find_campaign

    try:
        return find_campaign(key)
    except UnknownCampaign:
        return None


def _begins(key: str, before: Campaign | None) -> str:
    """Which campaign it is, as it was before any row of this run."""
    if before is None:
        return f"new campaign, key {key}: the same command goes on with it after a kill or Ctrl-C"
    found = before.progress()
    if found.submitted:
        return f"campaign {before.id} has all of its rows: these are compared with them"
    return f"campaign {before.id} goes on behind its first {found.counts.rows:,} rows"


def _name_of(recipients: Recipients) -> str:
    name = os.path.basename(recipients.name)[:LONGEST_NAME]  # noqa: PTH119 - that of a stream is no path
    return "".join(character if character.isprintable() else "?" for character in name)
