"""What real processes serve for monitoring: no label names a job, and health is told as it is."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.fleet import Fleet, number, wait_until
from tests.unit.ops.promtool import finds, promtool_agrees, series
from tests.unit.ops.scraped import names, samples, strange_labels, value

from smsfleet.cli.embedded import free_port
from smsfleet.ops.catalog import ACCOUNT, BINDER, WORKER
from smsfleet.tasks import job_status, send_sms

TEXT = "Votre code est ZEBRA-QUINCE"
NUMBERS = [number(n) for n in range(801, 807)]
MINUTES = 10
"""For so long Prometheus scrapes, before the dashboard is looked at."""


def get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def dashboard_queries(repository: Path) -> list[str]:
    """What the panels of the dashboard ask, as Grafana asks it of this test's Prometheus."""
    dashboard = json.loads((repository / "ops/grafana/dashboard.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [query.replace("$job", "smsfleet").replace("$__rate_interval", "4m") for query in asked]


def test_metrics_and_health_of_a_whole_fleet(
    new_fleet: Callable[..., Fleet], repository: Path, tmp_path: Path
) -> None:
    fleet = new_fleet()
    leader, standby, worker = (f"127.0.0.1:{free_port()}" for _ in range(3))
    fleet.start("simulator")
    first = fleet.launch("binder", SMSFLEET_METRICS=leader)
    wait_until(lambda: get(leader, "/readyz")[0] == 200, "the binder is bound")
    fleet.launch("binder", SMSFLEET_METRICS=standby)
    fleet.launch("worker", SMSFLEET_METRICS=worker)
    wait_until(lambda: get(worker, "/readyz")[0] == 200, "the worker is ready")
    wait_until(lambda: get(standby, "/healthz")[0] == 200, "the standby stands by")
    jobs = [send_sms.delay(to, TEXT, lane="high").id for to in NUMBERS]
    wait_until(lambda: all(job_status(job).final for job in jobs), "the jobs are final")

    def delivered() -> float:
        labels = {"status": "004", "final": "yes"}
        found = samples(get(leader, "/metrics")[1])
        return sum(count for name, of, count in found if (name, of) == ("smsfleet_jobs_total", labels))

    wait_until(lambda: delivered() == len(jobs), "the statuses are counted")
    fleet.run("credits", "balance", "100")
    wait_until(lambda: "smsfleet_credits_balance" in get(leader, "/metrics")[1], "the balance is told")
    told = {place: get(place, "/metrics")[1] for place in (leader, standby, worker)}
    seen = json.loads(fleet.run("status", "--json").stdout)
    taken = fleet.launch("worker", SMSFLEET_METRICS=worker)
    wait_until(lambda: not taken.running, "a port that is taken ends a process")

    assert [] == [job for text in told.values() for job in jobs if job in text]
    assert [] == [label for text in told.values() for label in strange_labels(text)]
    assert set(BINDER) <= names(told[leader])
    assert set(ACCOUNT) <= names(told[leader])
    assert 2.0 == value(told[leader], "smsfleet_credits_used")  # a third of a credit for a test number
    assert set(WORKER) - {"smsfleet_worker_facts_behind_seconds"} <= names(told[worker])
    assert not set(ACCOUNT) & names(told[standby])
    assert float(len(jobs)) == value(told[worker], "smsfleet_worker_jobs_total", outcome="admitted")
    assert float(len(jobs)) == value(told[worker], "smsfleet_worker_facts_total", fact="receipt")
    assert (503, "standby\n") == get(standby, "/readyz")
    # Of a new account less than the month's minimum is used.
    assert {"CreditsShort"} >= {alert["name"] for alert in seen["alerts"]}
    assert 78 == taken.popen.returncode
    assert "need a port each" in taken.log.read_text()

    assert -signal.SIGKILL == first.send(signal.SIGKILL)
    wait_until(lambda: get(standby, "/readyz")[0] == 200, "the standby has the bind")
    assert (1.0, 1.0) == (
        value(get(standby, "/metrics")[1], "smsfleet_binder_leading"),
        value(get(standby, "/metrics")[1], "smsfleet_bound"),
    )

    fleet.redis.stop()
    wait_until(lambda: get(standby, "/readyz")[0] == 503, "the binder is not ready without Redis")
    wait_until(lambda: get(worker, "/readyz")[0] == 503, "the worker is not ready without Redis")
    why = [get(place, "/readyz")[1] for place in (standby, worker)]
    health = [get(place, "/healthz")[0] for place in (standby, worker)]
    fleet.redis.start()
    wait_until(lambda: get(standby, "/readyz")[0] == 200, "the binder is ready again")
    wait_until(lambda: get(worker, "/readyz")[0] == 200, "the worker is ready again")

    assert "bound, and submits nothing: the lease cannot be renewed; is Redis away, or full?\n" == why[0]
    assert "no facts are applied: Redis is away, or this worker only starts\n" == why[1]
    assert [200, 200] == health  # nobody has to restart them

    scraped = [
        one for place in (leader, worker) for one in series(told[place], MINUTES, instance=place, rising=True)
    ]
    queries = [finds(f"count({query}) > bool 0", MINUTES, ({}, 1)) for query in dashboard_queries(repository)]
    looked = {"interval": "1m", "input_series": scraped, "promql_expr_test": queries}
    assert len(queries) > 30
    assert "" == promtool_agrees(tmp_path, [looked])
