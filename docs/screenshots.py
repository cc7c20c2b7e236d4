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
from smsfleet.config.clock import epoch_ms
from smsfleet.ops.snapshot import Snapshot, take
from smsfleet.store.dead import Dead
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.outbox import Outbox
from smsfleet.store.standing import Standings
from smsfleet.tasks import send_sms, wait_for_status
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign import campaigns

IMAGES = Path(__file__).parent / "images"
COLUMNS = 100
NARROW = (40, 15)


@contextmanager
def fleet() -> Iterator[None]:
    """A whole fleet, and this process as one of its applications."""
    with tempfile.TemporaryDirectory(prefix="smsfleet-") as folder:
        started = SmallFleet(Path(folder) / "fleet")
        try:
            started.start()
            wait_until_bound(started)
            os.environ.update(started.settings)  # for the commands
            yield
        finally:
            started.stop()


def send_some() -> None:
    """Messages of every lane: more than the rate lets through at once, some refused, some for later."""
    for number in range(900):
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
    after, note = look(), "every 2 s; q leaves"
    save("top", "smsfleet top", screen(after, before, note))
    save("top-narrow", "smsfleet top", screen(after, before, note, is_whole=False), *NARROW)


def save(name: str, title: str, content: RenderableType, columns: int = COLUMNS, lines: int = 25) -> None:
    """A picture of a terminal that shows this."""
    size = {"width": columns, "height": lines}
    console = Console(record=True, file=io.StringIO(), force_terminal=True, highlight=False, **size)
    console.print(content)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    # No font from elsewhere: a page that shows it asks nobody else.
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def picture_of_command(name: str, *words: str, **settings: str) -> None:
    """What a command prints, names and addresses of this machine replaced."""
    command = [sys.executable, "-m", "smsfleet.cli", *words]
    given = {**os.environ, **settings}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=given)  # noqa: S603 - our own
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
    picture_of_command("credits", "credits", SMSFLEET_CREDIT_MINIMUM="5000")  # of an account that is billed
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


def pictures_of_lists() -> None:
    """What waits for an operator: jobs that failed, what was set aside, what no webhook took."""
    picture_of_command("jobs", "jobs", "--state", "UNDELIVERED", "--state", "REJECTED", "--limit", "6")
    now = runtime()
    for number in range(2):
        job_id = f"order-{4711 + number}"
        taken = now.jobs.take_in(
            job_id, lane="high", destination=f"2799917000{number}", content="{}", idempotency_key=None
        )
        now.store.run(taken)
        reason = "poison: 3 workers ended while they handled it"
        now.store.run(now.lifecycle.set_aside(job_id, "high", reason))
    now.store.run(Dead(now.keys).bury(b"\0", epoch_ms(), "short_message ends before sm_length"))
    picture_of_command("dead-list", "dead", "list")
    hooks = Hooks(now.keys)
    for count, why in enumerate(("answered 500", "answered 410", "cannot connect"), 1):
        later = epoch_ms() + 3_600_000  # no worker is to try it
        posting = Posting(f"e{count}", "https://shop.example/sms", "shop.example:443", "{}", later, 11)
        while now.store.run(hooks.undelivered_count()) < count:  # a worker may be faster with its event
            now.store.run(hooks.add(posting, now.store.run(Outbox(now.keys).put("x", "{}"))))
            now.store.run(hooks.bury(posting.failed(why), why))
    picture_of_command("callbacks-list", "callbacks", "list")


def pictures_after_a_loss() -> None:
    """The link breaks while answers are awaited: segments are held, and the binder waits."""
    ctl = [sys.executable, "-m", "smsfleet.cli", "simulator", "ctl"]
    subprocess.run([*ctl, "set", "answers_submits=0"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    for number in range(3):
        send_sms.delay(f"2799917001{number}", "Is it there?", lane="high", on_ambiguous="hold")
    now = runtime()
    wait_for(
        lambda found: found.lanes["high"].in_flight.count >= 3,
        lambda: take(now.store, now.settings.account),
    )
    subprocess.run([*ctl, "disconnect"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    wait_for(
        lambda found: found.waiting["held"].count >= 3 and found.binder.state == "waiting",
        lambda: take(now.store, now.settings.account),
    )
    picture_of_command("held-list", "held", "list")
    picture_of_command("bind-status", "bind", "status")


PICTURES: tuple[Callable[[], None], ...] = (
    picture_of_top,
    pictures_of_commands,
    pictures_of_lists,
    pictures_after_a_loss,
)
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
