# ruff: noqa: INP001, T201 - a script beside the pages, no package
"""Make the pictures of docs/images from a real run of the whole fleet, with a simulated Clickatell.

Run from a checkout with smsfleet installed: `python docs/screenshots.py`. It takes about half a minute and
leaves nothing behind but the pictures. Names of this machine are replaced.
"""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI
from rich.text import Text

from smsfleet.cli.small_fleet import SmallFleet, wait_until_bound
from smsfleet.cli.top_view import screen
from smsfleet.ops.snapshot import Snapshot, take
from smsfleet.store.standing import Standings
from smsfleet.tasks import send_sms, wait_for_status
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign import campaigns

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
            os.environ.update(started.settings)  # for the commands
            del os.environ["SMSFLEET_CREDIT_MINIMUM"]  # the pictures are those of an account that is billed
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
    save("top", "smsfleet top", screen(look(), before, "every 2 s; q leaves"))


def save(name: str, title: str, content: RenderableType) -> None:
    """A picture of a terminal that shows this."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(content)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    # No font from elsewhere: a page that shows it asks nobody else.
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def picture_of_command(name: str, *words: str) -> None:
    """What a command prints, names and addresses of this machine replaced."""
    command = [sys.executable, "-m", "smsfleet.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if not done.stdout:
        raise SystemExit(f"`smsfleet {' '.join(words)}` printed nothing: {done.stderr}")
    shown = " ".join(word if " " not in word else f'"{word}"' for word in words)
    said = f"$ smsfleet {shown}\n{done.stdout.rstrip()}".replace(socket.gethostname(), "sms-1")
    said = re.sub(r"/tmp/[^ ,:]*/", "", said)  # noqa: S108 - where the fleet of this run is
    said = re.sub(r"127\.0\.0\.1:\d+", "smpp.example:2775", said)
    save(name, f"smsfleet {words[0]}", Text(said))


def pictures_of_commands() -> None:
    """What an operator reads at night: a job, the account, the doctor, credits, a campaign and its plan."""
    now = runtime()
    job = send_sms.delay("27999170005", "Your parcel is on its way", lane="high")
    wait_for_status(job.id, timeout=30)
    picture_of_command("status", "status")
    picture_of_command("job", "job", job.id)
    picture_of_command("doctor", "doctor")
    picture_of_command("credits", "credits")
    now.store.run(Standings(now.keys).resume(["normal"]))
    with tempfile.TemporaryDirectory(prefix="smsfleet-") as folder:
        people = Path(folder) / "people.csv"
        rows = [f"2799970{number:04d},Ann {number}" for number in range(3000)] + ["12,Bob", "27999700001,Eve"]
        people.write_text("number,name\n" + "\n".join(rows) + "\n", encoding="utf-8")
        words = (str(people), "--text", "Hello {name}", "--validity", "14400")
        picture_of_command("campaign-plan", "campaign", "plan", *words)
        picture_of_command("campaign-start", "campaign", "start", *words, "--name", "Autumn")
    wait_for_campaign(0.2)
    picture_of_command("campaign-show", "campaign", "show", campaigns(1)[0].campaign_id)


def wait_for_campaign(share: float, seconds: float = 30.0) -> None:
    """Until so much of the newest campaign is done, or for so long."""
    until = time.monotonic() + seconds
    while campaigns(1)[0].done < share and time.monotonic() < until:
        time.sleep(0.2)


PICTURES: tuple[Callable[[], None], ...] = (picture_of_top, pictures_of_commands)
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
