"""`smsfleet web` as a process on a running fleet: by HTTP, and in a headless Chromium at the desk and on a phone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.accessible import complaints
from tests.browser import DESKTOP, PHONE, Browser, missing
from tests.documents import ROOT
from tests.unit import yaml_subset

from smsfleet.cli.embedded import free_port
from smsfleet.store.keys import Keys
from smsfleet.store.standing import Standings
from smsfleet.tasks import job_status, send_sms
from smsfleet.tasks.campaign_start import start_campaign
from smsfleet.web.users import line_of

PASSWORD = "correct horse battery"
TEXT = "Le mot est POTIMARRON"
PATHS = ("/", "/jobs", "/campaigns", "/held", "/bind")


class Site:
    """The page of a fleet."""

    def __init__(self, fleet: Fleet, **settings: str) -> None:
        users = fleet.folder / "web_users"
        users.write_text("\n".join(line_of(name, name, PASSWORD) for name in ("operator", "viewer")))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings |= {"SMSFLEET_WEB_USERS_FILE": str(users), "SMSFLEET_WEB_REFRESH_S": "0.5"}
        self.process = fleet.launch("web", f"--port={self.port}", **settings)
        wait_until(self._answers, "the page answers")

    def _answers(self) -> bool:
        assert self.process.goes_on()
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    @contextmanager
    def visitor(self, name: str) -> Iterator[httpx.Client]:
        """Somebody who has logged in."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            answer = client.post("/login", data={"name": name, "password": PASSWORD})
            assert 303 == answer.status_code, answer.text
            yield client


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("web"), SMSFLEET_LOG_LEVEL="DEBUG") as made:
        made.options["simulator"] = ("--receipt-delay", "0.1")
        made.start("simulator", "binder", "worker")
        yield made


@pytest.fixture(scope="module")
def site(fleet: Fleet) -> Site:
    return Site(fleet)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for all: it takes a while to start."""
    if lacks := missing():
        pytest.skip(lacks)
    with Browser() as started:
        yield started


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """A browser at the desk that has been nowhere yet."""
    chromium.look_at(DESKTOP)
    chromium.forget()
    return chromium


def logged_in(browser: Browser, site: Site, name: str = "operator", password: str = PASSWORD) -> None:
    browser.open(site.url)
    browser.type("[name=name]", name)
    browser.type("[name=password]", password)
    browser.click("button")


LONG = "Überraschendgroßerweihnachtsräumungsverkaufinallenfilialenzwischenkölnundgörlitz ÄÖÜ ßẞ"

FOCUSED = """
const one = document.activeElement, style = getComputedStyle(one);
if (style.outlineStyle === "none") return `${one.outerHTML} is not seen to be chosen`;
return (one.getAttribute("aria-label") || one.innerText || one.name || "").trim();
"""
"""What has the focus, by its name, if one sees that it has."""


@pytest.fixture
def long_names(fleet: Fleet) -> Iterator[list[str]]:
    """The paths of a job and a campaign with the longest names; a lane is paused for a long reason."""
    fleet.use()
    job = send_sms.delay(number(11), TEXT * 10, idempotency_key="k" * 64)
    campaign = start_campaign([number(12), "0800-SALE"], TEXT, name=LONG, idempotency_key="c" * 64)
    wait_until(lambda: job_status(job.id).final, "the job is final")
    fleet.run("pause", "--lane", "bulk", "--reason", (LONG.replace(" ", "") * 3)[:200])
    held = Keys("main").held
    fleet.command("ZADD", held, "inf", f"{job.id}#1")  # as a list of held segments shows it
    yield [f"/jobs/{job.id}", f"/campaigns/{campaign.id}"]
    fleet.command("ZREM", held, f"{job.id}#1")
    fleet.run("resume", "--lane", "bulk")


# --- by HTTP ------------------------------------------------------------------------------------------


def test_what_changes_is_sent_while_a_page_is_open(fleet: Fleet, site: Site) -> None:
    del fleet
    with site.visitor("viewer") as vera, vera.stream("GET", "/live/overview") as stream:
        assert "text/event-stream; charset=utf-8" == stream.headers["content-type"]
        said, sent = "", False
        for chunk in stream.iter_text():
            said += chunk
            if "event: part" in said and not sent:
                job, sent = send_sms.delay(number(7), TEXT), True
            if sent and re.search(r"receipts, MO</dt><dd>[1-9]", said):
                break

    assert job_status(job.id).final
    assert "Credits in 20" in said
    assert [] == [secret for secret in (number(7), "POTIMARRON") if secret in said]


def test_no_number_no_text_and_no_password_is_in_the_log(fleet: Fleet, site: Site) -> None:
    job = send_sms.delay(number(8), TEXT)
    with site.visitor("operator") as anna:
        csrf = re.findall(r'name="csrf" value="([^"]+)"', anna.get("/jobs").text)[0]
        found = anna.post("/jobs", data={"csrf": csrf, "to": f"+{number(8)}"}).text
        anna.get(f"/jobs/{number(8)}")  # somebody will
        anna.post(f"/jobs/{job.id}/cancel", data={"csrf": csrf})
        token = anna.cookies["smsfleet"]
    log = fleet.logs("web")

    assert number(8) in found
    assert "POTIMARRON" not in found
    assert '"action": "cancel"' in log
    hidden = (number(8), "POTIMARRON", PASSWORD, csrf, token, "scrypt$")
    assert [] == [secret for secret in hidden if secret in log]
    assert PASSWORD not in repr(psutil.Process(site.process.pid).cmdline())


def test_the_health_check_of_compose_passes_while_it_runs(fleet: Fleet) -> None:
    compose = yaml_subset.read((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["web"]
    site = Site(fleet, SMSFLEET_WEB_ADDRESS=compose["environment"]["SMSFLEET_WEB_ADDRESS"])
    asked = [word.replace("8060", str(site.port)) for word in compose["healthcheck"]["test"]]
    assert ["CMD", "python", "-c"] == asked[:3]

    def healthy() -> bool:
        return not subprocess.run([sys.executable, *asked[2:]], capture_output=True, check=False).returncode

    well = healthy()
    site.process.send(signal.SIGTERM)

    assert [True, False] == [well, healthy()]


def test_where_it_cannot_listen_it_says_so(fleet: Fleet, site: Site) -> None:
    users = str(fleet.folder / "web_users")

    ended = fleet.run("web", f"--port={site.port}", SMSFLEET_WEB_USERS_FILE=users)

    assert os.EX_CONFIG == ended.returncode
    assert f"127.0.0.1:{site.port} cannot be listened on: see the log" in ended.stderr
    assert "address already in use" in ended.stderr


def test_it_ends_in_time_though_somebody_watches(fleet: Fleet) -> None:
    site = Site(fleet)
    with site.visitor("viewer") as vera, vera.stream("GET", "/live/overview") as stream:
        next(stream.iter_text())
        begun = time.monotonic()

        ended = site.process.send(signal.SIGTERM)

    assert 0 == ended
    assert time.monotonic() - begun < 15


# --- in a browser -------------------------------------------------------------------------------------


def test_an_operator_pauses_a_lane_and_lets_it_go_on(browser: Browser, fleet: Fleet, site: Site) -> None:
    def paused() -> list[str]:
        return list(fleet.store.run(Standings(fleet.keys).read()).paused)

    logged_in(browser, site, password="wrong horse battery")
    browser.until("This name and password do not go together.")
    logged_in(browser, site)
    browser.until("Lanes".upper())
    pause = "[data-part=lanes] tbody tr:nth-child(3) button"

    browser.click(pause)
    asked = browser.answer(yes=False)
    before = paused()
    browser.click(pause)
    browser.answer(yes=True)
    browser.until("Lane bulk is paused: nothing more of it begins.")
    between = paused()
    browser.click(pause)
    browser.until("Lane bulk goes on within two seconds.")

    assert "Pause lane bulk?" == asked
    assert ([], ["bulk"], []) == (before, between, paused())
    assert [True] == [cookie["httpOnly"] for cookie in browser.cookies()]
    assert "" == browser.run("return document.cookie")
    assert [] == [words for words in browser.complaints() if "401" not in words]  # the wrong password


def test_the_overview_and_a_job_change_by_themselves(browser: Browser, fleet: Fleet, site: Site) -> None:
    fleet.run("pause", "--lane", "normal")
    logged_in(browser, site, "viewer")
    browser.until("live", "#pulse")
    browser.until("by an operator", "[data-part=alerts]")
    job = send_sms.delay(number(9), TEXT)
    browser.open(f"{site.url}/jobs/{job.id}")
    browser.until("QUEUED", ".state")

    fleet.run("resume", "--lane", "normal")

    browser.until("DELIVERED", ".state")
    browser.until("receipt: 004 received by recipient", "[data-part=line]")
    assert number(9) not in browser.text()
    assert [] == browser.complaints()


def test_more_pages_are_open_than_a_browser_has_connections(browser: Browser, site: Site) -> None:
    logged_in(browser, site, "viewer")
    browser.until("live", "#pulse")

    browser.in_tabs(*(site.url + path for path in 2 * PATHS))

    browser.until("live", "#pulse")
    assert [] == browser.complaints()


def test_a_page_whose_session_is_gone_asks_for_a_login(browser: Browser, site: Site) -> None:
    logged_in(browser, site, "viewer")
    browser.until("live", "#pulse")

    cookies = {cookie["name"]: cookie["value"] for cookie in browser.cookies()}
    csrf = browser.run("return document.querySelector('[name=csrf]').value")
    httpx.post(f"{site.url}/logout", data={"csrf": csrf}, cookies=cookies, trust_env=False)

    browser.until("Password")


def test_a_campaign_with_a_hostile_name_is_cancelled_and_nothing_of_it_runs(
    browser: Browser, fleet: Fleet, site: Site
) -> None:
    name = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    fleet.run("pause", "--lane", "bulk")
    campaign = start_campaign([number(n) for n in range(20, 30)], TEXT, name=name)
    logged_in(browser, site)
    browser.until("Log out")
    browser.open(f"{site.url}/campaigns")
    browser.until(name)

    browser.click("button.danger")
    asked = browser.answer(yes=True)
    browser.until("is cancelled: what had gone goes on.")

    assert "Cancel this campaign for ever? What has gone cannot be called back." == asked
    assert "cancelled" == campaign.progress().state
    assert browser.run("return document.title").startswith("Campaign")
    assert 0 == browser.run("return document.images.length")
    assert [] == browser.complaints()
    fleet.run("resume", "--lane", "bulk")


@pytest.mark.parametrize(
    "look", [{"size": PHONE}, {"size": PHONE, "dark": True}, {"size": DESKTOP, "dark": True}]
)
def test_every_page_fits_and_is_for_those_too_who_hear_it_or_see_little(
    browser: Browser, site: Site, long_names: list[str], look: Any
) -> None:
    browser.look_at(**look)
    browser.open(site.url)
    beyond, found = {"/login": browser.wide()}, {"/login": complaints(browser)}
    logged_in(browser, site)
    browser.until("Log out")

    for path in (*PATHS, *long_names):
        browser.open(site.url + path)
        beyond[path], found[path] = browser.wide(), complaints(browser)
    browser.open(f"{site.url}/jobs")
    browser.click(".search button")
    browser.until("FOUND")
    beyond["found"], found["found"] = browser.wide(), complaints(browser)

    assert dict.fromkeys(beyond, 0) == beyond
    assert {path: [] for path in found} == found
    assert [] == browser.complaints()


def test_everything_is_done_with_the_keyboard_alone(browser: Browser, fleet: Fleet, site: Site) -> None:
    browser.open(site.url)
    for key in ("operator", "Tab", PASSWORD, "Enter"):
        browser.press(key)
    browser.until("Log out")

    reached: list[str] = []
    while "Pause lane bulk" not in reached:
        assert len(reached) < 40, reached
        browser.press("Tab")
        reached.append(browser.run(FOCUSED))
    browser.press("Enter")
    assert "Pause lane bulk?" in browser.answer(yes=True)
    browser.until("paused", ".lanes")

    pages = ["Overview", "Jobs", "Campaigns", "Held", "Bind"]
    assert pages == [name for name in reached if name in pages]
    assert reached.index("Bind") < reached.index("Log out") < reached.index("Pause lane bulk")
    assert "" not in reached
    fleet.run("resume", "--lane", "bulk")


@pytest.mark.parametrize("path", ["/held", "/campaigns"])
def test_a_page_that_is_open_says_that_redis_is_away_and_recovers_by_itself(
    browser: Browser, fleet: Fleet, site: Site, path: str
) -> None:
    logged_in(browser, site, "viewer")
    browser.until("Log out")
    browser.open(site.url + path)
    browser.until("live", "#pulse")
    port = fleet.redis.port

    fleet.redis.stop()
    browser.until("Redis cannot be used now", "#trouble")
    browser.until("not live", "#pulse")
    health = httpx.get(f"{site.url}/healthz", trust_env=False)
    fleet.redis.start()

    browser.wait(lambda: "live" == browser.text("#pulse"), "it is live again")
    assert 503 == health.status_code
    assert httpx.get(f"{site.url}/healthz", trust_env=False).is_success
    assert port == fleet.redis.port
    assert browser.run("return document.getElementById('trouble').hidden")


def test_whoever_logs_out_is_out(browser: Browser, site: Site) -> None:
    logged_in(browser, site, "viewer")
    browser.until("live", "#pulse")
    browser.click(".who button")
    browser.until("Password")

    browser.open(f"{site.url}/held")
    assert "Password" in browser.text()
