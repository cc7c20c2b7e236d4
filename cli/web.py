"""`smsfleet web`: the operations page, and the lines of those who may log in."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from importlib.util import find_spec

import click

from smsfleet.config.errors import ConfigError

STOP_S = 5
"""How long a stop waits for open requests; streams of events end at the next look."""


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  smsfleet web user anna --role operator >> .run/secrets/web_users
  SMSFLEET_WEB_USERS_FILE=.run/secrets/web_users smsfleet web
""",
)
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port, in place of SMSFLEET_WEB_PORT.")
@click.option("--address", help="Where it listens, in place of SMSFLEET_WEB_ADDRESS (127.0.0.1).")
@click.pass_context
def web(context: click.Context, *, port: int | None, address: str | None) -> None:
    """Serve the operations page: bind, lanes, throughput, jobs, what is held.

    It asks for a name and a password of SMSFLEET_WEB_USERS_FILE and does not start without. Viewers look, and
    see numbers masked; operators see them, pause, resume, cancel and decide. It listens on 127.0.0.1: put a
    proxy with TLS in front. Needs the extra `web`.
    """
    if context.invoked_subcommand is None:
        _need_the_extra()
        _serve(port, address)


@web.command(
    epilog="""\b
Examples:
  smsfleet web user anna --role operator >> .run/secrets/web_users
  smsfleet web user bot < password >> .run/secrets/web_users
"""
)
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "operator"]), default="viewer", show_default=True)
def user(*, name: str, role: str) -> None:
    """Print the line of somebody who may log in, for SMSFLEET_WEB_USERS_FILE: a hash, and no password.

    The password is asked for twice, or is the first line of standard input; 12 characters at least.
    """
    from smsfleet.web.users import line_of

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    click.echo(line_of(name, role, password))


def _need_the_extra() -> None:
    if missing := [name for name in ("jinja2", "starlette", "uvicorn") if find_spec(name) is None]:
        raise ConfigError(f"not installed: {', '.join(missing)}; pip install 'smsfleet[web]'")


def _serve(port: int | None, address: str | None) -> None:
    import os

    import uvicorn

    from smsfleet.cli.look import look_without_campaigns
    from smsfleet.config.logs import configure, logger
    from smsfleet.config.web_settings import load_web
    from smsfleet.tasks.app import runtime
    from smsfleet.web.app import create_app
    from smsfleet.web.users import Users

    given = dict(os.environ)
    if port is not None:
        given["SMSFLEET_WEB_PORT"] = str(port)
    if address is not None:
        given["SMSFLEET_WEB_ADDRESS"] = address
    settings = load_web(given)
    users = Users.of_file(settings.users_file)
    now = runtime()
    configure(now.settings.log_level, now.settings.log_format)
    app = create_app(
        settings,
        users,
        lambda: look_without_campaigns(now),
        account=now.settings.account,
        stopping=lambda: server.should_exit,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.address,
            port=settings.port,
            log_config=None,  # the log is ours, with its masks
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=settings.proxies or "127.0.0.1",
            limit_concurrency=500,
            timeout_graceful_shutdown=STOP_S,
        )
    )
    if settings.address not in ("127.0.0.1", "::1", "localhost") and not settings.https:
        logger(__name__).warning(
            "the page listens beyond this machine without TLS: passwords can be read on the way",
            address=settings.address,
        )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises them again when it has ended, which would make a clean end look like a kill.
        signal.signal(number, lambda *_: None)
    with suppress(SystemExit):  # so uvicorn says that it cannot listen, with a code of its own
        server.run()
    if not server.started:
        raise ConfigError(f"{settings.address}:{settings.port} cannot be listened on: see the log")
