"""`smsfleet top`: the account, looked at again and again."""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from smsfleet.cli.times import Seconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from smsfleet.cli.terminal import Event
    from smsfleet.ops.snapshot import Snapshot

FILE_COLUMNS = 80

ENDS = (signal.SIGINT, signal.SIGTERM)
"""SIGTERM as Ctrl-C: else the terminal would stay without an echo."""


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

    q, Escape or Ctrl-C leaves, a space looks at once. It only looks: one small question to Redis each time,
    however much waits. In a narrow or low terminal (40 columns and 15 lines are enough) it shows what matters
    most; in a pipe, and where TERM is dumb, one picture below the other. NO_COLOR takes the colours.
    """
    from rich.console import Console

    from smsfleet.cli.look import look
    from smsfleet.tasks.app import runtime

    now = runtime()
    if isinstance(sys.stdout, io.TextIOWrapper):  # as wide as what it stands for
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    if not console.is_terminal:  # a file has no width of its own
        console.width = max(FILE_COLUMNS, console.width)
    elif console.is_dumb_terminal:  # it has a width, which rich does not ask for
        console.size = shutil.get_terminal_size()
    if once:
        _print_once(console, look(now))
        return
    for number in ENDS:
        signal.signal(number, _left)
    with contextlib.suppress(KeyboardInterrupt):
        _watch(console, lambda: look(now), interval)


def _print_once(console: Console, found: Snapshot) -> None:
    from smsfleet.cli.top_view import screen

    console.print(screen(found))
    if not found.binder.is_bound:
        sys.exit(1)


def _watch(console: Console, look: Callable[[], Snapshot], interval: float) -> None:
    """One look after the other, until a key or a signal ends it."""
    from smsfleet.cli.terminal import Event, events
    from smsfleet.cli.top_view import screen
    from smsfleet.config.errors import StoreUnavailable

    usual = f"every {interval:g} s; q leaves"
    before: Snapshot | None = None
    found = look()  # a Redis that is away from the start is an error, later it is waited for
    note, is_old = usual, False
    with events() as wait, _live(console) as live:
        while True:
            picture = screen(found, before, note, is_old=is_old, is_whole=live is None)
            if live is None:
                console.print(picture)
            else:
                live.update(picture, refresh=True)
            if _waited(wait, interval, live) is Event.QUIT:
                return
            try:
                before, found = found, look()
                note, is_old = usual, False
            except StoreUnavailable as error:
                note, is_old = f"what is shown is old: {error}", True


def _waited(wait: Callable[[float], Event], seconds: float, live: Live | None) -> Event:
    """What ended the wait. Another size of the terminal, or Ctrl-Z and what came after it, does not."""
    from smsfleet.cli.terminal import Event, suspend

    until = time.monotonic() + seconds
    while True:
        event = wait(max(0.0, until - time.monotonic()))
        if event is Event.SUSPEND:
            if live:
                live.stop()
            suspend()
            if live:
                live.start()
        elif event is not Event.REDRAW:
            return event
        if live:
            live.refresh()


@contextmanager
def _live(console: Console) -> Iterator[Live | None]:
    """A screen of its own. None, so that one picture follows the other, where nothing can be overwritten."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield None
        return
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield live


def _left(*_: object) -> NoReturn:
    """The first of them ends it. A second one would interrupt what gives the terminal back."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
