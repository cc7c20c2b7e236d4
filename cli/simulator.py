"""`smsfleet simulator`: run a simulated Clickatell, and tell a running one what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.times import SECONDS
from smsfleet.config.errors import ConfigError, InvalidArgument

if TYPE_CHECKING:
    from smsfleet.config.profiles import ProfileName
    from smsfleet.simulator.options import SimulatorOptions

CONTROL_PORT = 2776
_PORT = click.IntRange(0, 65535)

_CONTROL = click.option(
    "--control",
    "--port",
    "port",
    type=_PORT,
    default=CONTROL_PORT,
    show_default=True,
    envvar="SMSFLEET_SIMULATOR_CONTROL",
    help="Control port of the simulator.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  smsfleet simulator --port 2775 --journal reached.jsonl
  smsfleet simulator --option receipt_form=any --option throttle_per_s=50 --seed 7
  smsfleet simulator --control 2776
  smsfleet simulator ctl set response_delay_s=0.5 --control 2776
""",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, default=2775, show_default=True, help="TCP port; 0 for a free one.")
@click.option("--system-id", default="demo", show_default=True)
@click.option(
    "--password",
    envvar="SMSFLEET_SIMULATOR_PASSWORD",
    default="secret",
    help="1-8 characters; better by SMSFLEET_SIMULATOR_PASSWORD.",
)
@click.option("--system-type", default="3000000", show_default=True, help="The API ID that a bind must name.")
@click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), help="JSON lines of what reached it."
)
@click.option(
    "--receipt-delay",
    type=SECONDS,
    default=1.0,
    show_default=True,
    help="Seconds until a receipt.",
)
@click.option(
    "--response-delay", type=SECONDS, default=0.0, show_default=True, help="Seconds before an answer."
)
@click.option("--no-receipts", is_flag=True, help="Send no receipts.")
@click.option("--seed", type=int, help="Makes the message ids and everything random repeatable.")
@click.option(
    "--profile",
    type=click.Choice(["guide-2.4.5", "archive-2016"]),
    default="guide-2.4.5",
    show_default=True,
    help="Whose limits of binds and logins it has, and whether it knows query_sm.",
)
@click.option(
    "--option",
    "-o",
    "words",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any option of `smsfleet simulator options`; may be given often, and goes before the others.",
)
@click.option("--control", type=_PORT, help="Listen on this port of 127.0.0.1 for `ctl`; 0 for a free one.")
@click.pass_context
def simulator(context: click.Context, /, **given: Any) -> None:
    """Run a Clickatell-true SMSC to try things on: one bind, lock-out, receipts in the real form.

    The outcome follows the destination; see docs/simulator.md. SIGTERM ends it with a summary as JSON.
    """
    if context.invoked_subcommand is not None:
        return
    from smsfleet.simulator.process import run

    journal, control = given.pop("journal"), given.pop("control")
    options = _options(**given)
    try:
        run(options, journal, lambda what, port: click.echo(f"{what} {port}", err=True), control=control)
    except OSError as error:  # its port is taken, its host not here, its journal not writable
        raise ConfigError(f"the simulator cannot run: {error.strerror or error}") from None


def _options(
    *,
    receipt_delay: float,
    response_delay: float,
    no_receipts: bool,
    profile: ProfileName,
    words: tuple[str, ...],
    **same: Any,
) -> SimulatorOptions:
    from smsfleet.simulator.options import SimulatorOptions, of_profile, parse

    values = {
        **same,
        "receipt_delay_s": receipt_delay,
        "response_delay_s": response_delay,
        "receipts": not no_receipts,
        **of_profile(profile),
        **parse(_pairs(words)),
    }
    return SimulatorOptions(**values)


@simulator.command(
    epilog="""\b
Examples:
  smsfleet simulator options
  smsfleet simulator options --json | jq '.throttle_per_s'
"""
)
@_JSON
def options(*, as_json: bool) -> None:
    """List everything that `--option` and `ctl set` take, with its default."""
    from smsfleet.simulator.options import SETTABLE

    if as_json:
        known = {
            option.name: {"default": option.default, "meaning": option.metadata["meaning"]}
            for option in SETTABLE
            if option.repr
        }
        click.echo(json.dumps(known, indent=2))
        return
    for option in SETTABLE:
        default = "" if not option.repr else f" [{option.default}]"
        click.echo(f"{option.name:<28}{option.metadata['meaning']}{default}")


@simulator.group(
    epilog="""\b
Examples:
  smsfleet simulator ctl status --json
  smsfleet simulator ctl set error_share=0.3 error_status=0x14
  smsfleet simulator ctl refuse 27831234567 ESME_ROUTERR
  smsfleet simulator ctl mo "STOP" --from 27831234567
"""
)
def ctl() -> None:
    """Tell a running simulator what to do: one that was started with --control PORT."""


@ctl.command(epilog="\b\nExample:\n  smsfleet simulator ctl status --json | jq .accepted\n")
@_CONTROL
@_JSON
def status(*, port: int, as_json: bool) -> None:
    """Say what happened so far, who is bound, and what is set."""
    _do(port, "status", as_json=as_json)


@ctl.command(name="set", epilog="\b\nExample:\n  smsfleet simulator ctl set throttle_per_s=20\n")
@click.argument("words", nargs=-1, required=True, metavar="NAME=VALUE...")
@_CONTROL
@_JSON
def set_options(*, words: tuple[str, ...], port: int, as_json: bool) -> None:
    """Change options while it runs; `smsfleet simulator options` lists them."""
    _do(port, "set", _pairs(words), as_json=as_json)


@ctl.command(epilog="\b\nExample:\n  smsfleet simulator ctl refuse 2783 0x400\n")
@click.argument("destination")
@click.argument("command_status", metavar="STATUS")
@_CONTROL
@_JSON
def refuse(*, destination: str, command_status: str, port: int, as_json: bool) -> None:
    """Answer messages to a number, or to all that begin so, with an error; 0 accepts them again."""
    _do(port, "refuse", {"destination": destination, "status": command_status}, as_json=as_json)


@ctl.command(
    epilog='\b\nExample:\n  smsfleet simulator ctl mo "a long text ..." --from 27831234567 --form sar\n'
)
@click.argument("text")
@click.option("--from", "source", required=True, help="The handset's number.")
@click.option("--to", "destination", default="", help="The number that it writes to.")
@click.option(
    "--form",
    type=click.Choice(["udh8", "udh16", "sar", "payload"]),
    default="udh8",
    show_default=True,
    help="How several parts are told.",
)
@click.option(
    "--encoding",
    type=click.Choice(["auto", "gsm", "ucs2"]),
    default="auto",
    show_default=True,
    help="auto: GSM where the text permits it.",
)
@click.option(
    "--order",
    type=click.Choice(["first_to_last", "last_to_first", "any"]),
    default="first_to_last",
    show_default=True,
    help="In which order several parts come.",
)
@_CONTROL
@_JSON
def mo(*, port: int, as_json: bool, **message: str) -> None:
    """Send a message from a handset (MO)."""
    _do(port, "mo", message, as_json=as_json)


@ctl.command(
    epilog="\b\nExamples:\n  smsfleet simulator ctl credit 100\n  smsfleet simulator ctl credit +50\n"
)
@click.argument("left")
@_CONTROL
@_JSON
def credit(*, left: str, port: int, as_json: bool) -> None:
    """Let so many further messages be accepted before 0x401; `+50`: fifty more; `none`: without end."""
    _do(port, "credit", {"left": left}, as_json=as_json)


def _plain(name: str, meaning: str) -> None:
    """Add an action that takes nothing."""

    @_CONTROL
    @_JSON
    def action(*, port: int, as_json: bool) -> None:
        _do(port, name, as_json=as_json)

    epilog = f"\b\nExample:\n  smsfleet simulator ctl {name}\n"
    ctl.add_command(click.command(name=name, help=meaning, epilog=epilog)(action))


_plain("disconnect", "Drop every connection without a word.")
_plain("unbind", "Ask every bound ESME to end its bind.")
_plain("enquire", "Send an enquire_link to every bound ESME.")
_plain("pause", "Read nothing more, so that the system's buffers fill.")
_plain("resume", "Read again.")
_plain("hold", "Keep receipts and messages back.")
_plain("release", "Deliver what was kept back.")


def _pairs(words: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgument(
                f"{word!r} must be NAME=VALUE: `smsfleet simulator options` lists the names"
            )
        pairs[name] = value
    return pairs


def _do(port: int, do: str, what: dict[str, Any] | None = None, *, as_json: bool) -> None:
    from smsfleet.simulator.control import ask

    answer = ask(port, {"do": do, **(what or {})})
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for name, value in answer.items():
        shown = json.dumps(value) if isinstance(value, dict | list) else value
        click.echo(f"{name:<20} {shown}")
