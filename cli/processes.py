"""`smsfleet binder`, `worker`, `simulator` and `server`: the long-running processes."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click


@click.command(
    epilog="""\b
Example:
  SMSFLEET_REDIS_URL=redis://redis:6379/0 SMSFLEET_SMPP_HOST=smpp.example SMSFLEET_SMPP_SYSTEM_ID=user \\
  SMSFLEET_SMPP_PASSWORD_FILE=/run/secrets/smpp SMSFLEET_SMPP_SYSTEM_TYPE=3000000 smsfleet binder
"""
)
def binder() -> None:
    """Own the one bind of the account. Start a second one as a standby: only one ever binds.

    SIGTERM finishes what is in flight, unbinds and gives the lease to a standby.
    """
    from smsfleet.cli.binder import run_binder

    asyncio.run(run_binder())


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": ["-h", "--help"],
    },
    epilog="""\b
Examples:
  smsfleet worker
  smsfleet worker --queues sms.high --concurrency 4
The same by Celery's own command:
  celery -A smsfleet.tasks worker
""",
)
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED)
def worker(celery_options: tuple[str, ...]) -> None:
    """Run a Celery worker of this fleet; any number may run, on any number of machines.

    Further options are Celery's (`celery -A smsfleet.tasks worker --help`).
    """
    from smsfleet.tasks import app
    from smsfleet.tasks.app import runtime

    settings = runtime().settings
    runtime().require_durable_store()  # Celery would log it and exit 0
    if settings.metrics:  # the same
        from smsfleet.ops.http import require_free

        require_free(settings.metrics)
    options = ["--loglevel", settings.log_level, "--without-gossip", "--without-mingle"]
    app.worker_main(["worker", *options, *with_the_pool_meant(celery_options)])


def with_the_pool_meant(celery_options: Sequence[str]) -> list[str]:
    """Celery's options, with `prefork` by the other name that Celery has for it.

    `--pool prefork` is Celery's default, so it takes it for nothing said and uses the pool of the settings.
    """
    options = list(celery_options)
    for at, option in enumerate(options):
        if option == "prefork" and at and options[at - 1] in ("-P", "--pool"):
            options[at] = "processes"
        else:
            options[at] = re.sub("^(-P|--pool)(=?)prefork$", r"\1\2processes", option)
    return options


@click.command(
    epilog="""\b
Example:
  smsfleet server --folder ./redis-data --port 6379
"""
)
@click.option(
    "--folder",
    default=".run/server",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the data is kept.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=6379,
    show_default=True,
    help="TCP port on 127.0.0.1; 0 for a free one.",
)
@click.option(
    "--fsync",
    default="everysec",
    type=click.Choice(["everysec", "always"]),
    show_default=True,
    help="`always` loses nothing at a power cut, and is about a third slower.",
)
def server(*, folder: Path, port: int, fsync: str) -> None:
    """Run the embedded Redis-compatible server, with the append-only file on and nothing evicted.

    For the demo, tests and small installations. It ends with SIGTERM or Ctrl-C; the data stays.
    """
    from smsfleet.cli.embedded import EmbeddedServer

    started = EmbeddedServer(folder, port, fsync).start()
    click.echo(f"SMSFLEET_REDIS_URL={started.url}  data in {folder}", err=True)
    assert started.process is not None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.exit(started.process.wait())
    except KeyboardInterrupt:
        sys.exit(0)
    finally:
        started.stop()
