"""`smsfleet demo`: the whole fleet as real processes on this machine, with real jobs sent through."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsfleet.cli.small_fleet import SmallFleet, wait_until_bound
from smsfleet.config.errors import SmsfleetError
from smsfleet.config.statuses import message_status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from smsfleet.tasks import JobStatus

FINAL_S = 60.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Example:
    """One SMS of the demo and how it should end."""

    title: str
    to: str
    text: str
    expected: str
    lane: str = "normal"


EXAMPLES = (
    Example("plain", "+27 99 910 0001", "Hello from smsfleet", "DELIVERED"),
    Example("code, high lane", "+27999100002", "Your code is 482913", "DELIVERED", lane="high"),
    Example("accented GSM", "+27999100003", "Grüße, señor: déjà vu in Ångström, æøå", "DELIVERED"),
    Example("euro at a boundary", "+27999100004", "x" * 152 + "€ and a second segment", "DELIVERED"),
    Example("emoji (UCS-2)", "+27999100005", "Happy birthday 🎂🎉", "DELIVERED"),
    Example("three segments", "+27999100006", "A longer text is cut into segments. " * 11, "DELIVERED"),
    Example("not a number", "0800-FLOWERS", "never stored", "not taken in"),
    Example("no route (0x400)", "27999181024", "refused by the gateway", "REJECTED"),
    Example("undelivered", "27999170005", "the phone is off", "UNDELIVERED"),
    Example("sale, bulk lane", "19995550123", "Sale ends today", "DELIVERED", lane="bulk"),
)


@dataclass
class Sent:
    """An example and what became of it."""

    example: Example
    job_id: str = ""
    refusal: str = ""
    status: JobStatus | None = None

    @property
    def state(self) -> str:
        """The job's state, or that it was not taken in."""
        if self.refusal:
            return "not taken in"
        return self.status.state if self.status else "PENDING"

    @property
    def done(self) -> bool:
        """Whether nothing more is expected."""
        return bool(self.refusal) or (self.status is not None and self.status.final)


@click.command(
    epilog="""\b
Examples:
  smsfleet demo
  smsfleet demo --keep      then send and look around from another terminal
"""
)
@click.option("--keep", is_flag=True, help="Leave it running until Ctrl-C, for exploration.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where data and logs go; a new folder below .run by default.",
)
def demo(*, keep: bool, folder: Path | None) -> None:
    """Start an embedded Redis, a simulated Clickatell, a binder and a worker; send jobs; show their statuses.

    Exit code 0 when every job ended as it should, 1 when not.
    """
    from rich.console import Console

    console = Console()
    place = (folder or Path(".run") / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}").resolve()
    fleet = SmallFleet(place)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sent: list[Sent] = []
    try:
        with console.status("starting an embedded Redis, a simulated Clickatell, a binder and a worker"):
            fleet.start()
            wait_until_bound(fleet)
        sent = _send_and_watch(fleet, console)
        if keep:
            _keep(fleet, console)
    except KeyboardInterrupt:
        console.print("interrupted")
    finally:
        with console.status("stopping"):
            fleet.stop()
        if fleet.server is not None:
            console.print(f"Logs: {place}/*.log", soft_wrap=True)
            console.print(f"What reached the simulated Clickatell: {place}/simulator.jsonl", soft_wrap=True)
    wrong = [entry for entry in sent if entry.state != entry.example.expected]
    for entry in wrong:
        console.print(f"{entry.example.title}: {entry.state}, expected {entry.example.expected}")
    sys.exit(1 if wrong or not sent else 0)


def _send_and_watch(fleet: SmallFleet, console: Console) -> list[Sent]:
    from rich.live import Live

    from smsfleet.tasks import job_status, send_sms

    sent: list[Sent] = []
    with Live(_table(sent), console=console, refresh_per_second=10) as live:
        for example in EXAMPLES:
            entry = Sent(example)
            try:
                entry.job_id = send_sms.delay(example.to, example.text, lane=example.lane).id
            except SmsfleetError as error:
                entry.refusal = str(error)
            sent.append(entry)
        for _ in _until(lambda: all(entry.done for entry in sent), FINAL_S):
            fleet.check()
            for entry in sent:
                if entry.job_id and not entry.done:
                    entry.status = job_status(entry.job_id)
            live.update(_table(sent))
    if not console.is_terminal:  # a live table ends without an end of line there
        console.line()
    for line in _reasons(sent):
        console.print(line, soft_wrap=True, highlight=False)
    return sent


def _until(done: Callable[[], bool], seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        yield
        time.sleep(POLL_S)


def _table(sent: list[Sent]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title="send_sms.delay(...) -> Clickatell status",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for column in ("example", "segs", "state", "Clickatell status", "s"):
        table.add_column(column, justify="right" if column in ("segs", "s") else "left", no_wrap=True)
    for entry in sent:
        status = entry.status
        shown = message_status(status.status).label if status and status.status else "-"
        elapsed = status.timeline[-1].at - status.created if status and entry.done else None
        table.add_row(
            entry.example.title,
            str(len(status.segments)) if status and status.segments else "-",
            entry.state,
            shown,
            f"{elapsed.total_seconds():.1f}" if elapsed is not None else "",
        )
    return table


def _reasons(sent: list[Sent]) -> list[str]:
    """Why jobs were not taken in, or refused."""
    lines = []
    for entry in sent:
        reason = entry.refusal or (entry.status.error if entry.status else None)
        if reason:
            lines.append(f"  {entry.example.title}: {reason}")
    return lines


def _keep(fleet: SmallFleet, console: Console) -> None:
    show = console.print
    show("\nThe fleet is running. In another terminal:")
    for name, value in fleet.settings.items():
        show(f"  export {name}={value}", soft_wrap=True)
    commands = "  smsfleet send +27999100001 'Hello' --wait 15\n  smsfleet status"
    show(f"{commands}\nCtrl-C stops it.", soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            fleet.check()
            time.sleep(1)
