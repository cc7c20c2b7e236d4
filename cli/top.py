"""`smsfleet top`: the account, looked at again and again."""

from __future__ import annotations

import contextlib
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from smsfleet.cli.times import Seconds

if TYPE_CHECKING:
    from rich.console import Console

    from smsfleet.ops.snapshot import Snapshot

QUIT = "qQ\x1b\x04"
"""q, Escape, Ctrl-D"""

NARROWEST = 80


@click.command(
    epilog="""\b
Exit codes: 0 left by q or Ctrl-C; with --once: 0 bound, 1 not bound.
Examples:
  smsfleet top
  smsfleet top --interval 10
  smsfleet top --once > picture.txt
"""
)
@click.option(
    "--interval",
    type=Seconds(0.5, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between looks.",
)
@click.option(
    "--once", is_flag=True, help="Print one look and end, for scripts; `status --json` is for programs."
)
def top(*, interval: float, once: bool) -> None:
    """Show the bind, the lanes, rates, the window, statuses, campaigns, credits and alerts, live.

    q, Escape or Ctrl-C leaves. It only looks: one small question to Redis each time, however much waits.
    """
    from rich.console import Console

    from smsfleet.cli.look import look
    from smsfleet.tasks.app import runtime

    now = runtime()
    console = Console(highlight=False)
    if once:
        _print_once(console, look(now))
        return
    # As Ctrl-C: else the terminal would stay without an echo.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        _watch(console, lambda: look(now), interval)


def _print_once(console: Console, found: Snapshot) -> None:
    from smsfleet.cli.top_view import screen

    if not console.is_terminal:  # a file has no width of its own
        console.width = max(NARROWEST, console.width)
    console.print(screen(found))
    if not found.binder.is_bound:
        sys.exit(1)


def _watch(console: Console, look: Callable[[], Snapshot], interval: float) -> None:
    from rich.live import Live

    from smsfleet.cli.top_view import screen
    from smsfleet.config.errors import StoreUnavailable

    before: Snapshot | None = None
    found = look()  # a Redis that is away from the start is an error, later it is waited for
    keys = f"every {interval:g} s; q leaves"
    is_live = console.is_terminal and not console.is_dumb_terminal
    with _keys() as key, Live(console=console, screen=is_live, auto_refresh=False) as live:
        note = keys
        while True:
            picture = screen(found, before, note)
            if is_live:
                live.update(picture, refresh=True)
            else:  # one picture below the other, in a file and where nothing can be overwritten
                console.print(picture)
            if key(interval) in QUIT:
                return
            try:
                before, found = found, look()
                note = keys
            except StoreUnavailable as error:
                note = f"{error}; what is shown is old"


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Waits so many seconds for a key; a space when none came."""
    if not sys.stdin.isatty():

        def sleep(seconds: float) -> str:
            time.sleep(seconds)
            return " "

        yield sleep
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)

    def key(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1) if ready else " "

    try:
        yield key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
