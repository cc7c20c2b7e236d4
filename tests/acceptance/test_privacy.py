"""One full run with everything switched on, and no number and no text in anything that it says or keeps for others.

Flower, the metrics of binder and worker, every page as a viewer (and, for texts, as an operator), the logs of all
processes at DEBUG, what the commands print, the broker's keys, Celery's events, results and answers to inspect, the
journal, the capture, callbacks.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from celery import Celery
from tests.acceptance.celery_side import Flower, Listener
from tests.acceptance.fleet import WITHIN_S, Fleet, number, wait_until
from tests.acceptance.operators_page import OperatorsPage
from tests.acceptance.privacy import Wanted
from tests.acceptance.zygote import commands

from smsfleet.cli.embedded import free_port
from smsfleet.simulator.control import ask
from smsfleet.store.hooks import Hooks
from smsfleet.tasks import JobStatus, job_status, send_sms
from smsfleet.tasks.campaign_start import start_campaign

DELIVERED = [number(n) for n in range(8701, 8707)]
BY_NAME = [number(n) for n in range(8711, 8715)]
ROWS = [number(n) for n in range(8721, 8741)]
HANDSETS = [number(8751), number(8752)]
HELD = [number(n) for n in range(8761, 8763)]
REFUSED_BY_GATEWAY, UNDELIVERABLE, ODD, OF_NOBODY = "27999181024", "27999170005", "27999190004", "27999190005"
SHORT_OF_DIGITS, TOO_LONG, LETTERS = number(8771), number(8772), number(8773)
SPACED, DASHED, TRUNK, WITH_EXIT = number(8774), number(8775), number(8776), number(8777)
SENDER = number(8778)
NUMBERS = [
    *DELIVERED, *BY_NAME, *ROWS, *HANDSETS, *HELD, REFUSED_BY_GATEWAY, UNDELIVERABLE, ODD, OF_NOBODY,
    SHORT_OF_DIGITS, TOO_LONG, LETTERS, SPACED, DASHED, TRUNK, WITH_EXIT, SENDER,
]  # fmt: skip
MALFORMED = [
    f"{TOO_LONG}00000000",
    f"{LETTERS}x",
    f"+{SPACED[:2]} {SPACED[2:4]} {SPACED[4:7]} {SPACED[7:]} x",
    f"{DASHED[:2]}-{DASHED[2:5]}-{DASHED[5:8]}-{DASHED[8:]};",
    f"+{TRUNK[:2]} (0) {TRUNK[2:4]} {TRUNK[4:7]} {TRUNK[7:]}",
    f"00{WITH_EXIT}\N{ZERO WIDTH SPACE}",
]

TEXT = "Votre code est ZEBRAQUINX"
LONG = "Un message long: TAMARQWIX-FEIJOQWAX. " * 8
GREEK = "Ποιά ΣΤΑΦΥΛΙΑ"
ROW_TEXT = "Bonjour {name}, MIRZUBEQL"
NAME = "SALSQIFROZ"
ANSWER = "Merci POTQIMAZON"
TEXTS = ["ZEBRAQUINX", "TAMARQWIX FEIJOQWAX", "ΣΤΑΦΥΛΙΑ", "MIRZUBEQL", NAME, "POTQIMAZON"]

WANTED = Wanted(NUMBERS, TEXTS)

LOOKS = (
    "status", "status --json", "top --once", "doctor --skip gateway", "doctor --skip gateway --json", "jobs",
    "jobs --json --limit 500", "held list", "held list --json", "dead list", "dead list --json", "receipts",
    "receipts --json", "callbacks list", "callbacks list --json", "campaign list", "campaign list --json", "credits",
    "credits --json", "compliance --json", "bind status", "bind status --json", "capture",
)  # fmt: skip


@dataclass
class Run:
    """What was said by whom, and the jobs of it."""

    said: dict[str, str | bytes] = field(default_factory=dict)
    jobs: dict[str, JobStatus] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def of(self, who: str) -> dict[str, str | bytes]:
        """What one kind of place has said."""
        return {place: said for place, said in self.said.items() if place.startswith(who)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    binder, worker = (f"127.0.0.1:{free_port()}" for _ in range(2))
    settings = {
        # At one segment a second and with two threads jobs are seen waiting, in the worker, and active.
        "SMSFLEET_RATE": "1",
        "SMSFLEET_WORKER_CONCURRENCY": "2",
        "SMSFLEET_LOG_LEVEL": "DEBUG",
        "SMSFLEET_EVENT_SHARE": "1",
        "SMSFLEET_RAW_RECEIPTS": "all",
        "SMSFLEET_CALLBACK": "task:audit.on_sms@audit",
        "SMSFLEET_MO_ROUTES": "* * task:inbox.receive@inbox",
        "SMSFLEET_WEBHOOK_SECRET": "a secret of the tests",
    }
    with Fleet(tmp_path_factory.mktemp("privacy"), **settings) as fleet:
        control = free_port()
        fleet.options["simulator"] = ("--receipt-delay", "0.1", "--control", str(control))
        fleet.start("simulator")
        fleet.launch("binder", SMSFLEET_METRICS=binder)
        wait_until(lambda: 0 in fleet.smsc.bind_statuses, "the binder is bound")
        yield everything(fleet, control, {"binder": binder, "worker": worker})


def everything(fleet: Fleet, control: int, metrics: dict[str, str]) -> Run:
    """Everything that a fleet can go through, looked at from everywhere."""
    run = Run()
    flower, web = Flower(fleet), OperatorsPage(fleet)
    texts = (TEXT, LONG, GREEK)
    ids = [send_sms.delay(to, texts[n % 3]).id for n, to in enumerate(DELIVERED * 4)]
    run.said["broker: queued"] = opened(fleet.broker_keys())
    with Celery("foreign", broker=fleet.redis.url, set_as_current=False) as foreign, Listener() as listener:
        fleet.launch("worker", "-E", SMSFLEET_METRICS=metrics["worker"])
        wait_until(lambda: fleet.command("HLEN", "unacked"), "the worker holds jobs")
        run.said["broker: in hands"] = opened(fleet.broker_keys())
        ids += by_name(foreign)
        inspect, seen = foreign.control.inspect(timeout=1), []

        def in_hands() -> bool:
            seen.append([inspect.active(), inspect.reserved(), inspect.scheduled(), inspect.query_task(ids)])
            return any(any((answers or {}).values()) for answers in seen[-1][:2])

        wait_until(in_hands, "jobs are in the worker's hands")
        assert 0 == fleet.run("reload", SMSFLEET_RATE="500").returncode
        ids += [
            send_sms.delay(to, TEXT, on_ambiguous="hold").id
            for to in (REFUSED_BY_GATEWAY, UNDELIVERABLE, OF_NOBODY)
        ]
        ids.append(send_sms.delay(DELIVERED[0], TEXT, callback="https://127.0.0.1:9/sms").id)
        campaign = start_campaign(
            [{"to": to, "name": NAME} for to in (*ROWS, *MALFORMED, f"{SHORT_OF_DIGITS[:6]}")], ROW_TEXT
        )
        answered(fleet, control)
        ids.append(send_sms.delay(HANDSETS[1], TEXT).id)
        wait_until(lambda: all(job_status(job).final for job in ids), "the jobs are final")
        ids.append(send_sms.delay(ODD, TEXT).id)  # its receipt has a word that ends nothing
        wait_until(
            lambda: any(one.why for one in fleet.store.run(fleet.runtime.facts.raw_receipts(500))),
            "a receipt is odd",
        )
        wait_until(lambda: not campaign.counts().open, "the campaign is done")
        wait_until(lambda: set(ids) <= set(flower.tasks()), "Flower knows the jobs")
        wait_until(lambda: fleet.command("LLEN", "audit") > len(ids), "the callbacks are published")
        wait_until(lambda: fleet.store.run(Hooks(fleet.keys).undelivered_count()), "a webhook is refused")
        ids += unanswered(fleet, control)
        run.said["inspect"] = repr(seen)
        run.said["events"] = repr(listener.events)
        foreign.pool.force_close_all()
    run.jobs = {job: job_status(job) for job in ids}
    run.said |= {f"metrics: {role}": fetched(f"http://{place}/metrics") for role, place in metrics.items()}
    run.said |= of_flower(flower, ids)
    run.said |= {f"page: {path}": said for path, said in crawled(web.vera).items()}
    run.said |= {f"operator: {path}": said for path, said in crawled(web.anna).items()}
    run.said |= printed(fleet, [*ids, f"{campaign.id}:1"], campaign.id)
    run.said["broker: at the end"] = opened(fleet.broker_keys())
    run.said["journal"] = repr(fleet.command("XRANGE", fleet.keys.journal, "-", "+"))
    run.said |= {f"log: {process.log.name}": process.log.read_text() for process in fleet.processes}
    run.sent = fleet.smsc.accepted
    return run


def by_name(foreign: Celery) -> list[str]:
    """Tasks of an application without smsfleet: good ones, a misspelt one, and numbers that are refused."""
    wrong = {f"wrong-{n}": ((to,), {"text": TEXT}) for n, to in enumerate(MALFORMED)}
    good = {f"name-{n}": ((to,), {"text": TEXT}) for n, to in enumerate(BY_NAME)}
    wrong["wrong-sender"] = ((BY_NAME[0],), {"text": TEXT, "sender": f"+{SENDER[:4]} {SENDER[4:]} 00 x"})
    wrong["wrong-option"] = ((BY_NAME[0],), {"text": TEXT, "valdity": TEXT})
    for task_id, (args, kwargs) in (good | wrong).items():
        foreign.send_task(
            "sms.send_sms",
            args,
            kwargs,
            task_id=task_id,
            queue="sms.normal",
            argsrepr=repr(args),
            kwargsrepr=repr(kwargs),
        )
    foreign.send_task("sms.send_sm", (BY_NAME[0],), {"text": TEXT}, task_id="misspelt", queue="sms.normal")
    return [*good, *wrong]


def answered(fleet: Fleet, control: int) -> None:
    """What people send: a short message, one of several parts, and STOP."""
    for text in (ANSWER, f"{ANSWER} " * 12, GREEK):
        ask(control, {"do": "mo", "text": text, "source": HANDSETS[0], "destination": "27821234567"})
    ask(control, {"do": "mo", "text": "STOP", "source": HANDSETS[1], "destination": "27821234567"})
    wait_until(lambda: fleet.command("XLEN", fleet.keys.mo) == 4, "the answers of people are kept")
    wait_until(lambda: fleet.command("LLEN", "inbox") == 4, "they are handed over")


def unanswered(fleet: Fleet, control: int) -> list[str]:
    """Jobs of which nobody knows whether the gateway has them: the link breaks."""
    ask(control, {"do": "set", "answers_submits": "0"})
    before = len(fleet.smsc.lines("submit_sm"))
    ids = [send_sms.delay(to, TEXT, on_ambiguous="hold").id for to in HELD]
    wait_until(lambda: fleet.store.run(fleet.runtime.doubts.in_flight()), "segments are in flight")
    wait_until(lambda: len(fleet.smsc.lines("submit_sm")) >= before + len(ids), "the gateway has them")
    ask(control, {"do": "disconnect"})
    wait_until(lambda: all(job_status(job).state == "HELD" for job in ids), "the segments are held")
    return ids


# --- where it is looked ---------------------------------------------------------------------------------


def of_flower(flower: Flower, ids: list[str]) -> dict[str, str | bytes]:
    """Every page of Flower, and its API."""
    (worker,) = json.loads(flower.page("/api/workers?refresh=1"))
    paths = [
        "/",
        "/workers",
        "/tasks",
        "/broker",
        "/metrics",
        "/api/workers",
        "/api/tasks",
        "/api/queues/length",
    ]
    paths += [f"/worker/{worker}"]
    paths += [f"{page}{task}" for task in {*ids, *flower.tasks()} for page in ("/task/", "/api/task/info/")]
    return {f"flower: {path}": flower.ask(path)[1] for path in paths}


def crawled(visitor: httpx.Client) -> dict[str, str | bytes]:
    """Every page that somebody gets to by links and by a search, and the streams of them."""
    said: dict[str, str | bytes] = {}
    with closing(visitor):
        csrf = re.findall(r'name="csrf" value="([^"]+)"', visitor.get("/jobs").text)[0]
        searches = [{"state": state} for state in ("", "REFUSED", "HELD", "DELIVERED", "UNDELIVERED")]
        for n, asked in enumerate(searches):
            answer = visitor.post("/jobs", data={"csrf": csrf, **asked}, follow_redirects=True)
            said[f"search {n}"] = answer.text
        waiting = ["/", "/held", "/bind", "/jobs", "/campaigns", "/jobs/no-such-job"]
        waiting += [path for text in said.values() for path in links(str(text))]
        while waiting:
            path = waiting.pop()
            if path in said or path.startswith(("/static", "/logout")):
                continue
            if path.startswith("/live/"):
                with visitor.stream("GET", path) as stream:
                    events = stream.iter_text()
                    said[path] = next(events) + next(events)
                continue
            said[path] = text = visitor.get(path).text
            waiting += links(text)
    return said


def links(html: str) -> list[str]:
    """What a page leads to on its own host."""
    return re.findall(r'(?:href|data-live|src)="(/[^"#]*)"', html)


def printed(fleet: Fleet, jobs: list[str], campaign: str) -> dict[str, str | bytes]:
    """What commands print that hide numbers unless they are told not to; the PDUs of a capture with their octets."""
    looks = [line.split() for line in LOOKS]
    looks += [
        ["campaign", *words.split(), campaign]
        for words in ("show", "show --json", "refused", "refused --format jsonl")
    ]
    looks += [["job", job] for job in jobs[::3]] + [["job", job, "--json"] for job in jobs[1::3]]
    looks += [["status", job] for job in jobs[2::3]]
    said: dict[str, str | bytes] = {}
    with commands(fleet.folder, fleet.environment) as binaries:
        for words in looks:
            done = subprocess.run(
                [binaries / "smsfleet", *words],
                env=fleet.environment,
                cwd=fleet.folder,
                capture_output=True,
                text=True,
                timeout=WITHIN_S,
                check=False,
            )
            said[f"command: {' '.join(words)}"] = done.stdout + done.stderr
    octets = re.findall(r'"octets": "([0-9a-f]+)"', str(said["command: capture"]))
    assert octets
    said["command: capture, its octets"] = b" ".join(bytes.fromhex(one) for one in octets)
    return said


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as reply:
        return str(reply.read().decode())


def opened(contents: dict[bytes, bytes]) -> str:
    """What lies at the broker, the bodies of Celery's messages decoded; a task by name holds what its sender put."""
    bodies = re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', b" ".join(contents.values()))
    return repr(contents) + "".join(base64.b64decode(body).decode() for body in bodies)


# --- what must be so -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "fewest"),
    [("flower", 60), ("metrics", 2), ("page", 20), ("log", 5), ("command", 40), ("broker", 3), ("events", 1), ("inspect", 1), ("journal", 1)],
)  # fmt: skip
def test_nothing_of_a_message_is_said_in(run: Run, place: str, fewest: int) -> None:
    said = run.of(place)

    assert fewest <= len([text for text in said.values() if text])
    assert [] == [(where, hit) for where, text in said.items() for hit in WANTED.found_in(text)]


def test_operators_see_numbers_on_the_page_and_no_text(run: Run) -> None:
    said = run.of("operator")
    numbers, texts = Wanted(NUMBERS, ()), Wanted((), TEXTS)

    assert 20 <= len([text for text in said.values() if text])
    assert [] == [(where, hit) for where, text in said.items() for hit in texts.found_in(text)]
    assert {where for where, text in said.items() if numbers.found_in(text)} >= {"operator: /held"}


def test_the_run_was_one_of_everything(run: Run) -> None:
    states = {status.state for status in run.jobs.values()}
    errors = {(status.error or "").partition(":")[0] for status in run.jobs.values()}
    refused = "".join(str(run.said[place]) for place in run.of("command: campaign refused --format jsonl"))

    assert {"DELIVERED", "UNDELIVERED", "REJECTED", "REFUSED", "HELD"} <= states
    assert {"invalid-destination", "invalid-sender", "opted-out"} <= errors
    assert len(MALFORMED) + 1 == refused.count("invalid-destination")
    assert {"page: /live/overview", "page: /live/held", "page: /live/campaigns"} <= set(run.said)
    assert {*DELIVERED, *BY_NAME, *ROWS} <= {line["destination"] for line in run.sent}
    assert next(iter(run.jobs)) in run.said["broker: queued"]
    assert "unacked" in run.said["broker: in hands"]
    assert "task-succeeded" in run.said["events"]
    assert "wrong-0" in str(run.of("log"))
    assert {"task-failed", "task-received"} & set(re.findall(r"task-\w+", str(run.said["events"])))


@pytest.mark.parametrize(
    "said",
    [
        f"to {DELIVERED[0]} refused", f"+{DELIVERED[0]}", f"00{DELIVERED[0]}", f"'{DELIVERED[0][-7:]}'", *MALFORMED,
        f"+{SPACED[:2]} ({SPACED[2:4]}) {SPACED[4:7]}.{SPACED[7:]}", DELIVERED[0].encode().hex().upper(), "x ZEBRAQ y",
        "zebraquinx", GREEK, json.dumps(GREEK), GREEK.encode("utf-16-be").hex(), repr(GREEK.encode()), "TAMARQ",
    ],
)  # fmt: skip
def test_the_audit_finds_what_is_there(said: str) -> None:
    assert WANTED.found_in(said)


@pytest.mark.parametrize("said", ["27*******01", "1795348701123-0 and 9991 of 8701", "12 segments", "ZEBRA"])
def test_the_audit_finds_nothing_that_is_not_there(said: str) -> None:
    assert [] == WANTED.found_in(said)
