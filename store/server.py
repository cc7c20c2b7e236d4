"""Whether a Redis or Valkey server keeps what it is given: checked when a process starts."""

from __future__ import annotations

from typing import Any

from smsfleet.config.errors import StoreMisconfigured
from smsfleet.store.calls import Call

OLDEST = (7, 0)
"""Redis 7.0: the first with the stream and script behaviour that the scripts rely on."""


def server_info() -> Call[dict[str, str]]:
    """The server's INFO as a dictionary."""
    return Call(("INFO",), _info)


def server_time_ms() -> Call[int]:
    """The server's clock in milliseconds since the epoch."""
    return Call(("TIME",), lambda reply: int(reply[0]) * 1000 + int(reply[1]) // 1000)


def findings(info: dict[str, str]) -> list[str]:
    """What is wrong with a server for our purpose: one sentence each, with what to do."""
    found = []
    version = info.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        found.append(f"Redis {version} is too old: use Redis 7.0 or Valkey 8 or newer")
    if info.get("aof_enabled") != "1":
        found.append(
            "the append-only file is off, so a restart of Redis loses jobs: "
            "set `appendonly yes` (CONFIG SET appendonly yes)"
        )
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        found.append(
            f"maxmemory-policy is {info['maxmemory_policy']}, so Redis drops jobs when it is full: "
            "set `maxmemory-policy noeviction`"
        )
    return found


def require_durable(info: dict[str, str]) -> None:
    """Raise StoreMisconfigured when the server would lose data the way it is set up."""
    found = findings(info)
    if found:
        raise StoreMisconfigured(
            "; ".join(found) + " (SMSFLEET_ALLOW_VOLATILE_REDIS=1 starts all the same: data may be lost)"
        )


def _info(reply: Any) -> dict[str, str]:
    lines = reply.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
