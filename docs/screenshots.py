# ruff: noqa: INP001, T201 - a script beside the pages, no package
"""Make the pictures of docs/images from a real run of the whole fleet, with a simulated Clickatell.

Run from a checkout with smsfleet installed: `python docs/screenshots.py`. It takes about half a minute and
leaves nothing behind but the pictures. Names of this machine are replaced.
"""

from __future__ import annotations

import io
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from smsfleet.cli.small_fleet import SmallFleet, wait_until_bound
from smsfleet.cli.top_view import screen
from smsfleet.ops.snapshot import Snapshot, take
from smsfleet.store.standing import Standings
from smsfleet.tasks import send_sms
from smsfleet.tasks.app import runtime

IMAGES = Path(__file__).parent / "images"
COLUMNS = 100


@contextmanager
def fleet() -> Iterator[None]:
    """A whole fleet, and this process as one of its applications."""
    with tempfile.TemporaryDirectory(prefix="smsfleet-") as folder:
        started = SmallFleet(Path(folder) / "fleet")
        try:
            started.start()
            wait_until_bound(started)
            yield
        finally:
            started.stop()


def send_some() -> None:
    """Messages of every lane: more than the rate lets through at once, some refused, some for later."""
    for number in range(400):
        send_sms.delay(f"2799910{number:04d}", "Sale ends today", lane="bulk")
    for number in range(40):
        send_sms.delay(f"2799920{number:04d}", "Your parcel is on its way", lane="normal")
        send_sms.delay("27999181024", "no route", lane="normal")
    for number in range(10):
        send_sms.delay(f"2799930{number:04d}", "Your code is 482913", lane="high")
    send_sms.delay("27999100001", "Good morning", at=3600)
    send_sms.delay("27999100002", "Good morning", at=7200)


def wait_for(done: Callable[[Snapshot], bool], look: Callable[[], Snapshot], seconds: float = 30.0) -> None:
    """Until the account is as wished, or for so long."""
    until = time.monotonic() + seconds
    while not done(look()) and time.monotonic() < until:
        time.sleep(0.2)


def picture_of_top() -> None:
    """`smsfleet top`, with a campaign under way and a lane paused."""
    now = runtime()

    def look() -> Snapshot:
        found = take(now.store, now.settings.account)
        lease = replace(found.lease, holder="sms-1-3f9c1b7a2d40")
        return replace(found, lease=lease, binder=replace(found.binder, gateway="smpp.example:2775"))

    send_some()
    wait_for(lambda found: found.binder.submitted > 150 and bool(found.binder.response_ms), look)
    now.store.run(Standings(now.keys).pause(["normal"], "the tariff changes at noon"))
    before = look()
    time.sleep(2)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(screen(look(), before, "every 2 s; q leaves"))
    svg = console.export_svg(title="smsfleet top", theme=MONOKAI, unique_id="top")
    # No font from elsewhere: a page that shows it asks nobody else.
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    (IMAGES / "top.svg").write_text(svg, encoding="utf-8")


PICTURES: tuple[Callable[[], None], ...] = (picture_of_top,)
"""Each is made while the fleet runs. Those of other views join here."""


def main() -> None:
    """Make all of them."""
    IMAGES.mkdir(exist_ok=True)
    with fleet():
        for make in PICTURES:
            make()
            print(f"made: {make.__name__}")


if __name__ == "__main__":
    main()
