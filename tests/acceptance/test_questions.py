"""docs/questions.md: for each question a fleet is in that trouble, and what is told to be asked answers it."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.acceptance import states
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.acceptance.operators_page import OperatorsPage
from tests.acceptance.zygote import commands
from tests.documents import DOCS

from smsfleet.cli.embedded import free_port
from smsfleet.config.clock import epoch_ms
from smsfleet.simulator.control import ask
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.wire import Wire
from smsfleet.tasks import job_status, send_sms
from smsfleet.tasks.campaign_start import start_campaign

pytestmark = pytest.mark.server

PAGES = {"Overview": "/", "Bind": "/bind", "Jobs": "/jobs/JOB_ID", "Held": "/held", "Campaigns": "/campaigns"}

BIND_TRANSCEIVER, INTERFACE_VERSION = 0x09, 0x34
THROTTLED = "27999180088"
WITHIN_S = 60
"""An answer takes less than a minute."""


@dataclass(frozen=True)
class Row:
    """A line of the page's tables."""

    question: str
    ask: str
    words: list[str]
    also: list[str]
    """views that say the same"""
    in_views: str
    """what they say"""


def rows() -> list[Row]:
    found = []
    for line in (DOCS / "questions.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[0].endswith("?"):
            question, asked, says, also = cells
            words = re.findall(r"`([^`]+)`", says)
            views, _, other = also.partition(": ")
            places = re.findall(r"[`*]([^`*]+)[`*]", views)
            found.append(Row(question, asked.strip("`*"), words, places, other.strip("`") or words[-1]))
    return found


@dataclass
class Night:
    """A fleet, its commands and its page, and the trouble in which it is now."""

    fleet: Fleet
    binaries: Path
    page: OperatorsPage
    control: int
    words: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    _trouble: object = None
    _ending: ExitStack = field(default_factory=ExitStack)

    def has(self, trouble: Callable[[Night], Iterator[None]]) -> None:
        """Bring it into a trouble; the one before ends."""
        if trouble is not self._trouble:
            self.ends()
            self._trouble = trouble
            self._ending.enter_context(contextmanager(trouble)(self))

    def ends(self) -> None:
        """No trouble any more."""
        self._trouble = None
        self._ending.close()
        self.words, self.environment = {}, {}

    def said(self, command: str) -> str:
        """What a command prints, or a page shows."""
        for word, here in self.words.items():
            command = command.replace(word, here)
        if command in PAGES:
            return self.shown(command)
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [self.binaries / program, *arguments],
            cwd=self.fleet.folder,
            env={**self.fleet.environment, "COLUMNS": "200", **self.environment},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr[-900:]
        return done.stdout + done.stderr

    def view(self, place: str) -> str:
        """What `top` or a page shows."""
        return self.said("smsfleet top --once") if place == "top" else self.shown(place)

    def shown(self, page: str) -> str:
        """The words of a page, as a viewer sees them."""
        path = PAGES[page].replace("JOB_ID", self.words.get("JOB_ID", ""))
        return self.page.words(path)

    def reached(self) -> set[str]:
        """The destinations of what has come to the gateway, answered or not."""
        return {line["destination"] for line in self.fleet.smsc.lines("submit_sm")}

    def status_says(self, words: str) -> bool:
        return words in self.said("smsfleet status")

    def tell(self, **what: object) -> None:
        """Tell the gateway what to do."""
        ask(self.control, what)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder, control = tmp_path_factory.mktemp("night"), free_port()
    with Fleet(folder) as fleet, commands(folder, fleet.environment) as binaries:
        fleet.options["simulator"] = ("--receipt-delay", "0.1", "--control", str(control))
        fleet.start("simulator", "binder", "worker")
        page = OperatorsPage(fleet)
        made = Night(fleet, binaries, page, control)
        try:
            yield made
        finally:
            made.ends()
            page.close()


# --- the troubles -------------------------------------------------------------------------------------


def none(night: Night) -> Iterator[None]:
    wait_until(lambda: night.status_says("binder    bound"), "the binder is bound")
    yield


def wrong_password(night: Night) -> Iterator[None]:
    night.fleet.end("binder")
    refused = night.fleet.launch("binder", SMSFLEET_SMPP_PASSWORD="wrong")
    wait_until(lambda: night.status_says("binder    refused"), "the login is refused")
    yield
    refused.send(15)
    assert 0 == night.fleet.run("bind", "retry").returncode
    night.fleet.start("binder")


def locked_out(night: Night) -> Iterator[None]:
    """By three logins of another system; our next one is refused with 0x0D."""
    night.fleet.end("binder")
    login = b"demo\0wrong\x003000000\0" + bytes([INTERFACE_VERSION, 0, 0, 0])
    for attempt in range(3):
        with socket.create_connection(("127.0.0.1", night.fleet.port), WITHIN_S) as other:
            other.sendall(struct.pack(">IIII", 16 + len(login), BIND_TRANSCEIVER, 0, attempt + 1) + login)
            assert other.recv(16)
    night.fleet.launch("binder")
    wait_until(lambda: night.status_says("binder    waiting"), "the login is refused")
    yield


def no_binder(night: Night) -> Iterator[None]:
    """Where the binder's host is gone: its last report stands for 15 s."""
    night.fleet.kill("binder")
    wait_until(lambda: night.status_says("NoBinder"), "its report is too old")
    yield


def no_worker(night: Night) -> Iterator[None]:
    night.tell(do="hold")
    job = send_sms.delay(number(1), "Hello").id
    wait_until(lambda: job_status(job).state == "ACCEPTED", "the gateway has it")
    night.fleet.end("worker")
    night.tell(do="release")
    send_sms.delay(number(2), "Your code is 1234", lane="high")
    wait_until(lambda: night.status_says("OldestOtp"), "the high lane is late")
    yield
    night.fleet.start("worker")
    wait_until(lambda: job_status(job).final, "the receipt is applied")


def paused(night: Night) -> Iterator[None]:
    night.fleet.run("pause", "--lane", "bulk", "--reason", "wrong text")
    yield
    night.fleet.run("resume", "--lane", "bulk")


def paused_codes(night: Night) -> Iterator[None]:
    night.fleet.run("pause", "--lane", "high", "--reason", "a test")
    job = send_sms.delay(number(7), "Your code is 1234", lane="high").id
    night.words["JOB_ID"] = job
    wait_until(lambda: night.status_says("OldestOtp"), "the high lane is late")
    yield
    night.fleet.run("resume", "--lane", "high")
    wait_until(lambda: job_status(job).final, "it goes on")


def low_rate(night: Night) -> Iterator[None]:
    night.fleet.run("reload", SMSFLEET_RATE="2")
    jobs = [send_sms.delay(number(100 + n), "Your code is 1234", lane="high").id for n in range(200)]
    wait_until(lambda: night.status_says("SMSFLEET_RATE is the limit"), "the rate is the limit")
    yield
    night.fleet.run("reload", "--clear")
    wait_until(lambda: all(job_status(job).final for job in jobs), "they go on")


def silent_gateway(night: Night) -> Iterator[None]:
    night.tell(do="set", answers_submits="0")
    job = send_sms.delay(number(3), "Hello", on_ambiguous="fail").id
    night.words["JOB_ID"] = job
    wait_until(lambda: night.status_says("GatewaySilent"), "nothing is answered")
    yield
    night.tell(do="set", answers_submits="1")


def broken_link(night: Night) -> Iterator[None]:
    """The last: the binder waits for 30 s and longer."""
    night.tell(do="set", answers_submits="0")
    job = send_sms.delay(number(4), "Hello", on_ambiguous="hold").id
    wait_until(lambda: number(4) in night.reached(), "it is on the wire")
    night.tell(do="disconnect")
    wait_until(lambda: job_status(job).state == "HELD", "it is held")
    wait_until(lambda: night.status_says("binder    waiting"), "the binder waits")
    yield


def throttled(night: Night) -> Iterator[None]:
    job = send_sms.delay(THROTTLED, "Hello").id
    wait_until(lambda: night.status_says("lowered from"), "the rate is lowered")
    yield
    night.fleet.run("cancel", job)


def out_of_credit(night: Night) -> Iterator[None]:
    night.tell(do="credit", left=0)
    job = send_sms.delay(number(5), "Hello").id
    wait_until(lambda: night.status_says("AccountPaused"), "the gateway refuses the account")
    yield
    night.tell(do="credit", left="none")
    night.fleet.run("resume")
    wait_until(lambda: job_status(job).final, "it goes on")


def full_redis(night: Night) -> Iterator[None]:
    used = dict(line.split(":", 1) for line in _info(night) if ":" in line)["used_memory"]
    night.fleet.command("CONFIG SET", "maxmemory", int(int(used) * 1.05))
    yield
    night.fleet.command("CONFIG SET", "maxmemory", 0)


def frozen_redis(night: Night) -> Iterator[None]:
    server = night.fleet.redis.process
    assert server is not None
    server.send_signal(signal.SIGSTOP)
    yield
    server.send_signal(signal.SIGCONT)


def forgetful_redis(night: Night) -> Iterator[None]:
    night.fleet.command("CONFIG SET", "appendonly", "no")
    yield
    night.fleet.command("CONFIG SET", "appendonly", "yes")


def no_authority(night: Night) -> Iterator[None]:
    url = night.fleet.redis.url.replace("redis:", "rediss:")
    night.environment["SMSFLEET_REDIS_URL"] = f"{url}?ssl_ca_certs={night.fleet.folder}/ca.pem"
    yield


def no_broker(night: Night) -> Iterator[None]:
    night.environment["SMSFLEET_BROKER_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    yield


def no_redis(night: Night) -> Iterator[None]:
    night.environment["SMSFLEET_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    yield


def misspelt(night: Night) -> Iterator[None]:
    night.environment["SMSFLEET_RAET"] = "200"
    yield


def without_receipt(night: Night) -> Iterator[None]:
    night.words |= states.accepted(night.fleet)
    yield


def after_a_receipt(night: Night) -> Iterator[None]:
    states.delivered(night.fleet)
    wait_until(lambda: night.status_says("deliver_sm stored (the last"), "the binder has told of it")
    yield


def unreadable(night: Night) -> Iterator[None]:
    """A receipt that names no message."""
    text = b"stat:DELIVRD"
    body = b"\0\1\1" + number(1).encode() + b"\0\0\0demo\0\4\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text
    night.fleet.store.run(Wire(night.fleet.keys, text_ttl_s=1, hold_s=1).deliver(body, epoch_ms()))
    wait_until(lambda: night.status_says("DeadLetters"), "it is kept aside")
    yield
    night.fleet.run("dead", "drop", "--all", "--yes")


def stopped(night: Night) -> Iterator[None]:
    night.tell(do="mo", text="STOP", source=number(8))
    wait_until(lambda: "1 opted out" in night.said("smsfleet optout list"), "the person has opted out")
    yield
    night.fleet.run("optout", "remove", number(8))


def over_quota(night: Night) -> Iterator[None]:
    night.fleet.run("reload", SMSFLEET_QUOTAS="shop=0")
    jobs: list[str] = []

    def is_refused() -> bool:
        jobs.append(send_sms.delay(number(9), "Hello", client="shop").id)
        wait_until(lambda: job_status(jobs[-1]).final, "it has ended")
        return job_status(jobs[-1]).state == "REFUSED"

    wait_until(is_refused, "the workers follow")
    night.words["JOB_ID"] = jobs[-1]
    yield
    night.fleet.run("reload", "--clear")


def refused(night: Night) -> Iterator[None]:
    from smsfleet.tasks import app

    app.send_task("sms.send_sms", ("27 99 x",), {"text": "Hello"}, task_id="wrong", queue="sms.normal")
    wait_until(lambda: "REFUSED" in night.said("smsfleet job wrong"), "it is refused")
    night.words["JOB_ID"] = "wrong"
    yield


def poison(night: Night) -> Iterator[None]:
    night.words |= states.set_aside(night.fleet)
    yield
    night.fleet.run("dead", "drop", "--all", "--yes")


def deaf_receiver(night: Night) -> Iterator[None]:
    states.undelivered(night.fleet)
    yield
    night.fleet.run("callbacks", "drop", "--all", "--yes")


def no_secret(night: Night) -> Iterator[None]:
    posting = Posting("e3", "https://billing.example/sms", states.HOOK_HOST, "{}", epoch_ms() - 60_000)
    states.awaited(night.fleet, posting)
    yield
    night.fleet.store.run(Hooks(night.fleet.keys).taken(posting))


def paused_campaign(night: Night) -> Iterator[None]:
    campaign = start_campaign([number(6)], "Hello", at=3600)
    campaign.pause()
    night.words["CAMPAIGN_ID"] = campaign.id
    yield
    campaign.cancel()


def _info(night: Night) -> list[str]:
    said = night.fleet.command("INFO", "memory")
    return str(said.decode() if isinstance(said, bytes) else said).splitlines()


TROUBLES: dict[str, Callable[[Night], Iterator[None]]] = {
    "Is the bind up?": none,
    "Does a binder stand by?": none,
    "Do we reach the gateway at all?": none,
    "Will the credits last?": none,
    "Did job X go out?": without_receipt,
    "Did anything go to this number?": without_receipt,
    "Why has it no receipt?": without_receipt,
    "When did the last receipt come?": after_a_receipt,
    "Is there what nobody can read?": unreadable,
    "Has this person opted out?": stopped,
    "Has its application used up its credits?": over_quota,
    "Why was it refused?": refused,
    "Is a setting misspelt?": misspelt,
    "Is Redis away?": no_redis,
    "Is Redis full?": full_redis,
    "Is Redis frozen?": frozen_redis,
    "Does Redis keep what it is given?": forgetful_redis,
    "Is a broker of its own away?": no_broker,
    "Which file of TLS is missing?": no_authority,
    "Is a clock wrong?": none,
    "Who paused it, and why?": paused,
    "What does a code wait for?": paused_codes,
    "Why does job X not go out?": paused_codes,
    "Is the rate the limit?": low_rate,
    "What does the campaign do?": paused_campaign,
    "Do webhooks arrive?": deaf_receiver,
    "Why do events wait for their webhook?": no_secret,
    "Does one job end our workers?": poison,
    "Does the gateway slow us down?": throttled,
    "Are we out of credit?": out_of_credit,
    "Why does nothing go out?": no_worker,
    "Which lane is late?": no_worker,
    "Did receipts stop?": no_worker,
    "Do workers run?": no_worker,
    "Why is it not up?": wrong_password,
    "What happened to the bind tonight?": wrong_password,
    "Is it us or the gateway?": silent_gateway,
    "Was something sent twice, or does nobody know?": broken_link,
    "When does it come back?": broken_link,
    "Are we locked out?": locked_out,
    "Does a binder run at all?": no_binder,
}
"""In the order in which one fleet can have them."""

ROWS = {row.question: row for row in rows()}


def test_every_question_of_the_page_has_its_trouble() -> None:
    assert set(TROUBLES) == set(ROWS)
    assert len(ROWS) == len(rows())


@pytest.mark.parametrize("question", TROUBLES)
def test_what_is_asked_says_what_is_wrong(
    night: Night, question: str, request: pytest.FixtureRequest
) -> None:
    row = ROWS[question]
    night.has(TROUBLES[question])

    began = time.monotonic()
    said = night.said(row.ask)
    # In the report of `--junitxml`: docs/questions.md tells the range.
    request.node.user_properties.append(("seconds", round(time.monotonic() - began, 2)))

    assert re.search(".*".join(map(re.escape, row.words)), said, re.DOTALL), said
    for place in row.also:
        wait_until(lambda place=place: row.in_views in night.view(place), f"{place} says {row.in_views!r}")
