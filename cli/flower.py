"""`smsfleet flower`: Celery's own monitor on this fleet, with a password, and unable to change anything."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

import click

from smsfleet.config.errors import ConfigError, InvalidArgument

OURS = (
    "basic-auth", "basic_auth", "address", "port", "read-only", "read_only", "url-prefix", "url_prefix",
    "auth", "unix-socket", "unix_socket", "max-tasks", "max_tasks", "conf", "debug",
)  # fmt: skip
"""Options of Flower that are settings of ours, or would undo them."""


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": ["-h", "--help"],
    },
    epilog="""\b
Examples:
  SMSFLEET_FLOWER_BASIC_AUTH_FILE=/run/secrets/flower_basic_auth smsfleet flower
  smsfleet flower --port 8555 --natural-time=True
""",
)
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port, in place of SMSFLEET_FLOWER_PORT.")
@click.option("--address", help="Where it listens, in place of SMSFLEET_FLOWER_ADDRESS (127.0.0.1).")
@click.argument("flower_options", nargs=-1, type=click.UNPROCESSED)
def flower(*, port: int | None, address: str | None, flower_options: tuple[str, ...]) -> None:
    """Run Flower on this fleet: its workers, tasks and queues in a browser.

    It asks for the user and password of SMSFLEET_FLOWER_BASIC_AUTH_FILE and does not start without. It is
    read-only and listens on 127.0.0.1, unless settings say otherwise. Tasks are named by job ids; no number
    and no text is in them. Needs the extra `flower`. Further options are Flower's.
    """
    from smsfleet.config.flower_settings import load_flower

    if find_spec("flower") is None:
        raise ConfigError("Flower is not installed: pip install 'smsfleet[flower]'")
    for option in flower_options:
        name = option.lstrip("-").partition("=")[0]
        if name in OURS:
            raise InvalidArgument(
                f"--{name} is not passed on: set SMSFLEET_FLOWER_{name.replace('-', '_').upper()}"
                " where there is such a setting (docs/flower.md)"
            )
    given = dict(os.environ)
    if port is not None:
        given["SMSFLEET_FLOWER_PORT"] = str(port)
    if address is not None:
        given["SMSFLEET_FLOWER_ADDRESS"] = address
    settings = load_flower(given)
    _check_known(flower_options)
    for name in [name for name in os.environ if name.startswith("FLOWER_")]:
        del os.environ[name]  # Flower would let them go before what is set below
    _serve(settings, flower_options)


def _check_known(given: tuple[str, ...]) -> None:
    """Flower passes over what it does not know, in silence."""
    from flower.options import options

    for option in given:
        name, equals, _ = option.lstrip("-").partition("=")
        if not (equals and option.startswith("--") and name in options):
            shown = option.partition("=")[0]
            raise InvalidArgument(
                f"{shown} is no option of Flower: give --NAME=VALUE, such as --natural-time=True"
            )


def _serve(settings: Any, further: tuple[str, ...]) -> None:
    import tornado.web
    from flower.options import options
    from flower.views import monitor

    from smsfleet.config.logs import configure
    from smsfleet.tasks import app
    from smsfleet.tasks.app import runtime

    configure(runtime().settings.log_level, runtime().settings.log_format)
    options.logging = None  # the log is ours, with its masks
    # Not by argv or environment, where other processes of this user could read them.
    options.basic_auth = settings.pairs
    # Flower itself gives its counters to anybody; /healthcheck says OK to anybody, and no more.
    monitor.Metrics.get = tornado.web.authenticated(monitor.Metrics.get)
    arguments = [
        f"--address={settings.address}",
        f"--port={settings.port}",
        f"--read-only={settings.read_only}",
        f"--max-tasks={settings.max_tasks}",
        f"--conf={os.devnull}",  # no flowerconfig.py of the folder in which this was started
    ]
    if settings.root_path:
        arguments.append(f"--url-prefix={settings.root_path.lstrip('/')}")
    sys.argv = ["smsfleet"]  # Flower takes the program's name from it
    try:
        app.start(["flower", *arguments, *further])
    except OSError as error:
        raise ConfigError(
            f"{settings.address}:{settings.port} cannot be listened on: {error.strerror or error}"
        ) from error
