"""Makes every picture of the documents anew, from a fleet that runs: `make screenshots`.

Needs Chromium and chromedriver (Debian: chromium, chromium-driver); takes about three minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.browser import DESKTOP, PHONE, Browser, missing

from smsfleet.cli.embedded import free_port
from smsfleet.cli.small_fleet import SmallFleet, wait_until_bound
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.testing import Gateway
from smsfleet.store.keys import ref
from smsfleet.store.standing import Standings
from smsfleet.tasks import send_sms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign_start import start_campaign
from smsfleet.web.users import line_of

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MOST_OCTETS = 150_000
NARROWER = (1024, 900)
LOWER = (1280, 620)
"""For pages that have much on them: their pictures stay small."""
FLAT, SMALL = (1280, 420), (640, 480)
"""For pages that have little on them."""

PASSWORD = "correct horse battery"
AUTH = "operator:correct-horse"

TRAFFIC_S = 90
WITHIN_S = 60.0


def number(n: int) -> str:
    """A destination of Clickatell's test range that is delivered."""
    return f"2799910{n % 10_000:04d}"


def lost_number(n: int) -> str:
    """One whose receipt says UNDELIV, EXPIRED or REJECTD (docs/simulator.md)."""
    return f"1999{n % 100:02d}7000{(5, 5, 5, 3, 8)[n % 5]}"


@contextmanager
def served(fleet: SmallFleet, role: str, port: int, **settings: str) -> Iterator[str]:
    """A page of the fleet while the block runs, at the URL that is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SMSFLEET_")}
    with (fleet.folder / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "smsfleet.cli", role, "--port", str(port)],
            env={**inherited, **fleet.settings, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}"), f"{role} answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def answers(url: str) -> bool:
    """Whether somebody serves there."""
    for path in ("/healthz", "/healthcheck"):
        try:
            with urllib.request.urlopen(url + path, timeout=5) as reply:
                if reply.status == 200:
                    return True
        except (urllib.error.URLError, ConnectionError):
            continue
    return False


def until(condition, what: str) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {WITHIN_S:g} s: {what}")
        time.sleep(0.1)


def traffic(stopping: threading.Event) -> None:
    """What an application sends in a day, in a minute."""
    chance, sent = random.Random(1), 0
    for second in range(TRAFFIC_S):
        for _ in range(chance.randint(5, 25) + (40 if 30 <= second < 50 else 0)):
            to = lost_number(sent) if chance.random() < 0.03 else number(sent)
            send_sms.delay(to, f"Your code is {sent:06d}", lane=("high", "normal")[sent % 2])
            sent += 1
        if stopping.wait(1.0):
            return


class Camera:
    """Takes pictures of a page into a folder."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    def take(self, name: str, url: str, words: str, *, whole: bool = True) -> None:
        """A picture of a page on which some words are to be read."""
        self._browser.open(url)
        self._browser.until(words)
        self.keep(name, whole=whole)

    def keep(self, name: str, *, whole: bool = True) -> None:
        """A picture of what is there."""
        picture = self._browser.picture(whole=whole)
        assert len(picture) < MOST_OCTETS, f"{name} has {len(picture)} octets"
        (self._folder / f"{name}.png").write_bytes(picture)
        print(f"{name}.png  {len(picture) // 1000} kB")


def log_in(browser: Browser, url: str) -> None:
    """As an operator."""
    browser.open(url)
    browser.type("[name=name]", "anna")
    browser.type("[name=password]", PASSWORD)
    browser.click("button")
    browser.until("Log out")


def main(folder: Path) -> None:
    """Everything."""
    if lacks := missing():
        raise SystemExit(lacks)
    folder.mkdir(parents=True, exist_ok=True)
    options = SimulatorOptions(seed=1, receipt_delay_s=0.8, response_delay_s=0.02)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        gateway = stack.enter_context(Gateway(options))
        fleet = SmallFleet(Path(place) / "fleet", smpp_port=gateway.port, own_gateway=False)
        stack.callback(fleet.stop)
        fleet.start()
        wait_until_bound(fleet)
        users, auth = Path(place) / "users", Path(place) / "auth"
        users.write_text(line_of("anna", "operator", PASSWORD))
        auth.write_text(AUTH)
        web = stack.enter_context(served(fleet, "web", free_port(), SMSFLEET_WEB_USERS_FILE=str(users)))
        flower = stack.enter_context(
            served(fleet, "flower", free_port(), SMSFLEET_FLOWER_BASIC_AUTH_FILE=str(auth))
        )
        browser = stack.enter_context(Browser())
        camera = Camera(browser, folder)
        browser.look_at(SMALL)
        camera.take("web-login", web, "Log in", whole=False)
        stopping = threading.Event()
        sending = threading.Thread(target=traffic, args=(stopping,))
        sending.start()
        stack.callback(sending.join)
        stack.callback(stopping.set)
        rows = [lost_number(n // 40) if n % 40 == 0 else number(n) for n in range(2500)]
        autumn = start_campaign(
            [*rows, "12", "0800-SALE", rows[1]], "Autumn sale", name="Autumn sale", rate=20
        )
        start_campaign(rows[:400], "Late notice", name="Late notice").pause()
        sending.join()
        pages_of_web(browser, camera, web, autumn.id)
        pages_of_flower(browser, camera, flower)
        pages_after_a_loss(browser, camera, web, gateway)


def pages_of_web(browser: Browser, camera: Camera, web: str, campaign: str) -> None:
    """The page while everything is well."""
    browser.look_at(DESKTOP)
    log_in(browser, web)
    job = send_sms.delay(number(1), "A text of two segments. " * 8, lane="high")
    browser.open(f"{web}/jobs/{job.id}")
    browser.until("DELIVERED")
    camera.keep("web-job")
    browser.look_at(NARROWER)
    camera.take("web-overview", web, "LANES", whole=False)
    browser.look_at(FLAT)
    camera.take("web-campaigns", f"{web}/campaigns", "Late notice", whole=False)
    browser.look_at(DESKTOP)
    camera.take("web-campaign", f"{web}/campaigns/{campaign}", "REFUSED ROWS")
    browser.look_at(LOWER)
    browser.open(f"{web}/jobs")
    browser.run("document.querySelector('[name=state]').value = 'UNDELIVERED'")
    browser.click(".search button")
    browser.until("found".upper())
    camera.keep("web-jobs", whole=False)
    now = runtime()
    now.store.run(Standings(now.keys).pause(["bulk"], "the tariff changes at noon"))
    browser.look_at(DESKTOP, dark=True)
    camera.take("web-overview-dark", web, "the tariff changes at noon", whole=False)
    now.store.run(Standings(now.keys).resume(["bulk"]))
    browser.look_at(PHONE)
    camera.take("web-overview-phone", web, "LANES", whole=False)
    camera.take("web-job-phone", f"{web}/jobs/{job.id}", "DELIVERED", whole=False)
    browser.look_at(DESKTOP)


def pages_of_flower(browser: Browser, camera: Camera, flower: str) -> None:
    """Flower."""
    with_auth = flower.replace("//", f"//{AUTH}@")
    camera.take("flower-workers", f"{with_auth}/workers", "celery@", whole=False)
    browser.look_at(LOWER)
    camera.take("flower-tasks", f"{flower}/tasks", "sms.send_sms", whole=False)
    browser.look_at(FLAT)
    camera.take("flower-broker", f"{flower}/broker", "sms.high", whole=False)


def pages_after_a_loss(browser: Browser, camera: Camera, web: str, gateway: Gateway) -> None:
    """The link breaks while answers are awaited: segments are held, and the binder waits."""
    gateway.change(answers_submits=False)
    asked = [send_sms.delay(number(n), "Is it there?", on_ambiguous="hold").id for n in range(3)]
    now, wanted = runtime(), {ref(job_id, 1).encode() for job_id in asked}
    until(lambda: wanted <= set(now.store.run(now.doubts.in_flight())), "segments are in flight")
    gateway.disconnect()
    until(lambda: now.store.run(now.doubts.held_count()) >= 3, "segments are held")
    gateway.change(answers_submits=True)
    camera.take("web-held", f"{web}/held", "Send again", whole=False)
    camera.take("web-bind", f"{web}/bind", "waiting", whole=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where the pictures go")
    main(parser.parse_args().folder)
