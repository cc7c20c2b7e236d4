"""Kannel, as Debian packages it, and smsfleet on the same machine, simulator and minute: the same job for both.

An application hands in messages of one segment that ask for a receipt; a message is done when the application can
know that it was delivered: Kannel has called its URL, smsfleet has the status in the job. Kannel: bearerbox and
smsbox, the file store (the faster of the two that a crash survives), as large a window as ours; once with what it
knows of receipts to come in memory, as shipped, where a crash forgets it, and once in Redis, as ours. Jobs a second;
CPU seconds for 1,000 of all processes but the application's own; milliseconds from the call to the wire at 200 a
second.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from tests.benchmarks import campaign, harness, http_app, individual
from tests.benchmarks.caller import NUMBERS, destination
from tests.benchmarks.harness import Result, run, target
from tests.benchmarks.individual import CALLERS, RATE, WINDOW, WORKERS

from smsfleet.cli.embedded import free_port
from smsfleet.simulator.journal import read

CONNECTIONS = 8
"""Of each caller: Kannel answers when its store has a message, so a single one would wait most of the time."""
PATH = "/usr/sbin:/usr/local/sbin:/usr/bin"
PROGRAMS = ("bearerbox", "smsbox")

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {smsbox}
log-level = 3
store-type = file
store-location = {folder}/store
dlr-storage = {reports}
box-allow-ip = 127.0.0.1

group = smsc
smsc = smpp
smsc-id = gateway
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = demo
smsc-password = secret
system-type = 3000000
max-pending-submits = {window}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
log-level = 3

group = sendsms-user
username = app
password = secret

group = sms-service
keyword = default
text = ""
max-messages = 0
"""

REPORTS_IN_REDIS = """
group = redis-connection
id = reports
host = 127.0.0.1
port = {redis}
max-connections = 10

group = dlr-db
id = reports
table = dlr
ttl = 604800
field-smsc = smsc
field-timestamp = ts
field-destination = destination
field-source = source
field-service = service
field-url = url
field-mask = mask
field-status = status
field-boxc-id = boxc
"""


class Kannel(NamedTuple):
    """A running Kannel that is bound to a simulator."""

    http_port: int
    journal: Path
    pids: dict[str, list[int]]
    reports: http_app.Reports

    def path_of(self, to: str) -> str:
        """What to GET to send one message, with a report to our receiver."""
        words = {
            "username": "app", "password": "secret", "from": "smsfleet", "to": to, "text": harness.TEXT,
            "dlr-mask": 3, "dlr-url": f"http://127.0.0.1:{self.reports.port}/dlr?type=%d",
        }  # fmt: skip
        return f"/cgi-bin/sendsms?{urlencode(words)}"


def programs() -> list[str]:
    """Where bearerbox and smsbox are. Raises SystemExit where they are not."""
    found = [path for name in PROGRAMS if (path := shutil.which(name, path=PATH))]
    if len(found) < len(PROGRAMS):
        raise SystemExit("Kannel is not installed: Debian has it as the package kannel")
    return found


def measure(count: int) -> Result:
    figures = {
        "kannel": _throughput(count, in_redis=False),
        "kannel_reports_in_redis": _throughput(count, in_redis=True),
        "individual": individual.throughput(count, WORKERS),
        "campaign": campaign.throughput(count * 3, WORKERS),
    }
    slow = max(1, min(10_000, count // 10))
    to_wire = {
        "kannel": _latency(slow),
        "individual": individual.latency(slow, WORKERS)["call_to_wire_ms"],
    }
    rates = {name: row["jobs_per_s"] for name, row in figures.items()}
    costs = {name: _without_simulator(row) for name, row in figures.items()}
    ours, kannel = ("individual", "campaign"), ("kannel", "kannel_reports_in_redis")
    return {
        **{
            name: {"jobs_per_s": rates[name], "cpu_s_per_1000": figures[name]["cpu_s_per_1000"]}
            for name in figures
        },
        "cpu_without_simulator": costs,
        "call_to_wire_ms_at_200_per_s": to_wire,
        "times_the_rate": {f"{a} / {b}": round(rates[a] / rates[b], 2) for a in ours for b in kannel},
        "share_of_the_cpu": {f"{a} / {b}": round(costs[a] / costs[b], 2) for a in ours for b in kannel},
        "ratio_to_raw": round(rates["campaign"] / rates["kannel"], 2),
        "targets": [
            target("campaign: times Kannel's rate", rates["campaign"] / rates[kannel[1]], at_least=3),
            target("campaign: share of Kannel's CPU", costs["campaign"] / costs[kannel[1]], at_most=1 / 3),
        ],
    }


def _without_simulator(row: Result) -> float:
    return round(sum(value for name, value in row["cpu_s_per_1000"].items() if name != "simulator"), 4)


def _throughput(count: int, *, in_redis: bool) -> Result:
    with _running(journal=False, in_redis=in_redis) as started:
        shares = [[destination(number) for number in range(at, count, CALLERS)] for at in range(CALLERS)]
        before = harness.cpu_s(started.pids)
        called = http_app.call(started.http_port, started.path_of, shares, connections=CONNECTIONS)
        _wait_for_reports(started, count)
        after = harness.cpu_s(started.pids)
        seconds = started.reports.last_at - min(at for at, _ in called)
    return {
        "jobs_per_s": round(count / seconds),
        "seconds": round(seconds, 3),
        **harness.spent(before, after, count),
    }


def _latency(count: int) -> Result:
    with _running(journal=True, in_redis=False) as started:
        numbers = [destination(number) for number in range(count)]
        called = http_app.call(
            started.http_port, started.path_of, [numbers], connections=CONNECTIONS, rate=RATE
        )
        _wait_for_reports(started, count)
        wire = {
            line["destination"]: line["at"] for line in read(started.journal) if line["event"] == "submit_sm"
        }
    return harness.latency_ms([wire[to] - at for at, to in called])


def _wait_for_reports(started: Kannel, count: int) -> None:
    harness.wait_until(
        lambda: started.reports.count >= count,
        timeout_s=60 + count / 50,
        what="delivery reports",
        every_s=0.1,
    )


@contextmanager
def _running(*, journal: bool, in_redis: bool) -> Iterator[Kannel]:
    """Simulator, bearerbox, smsbox and a receiver of reports; they end with the block."""
    ports = {name: free_port() for name in ("admin", "smsbox", "smsc", "http")}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsfleet-bench-")))
        reports = stack.enter_context(http_app.receiver())
        server = stack.enter_context(harness.server())
        pids = {"redis": [server.pid]} if in_redis else {}
        words = CONFIGURATION + REPORTS_IN_REDIS * in_redis
        configuration, path = folder / "kannel.conf", folder / "journal.jsonl"
        configuration.write_text(
            words.format(
                **ports,
                folder=folder,
                window=WINDOW,
                reports="redis" if in_redis else "internal",
                redis=urlsplit(server.url).port,
            )
        )
        environment = harness.environment(server, str(folder), ports["smsc"], WINDOW)
        simulator = ["simulator", "--port", str(ports["smsc"]), "--receipt-delay", "0"]
        simulator += ["--journal", str(path)] if journal else []
        pids["simulator"] = [individual.process(stack, folder, environment, "simulator", simulator)]
        individual.wait_for_port(ports["smsc"])
        for program, port in zip(programs(), (ports["smsbox"], ports["http"]), strict=True):
            log = stack.enter_context((folder / f"{Path(program).name}.log").open("wb"))
            child = subprocess.Popen(
                [program, "-v", "3", str(configuration)], cwd=folder, stdout=log, stderr=subprocess.STDOUT
            )
            stack.callback(individual.end, child)
            individual.wait_for_port(port)
            pids[Path(program).name] = [child.pid]
        started = Kannel(ports["http"], path, pids, reports)
        # Its report comes when all is connected: what is measured starts then.
        http_app.call(started.http_port, started.path_of, [[destination(NUMBERS - 1)]])
        _wait_for_reports(started, 1)
        reports.forget()
        yield started


if __name__ == "__main__":
    run("kannel", measure, 20_000)
