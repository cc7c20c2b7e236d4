"""`smsfleet`: the command and its parts. Each part imports only what it needs, when it runs.

Exit codes: 0 done, 1 not as wished (a job failed, a check did), 2 wrong usage or bad argument, 69 a server
or the binder is away (EX_UNAVAILABLE), 70 a defect (EX_SOFTWARE), 75 not shown yet (EX_TEMPFAIL), 78 a
setting is wrong (EX_CONFIG), 130 Ctrl-C ended a wait.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Any, ClassVar

import click

from smsfleet.cli.checkup import REDIS_PAGE
from smsfleet.config.errors import (
    BinderSilent,
    ConfigError,
    InvalidArgument,
    NotAsked,
    ServerError,
    SmsfleetError,
    StoreForbidden,
    StoreMisconfigured,
    StoreUnavailable,
    UnknownCampaign,
    UnknownJob,
    UnknownMessage,
    WrongType,
)

EXIT_CODES: list[tuple[type[SmsfleetError], int]] = [
    (InvalidArgument, 2),
    (UnknownJob, 1),
    (UnknownCampaign, 1),
    (UnknownMessage, 1),
    (NotAsked, 1),
    (ConfigError, os.EX_CONFIG),
    (StoreMisconfigured, os.EX_CONFIG),
    (StoreForbidden, os.EX_CONFIG),
    (StoreUnavailable, os.EX_UNAVAILABLE),
    (ServerError, os.EX_UNAVAILABLE),
    (BinderSilent, os.EX_UNAVAILABLE),
    (SmsfleetError, os.EX_SOFTWARE),
]


class Group(click.Group):
    """Lists the parts without importing them."""

    parts: ClassVar[dict[str, str]] = {
        "demo": "smsfleet.cli.demo:demo",
        "binder": "smsfleet.cli.processes:binder",
        "worker": "smsfleet.cli.processes:worker",
        "simulator": "smsfleet.cli.simulator:simulator",
        "server": "smsfleet.cli.processes:server",
        "send": "smsfleet.cli.jobs:send",
        "status": "smsfleet.cli.status:status",
        "top": "smsfleet.cli.top:top",
        "doctor": "smsfleet.cli.doctor:doctor",
        "job": "smsfleet.cli.job:job",
        "jobs": "smsfleet.cli.job:jobs",
        "cancel": "smsfleet.cli.cancel:cancel",
        "campaign": "smsfleet.cli.campaign:campaign",
        "estimate": "smsfleet.cli.estimate:estimate",
        "pause": "smsfleet.cli.pause:pause",
        "resume": "smsfleet.cli.pause:resume",
        "reload": "smsfleet.cli.reload:reload",
        "compliance": "smsfleet.cli.compliance:compliance",
        "capture": "smsfleet.cli.capture:capture",
        "bind": "smsfleet.cli.bind:bind",
        "held": "smsfleet.cli.held:held",
        "dead": "smsfleet.cli.dead:dead",
        "receipts": "smsfleet.cli.receipts:receipts",
        "optout": "smsfleet.cli.optout:optout",
        "callbacks": "smsfleet.cli.callbacks:callbacks",
        "erase": "smsfleet.cli.erase:erase",
        "query": "smsfleet.cli.query:query",
        "credits": "smsfleet.cli.credits:credits",
        "acl": "smsfleet.cli.acl:acl",
        "flower": "smsfleet.cli.flower:flower",
        "web": "smsfleet.cli.web:web",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which one meets them."""
        return list(self.parts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a part when it is asked for."""
        place = self.parts.get(cmd_name)
        if place is None:
            return None
        from importlib import import_module

        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="smsfleet", prog_name="smsfleet")
def cli() -> None:
    """Let any number of applications share one Clickatell SMPP account.

    Settings come from the environment (SMSFLEET_REDIS_URL, SMSFLEET_SMPP_HOST, ...); see docs/settings.md.

    \b
    Try it:      smsfleet demo
    Send one:    smsfleet send +27999100001 "Hello" --wait 30
    """  # noqa: D301 - click reads the control character, not the two characters


def main(arguments: list[str] | None = None) -> Any:
    """The entry point: errors of ours are one line on stderr and an exit code, never a traceback."""
    _spell_out(sys.stdout)
    try:
        color = False if os.environ.get("NO_COLOR") else None  # no-color.org; None: as the terminal can
        return cli.main(args=arguments, prog_name="smsfleet", standalone_mode=True, color=color)
    except SmsfleetError as error:
        is_away = isinstance(error, StoreUnavailable) and not isinstance(error, WrongType)
        where = f" ({REDIS_PAGE})" if is_away else ""
        click.echo(f"smsfleet: {error}{where}", err=True)
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
    except UnicodeEncodeError:
        # Octets of the command line that are no UTF-8 come as surrogates: no server takes them.
        given = sys.argv[1:] if arguments is None else arguments
        odd = next((word for word in given if not _is_unicode(word)), None)
        if odd is None:
            raise
        click.echo(f"smsfleet: {odd!a} is refused: it is not UTF-8", err=True)
        sys.exit(2)


def _spell_out(stream: object) -> None:
    """Let a character that the terminal's encoding has not be shown by its number, as on standard error."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        stream.reconfigure(errors="backslashreplace")


def _is_unicode(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


if __name__ == "__main__":
    main()
