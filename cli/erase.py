"""`smsfleet erase`: what is kept of a person's number is removed."""

from __future__ import annotations

import json
import sys

import click

from smsfleet.cli.job import progress_bar
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.logs import configure
from smsfleet.config.masking import mask_number

STILL_OPEN = 1


@click.command(
    epilog="""\b
Exit codes: 0 all that is kept was erased, 1 jobs to the number are still on their way: run it again later.
Examples:
  smsfleet erase +27999100001
  smsfleet erase 27999100001 --yes --json
"""
)
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; needs --yes.")
def erase(number: str, *, yes: bool, as_json: bool) -> None:
    """Remove a number and the texts to it and from it; jobs stay, with the number masked.

    Jobs that no worker has admitted are cancelled. Those on their way are left and named: they need the
    number until they are answered. Backups, the server's append-only file until it is rewritten, and what
    others were told are not reached.
    """
    from smsfleet.store.search import Search
    from smsfleet.tasks.app import runtime
    from smsfleet.workers.addresses import destination
    from smsfleet.workers.erasing import Eraser

    now = runtime()
    digits = destination(number, default_country_code=now.settings.default_country_code or None)
    masked = mask_number(digits)
    if as_json and not yes:
        raise InvalidArgument("--json asks nothing: it needs --yes")
    if not yes:
        click.confirm(f"remove what is kept of {masked}? It cannot be brought back", abort=True)
    configure("WARNING", "console")  # what is cancelled is counted below
    with progress_bar("looking", now.store.run(Search(now.keys).keys_held())) as bar:
        erased = Eraser(now, digits).run(bar.update)
    if as_json:
        values = {
            "number": masked, "jobs": erased.jobs, "cancelled": erased.cancelled, **erased.entries,
            "open": erased.open, "ids_with_the_number": erased.named,
        }  # fmt: skip
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(
            f"{masked}: {erased.jobs} jobs masked and their texts deleted, {erased.cancelled} cancelled"
        )
        for name, count in erased.entries.items():
            click.echo(f"{count} {name} deleted")
        for job_id in erased.open:
            click.echo(f"still open: {job_id}")
        if erased.named:
            click.echo(f"{len(erased.named)} job ids hold the number: they stay, applications chose them")
    if erased.open:
        sys.exit(STILL_OPEN)
