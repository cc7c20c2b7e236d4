"""The doctor's checks of the Redis or Valkey server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from smsfleet.cli.checkup import Finding, error, note, ok, warning
from smsfleet.config.errors import StoreError, StoreUnavailable
from smsfleet.config.spans import span
from smsfleet.store import checkup
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.forms import REMEDY
from smsfleet.store.keys import Keys
from smsfleet.store.server import findings, server_info, server_time_ms

ROUNDS = 9
SLOW_MS, TOO_SLOW_MS = 5.0, 50.0
"""A round trip: within one site it takes well under a millisecond."""

CLOCK_MS, CLOCK_TOO_MS = 1_000, 30_000
NTP = "`timedatectl` says whether it runs; validity, holds and ages go by these clocks"

FULL, NEARLY_FULL = 0.95, 0.8
SLOW_COMMAND_US = 100_000

Info = dict[str, str]


def check_redis(
    store: Store, *, allow_volatile: bool, wall_ms: Callable[[], int], keys: Keys | None = None
) -> Iterator[Finding]:
    """Everything about the server, by one connection; the first check that finds it away ends the rest."""
    info = store.run(server_info())
    version = info.get("valkey_version") or info.get("redis_version", "?")
    yield ok(f"{'Valkey' if 'valkey_version' in info else 'Redis'} {version[:40]}")
    for found in findings(info):
        what, _, todo = found.partition(": ")
        if allow_volatile:
            todo += "; taken all the same: SMSFLEET_ALLOW_VOLATILE_REDIS"
        yield (warning if allow_volatile else error)(what, todo)
    yield from _role(info)
    yield from _persistence(info)
    yield from judge_memory(info)
    yield from _latency(store)
    yield from _clock(store, wall_ms)
    yield from _scripts(store)
    yield from _where_allowed(
        store, checkup.config("appendfsync", "hash-max-listpack-value", "save"), _config
    )
    yield from _where_allowed(store, checkup.slowest(16), _slow)
    yield from _keyspace(info)
    if keys is not None:
        yield from _types(store, keys)


def _types(store: Store, keys: Keys) -> Iterator[Finding]:
    """Whether the keys that the whole account needs hold what smsfleet keeps in them."""
    for found in store.run(checkup.Checkup(keys).misfits()):
        yield error(found, REMEDY)


def _role(info: Info) -> Iterator[Finding]:
    if info.get("role") == "slave":
        yield error(
            "SMSFLEET_REDIS_URL leads to a replica, which takes no writes",
            "name the primary, or Sentinels that name it (docs/scale.md)",
        )
    if info.get("cluster_enabled") == "1":
        yield warning(
            "the server is a node of a cluster: moved slots are not followed",
            "use a server or Sentinels; docs/scale.md says what fits into a cluster",
        )
    replicas = int(info.get("connected_slaves", "0"))
    if replicas:
        yield note(
            f"{replicas} replicas: a failover may lose the last writes",
            "docs/operations.md says what that costs",
        )


def _persistence(info: Info) -> Iterator[Finding]:
    if info.get("loading") == "1":
        yield error("the server is loading its file", "wait; if it stays so, look at its log")
    for name, what in (
        ("aof_last_write_status", "the last write to the append-only file"),
        ("aof_last_bgrewrite_status", "the last rewrite of the append-only file"),
        ("rdb_last_bgsave_status", "the last snapshot"),
    ):
        if info.get(name, "ok") != "ok":
            yield error(f"{what} failed", "make room on the server's disk, look at its log")


def judge_memory(info: Info) -> Iterator[Finding]:
    """How full the server is: by its own limit, or by its machine where it has none."""
    used = int(info.get("used_memory", "0"))
    limit = int(info.get("maxmemory", "0"))
    total = int(info.get("total_system_memory", "0"))
    name = "maxmemory" if limit else "the machine's memory"
    of = limit or total
    if not of:
        return
    share = used / of
    said = f"{used / 2**20:.0f} MiB used, {share:.0%} of {name} ({of / 2**20:.0f} MiB)"
    todo = "give it more memory, or keep jobs for a shorter time (SMSFLEET_JOB_TTL_S); see docs/operations.md"
    if share >= FULL:
        yield error(said, todo)
    elif share >= NEARLY_FULL:
        yield warning(said, todo)
    else:
        yield ok(said)
    if not limit:
        yield note(
            "maxmemory is not set: a full machine ends the server instead of refusing writes",
            "set it below the memory that the machine has, leaving half for the rewrite of its file",
        )


def _latency(store: Store) -> Iterator[Finding]:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        store.run(checkup.ping())
        taken.append((time.perf_counter() - started) * 1000)
    best = min(taken)  # the way and the server alone: the others hold the doctor's own work too
    said = f"a round trip takes {best:.2f} ms, at worst {max(taken):.2f} ms"
    if best >= TOO_SLOW_MS:
        yield error(said, "each batch waits for it: bring the processes to Redis' own site")
    elif best >= SLOW_MS:
        yield warning(
            said, "is it another site, or a machine without CPU to spare? look at `redis-cli --latency`"
        )
    else:
        yield ok(said)


def _clock(store: Store, wall_ms: Callable[[], int]) -> Iterator[Finding]:
    before = wall_ms()
    server = store.run(server_time_ms())
    difference = server - (before + wall_ms()) // 2
    said = f"the clock of this machine is {apart(difference)} Redis' clock"
    todo = f"NTP on both: {NTP}"
    if abs(difference) >= CLOCK_TOO_MS:
        yield error(said, todo)
    elif abs(difference) >= CLOCK_MS:
        yield warning(said, todo)
    else:
        yield ok(said)


def apart(difference_ms: int) -> str:
    """How far one clock is before or behind another, which is `difference_ms` ahead of it."""
    if abs(difference_ms) < CLOCK_MS:
        return f"within {abs(difference_ms)} ms of"
    return f"{span(abs(difference_ms) / 1000)} {'behind' if difference_ms > 0 else 'ahead of'}"


def _scripts(store: Store) -> Iterator[Finding]:
    try:
        runs = store.run(checkup.scripts_run())
    except StoreUnavailable:
        raise
    except StoreError as failure:
        yield error(f"scripts cannot be run: {failure}", "let the user run EVALSHA, EVAL and SCRIPT LOAD")
        return
    yield ok("scripts run") if runs else error("a script gave a wrong answer", "is it a Redis?")


def _config(settings: dict[str, str]) -> Iterator[Finding]:
    if settings.get("appendfsync") == "no":
        yield warning(
            "appendfsync is no: a crash of the machine loses whatever its kernel had not written",
            "everysec, or always where not a second may be lost",
        )
    if int(settings.get("hash-max-listpack-value", "512")) < 512:
        yield note(
            "hash-max-listpack-value is below 512: a job takes three times the memory",
            "set it to 512",
        )
    if settings.get("save"):
        yield note("snapshots are made beside the append-only file", 'save "" spares them')


def _slow(durations_us: list[int]) -> Iterator[Finding]:
    worst = max(durations_us, default=0)
    if worst >= SLOW_COMMAND_US:
        yield warning(
            f"a command held the server for {worst / 1000:.0f} ms",
            "`redis-cli SLOWLOG GET` names it: is KEYS or another program's work among them?",
        )


def _keyspace(info: Info) -> Iterator[Finding]:
    databases = sorted(name for name in info if name.startswith("db") and name[2:].isdecimal())
    if len(databases) > 1:
        yield note(
            f"{len(databases)} databases are in use ({', '.join(databases[:10])}): other programs, or other "
            "accounts, share the server",
            "nothing that flushes it or needs an evicting policy may be among them",
        )


def _where_allowed(
    store: Store, call: Call[Any], judge: Callable[[Any], Iterator[Finding]]
) -> Iterator[Finding]:
    """A question that managed servers, or a careful ACL, may refuse."""
    try:
        answer = store.run(call)
    except StoreUnavailable:
        raise
    except StoreError:
        yield note(f"{call.arguments[0]} is refused here: not looked at", "run the doctor as the operator")
        return
    yield from judge(answer)
