"""`smsfleet flower` on a running fleet: who may look, what cannot be done there, and which secrets it keeps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import psutil
import pytest
from celery import xstarmap
from tests.acceptance.celery_side import BASIC_AUTH, Flower
from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.config.settings import load
from smsfleet.store.keys import LANES
from smsfleet.tasks import app, job_status, send_sms
from smsfleet.tasks.app import QUEUES
from smsfleet.tasks.campaign_start import start_campaign
from smsfleet.workers.runtime import Runtime

TEXT = "Le mot est MIRABELLE-SALSIFIS"
NUMBERS = [number(n) for n in range(801, 807)]
REDIS_PASSWORD = "Kw3x9Vb7"

PAGES = ("/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks", "/api/queues/length")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose Redis asks for a password."""
    with Fleet(tmp_path_factory.mktemp("flower"), SMSFLEET_LOG_LEVEL="DEBUG") as made:
        made.command("CONFIG", "SET", "requirepass", REDIS_PASSWORD)
        made.environment["SMSFLEET_REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{made.redis.port}/0"
        made.store.close()
        made.runtime = Runtime(load(made.environment), name="application")
        made.use()
        yield made


@pytest.fixture(scope="module")
def flower(fleet: Fleet) -> Flower:
    """Flower after some jobs: of `.delay`, by name, and one that no worker knows."""
    fleet.options["worker"] = ("-E",)
    fleet.start("simulator", "binder", "worker")
    started = Flower(fleet)

    def hears() -> bool:
        job = send_sms.delay(NUMBERS[0], TEXT).id
        wait_until(lambda: job_status(job).final, "a job is final")
        return started.tasks().get(job, {}).get("name") == "sms.send_sms"

    wait_until(hears, "Flower hears of jobs from their beginning")
    return started


@pytest.fixture(scope="module")
def jobs(fleet: Fleet, flower: Flower) -> list[str]:
    """The ids of jobs that Flower knows, all of them delivered but the last: its number cannot be one."""
    ids = [send_sms.delay(to, TEXT, lane=LANES[n % 3]).id for n, to in enumerate(NUMBERS)]
    for n, to in enumerate([*NUMBERS, f"{NUMBERS[0]}00000000"]):
        ids.append(f"by-name-{n}")
        app.send_task(
            "sms.send_sms", (to,), {"text": TEXT}, task_id=ids[-1], queue="sms.normal", argsrepr=f"({to},)"
        )
    app.send_task(
        "sms.send_sms", task_id="with-a-shadow", kwargs={"to": NUMBERS[0], "text": TEXT}, shadow=TEXT
    )
    xstarmap(send_sms.s(), [(NUMBERS[0], TEXT)], app=app).apply_async(task_id="of-celery")
    campaign = start_campaign([*NUMBERS, f"{NUMBERS[0]}00000000"], TEXT)
    wait_until(lambda: not campaign.counts().open, "the campaign is done")
    wait_until(lambda: set(ids) <= set(flower.tasks()), "Flower knows the jobs")
    wait_until(lambda: all(job_status(job).final for job in ids), "the jobs are final")
    wait_until(lambda: ended(flower) >= {*ids, "with-a-shadow", "of-celery"}, "Flower has seen their ends")
    return ids


def ended(flower: Flower) -> set[str]:
    return {job for job, task in flower.tasks().items() if task["state"] in ("SUCCESS", "FAILURE")}


def test_tasks_are_read_by_name_and_job_id(flower: Flower, jobs: list[str]) -> None:
    tasks = flower.tasks()

    assert {"sms.send_sms"} == {tasks[job]["name"] for job in jobs}
    assert [] == [job for job in jobs if job not in flower.page(f"/task/{job}")]
    assert jobs[0] == json.loads(flower.page(f"/api/task/info/{jobs[0]}"))["uuid"]


def test_a_task_of_another_name_keeps_number_and_text_to_itself_too(flower: Flower, jobs: list[str]) -> None:
    del jobs
    known = flower.tasks()
    others = ("with-a-shadow", "of-celery")

    said = {path: flower.page(path) for path in PAGES}
    said |= {task: flower.page(f"/task/{task}") + flower.page(f"/api/task/info/{task}") for task in others}

    assert ["sms.send_sms", "celery.starmap"] == [known[task]["name"] for task in others]
    assert [] == [(path, word) for path, text in said.items() for word in (*NUMBERS, TEXT) if word in text]


def test_no_secret_is_on_any_page(fleet: Fleet, flower: Flower, jobs: list[str]) -> None:
    (worker,) = json.loads(flower.page("/api/workers?refresh=1"))
    paths = (*PAGES, f"/worker/{worker}", *(f"/task/{job}" for job in jobs))

    said = {path: flower.page(path) for path in paths}
    known = flower.tasks()
    said |= {f"/api/task/info/{task}": flower.page(f"/api/task/info/{task}") for task in known}
    said["log"] = flower.process.log.read_text()

    hidden = (REDIS_PASSWORD, BASIC_AUTH.partition(":")[2])
    assert [] == [(path, word) for path, text in said.items() for word in hidden if word in text]
    assert {"sms.send_sms", "sms.send_chunk"} <= {task["name"] for task in known.values()}
    assert "sms.send_sms" in said["/metrics"]
    assert f"redis://:**@127.0.0.1:{fleet.redis.port}/0" in said["/broker"]


@pytest.mark.parametrize("auth", [None, "op:wrong", "somebody:Tq7-visible", ""])
def test_nothing_is_shown_without_the_password(flower: Flower, auth: str | None) -> None:
    refused = {path: flower.ask(path, auth=auth) for path in PAGES}

    assert dict.fromkeys(PAGES, 401) == {path: status for path, (status, _) in refused.items()}
    assert [] == [text for _, text in refused.values() if "sms." in text]


def test_whether_it_is_well_is_told_to_anybody(flower: Flower) -> None:
    assert (200, "OK") == flower.ask("/healthcheck", auth=None)


def test_nothing_can_be_changed(fleet: Fleet, flower: Flower) -> None:
    (worker,) = json.loads(flower.page("/api/workers?refresh=1"))
    before = fleet.smsc.accepted_count

    asked = {
        "/api/task/send-task/sms.send_sms": json.dumps({"args": [NUMBERS[0], TEXT]}),
        "/api/task/async-apply/sms.send_sms": json.dumps({"args": [NUMBERS[0], TEXT]}),
        "/api/task/apply/sms.send_sms": json.dumps({"args": [NUMBERS[0], TEXT]}),
        "/api/task/revoke/some-job?terminate=true": "",
        f"/api/worker/shutdown/{worker}": "",
        f"/api/worker/pool/shrink/{worker}?n=1": "",
    }

    assert dict.fromkeys(asked, 403) == {path: flower.ask(path, body=body)[0] for path, body in asked.items()}
    assert before == fleet.smsc.accepted_count
    assert fleet.process("worker").running


def test_queue_lengths_are_those_of_the_broker(fleet: Fleet, flower: Flower, jobs: list[str]) -> None:
    del jobs
    worker = psutil.Process(fleet.process("worker").pid)
    worker.suspend()
    try:
        for lane in ("high", "bulk", "bulk"):
            send_sms.delay(NUMBERS[1], TEXT, lane=lane)

        lengths = flower.queue_lengths()
        page = flower.page("/broker")
    finally:
        worker.resume()

    assert {"sms.high": 1, "sms.normal": 0, "sms.bulk": 2} == lengths
    assert [] == [queue for queue in QUEUES.values() if queue not in page]


def test_the_password_is_in_no_argument_and_no_environment(flower: Flower) -> None:
    process = psutil.Process(flower.process.pid)

    assert BASIC_AUTH.partition(":")[2] not in repr([process.cmdline(), process.environ()])


def test_it_listens_on_loopback_only(flower: Flower) -> None:
    listening = [
        c.laddr for c in psutil.Process(flower.process.pid).net_connections("tcp") if c.status == "LISTEN"
    ]

    assert [("127.0.0.1", flower.port)] == [(place.ip, place.port) for place in listening]


def test_a_port_that_is_taken_is_named(fleet: Fleet, flower: Flower) -> None:
    auth = str(fleet.folder / "flower_basic_auth")
    second = fleet.launch("flower", f"--port={flower.port}", SMSFLEET_FLOWER_BASIC_AUTH_FILE=auth)
    wait_until(lambda: not second.running, "a second one on the port ends")

    said = second.log.read_text()

    assert os.EX_CONFIG == second.popen.returncode
    assert f"127.0.0.1:{flower.port} cannot be listened on: Address already in use" in said
    assert "Traceback" not in said
