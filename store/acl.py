"""Redis ACL users, one for each role: what it may touch, and by which commands. Nothing else is allowed.

A user's key patterns bind the scripts too: Redis checks every command inside a script against the user that
runs it. So an application, whatever it sends, cannot take the lease, read the outbound streams, lift a pause
or see another account. tests/acceptance/test_acl.py runs a whole fleet with these users.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache

from smsfleet.store.scripts import FOLDER

ROLES = ("application", "worker", "binder", "operator", "web", "flower")

_CALLS = re.compile(r"redis\.p?call\('([A-Z]+)'")

CONNECTION = ("ping", "hello", "select", "reset", "quit", "client")
OF_OTHERS = ("kill", "list", "no-evict", "pause", "reply", "tracking", "unblock", "unpause")
"""What `client` could do to connections of others; named one by one, because Redis 7.0 knows no `setinfo`."""

SCRIPTS = ("eval", "evalsha", "script|load", "script|exists")

BROKER_KEYS = (
    "sms.*", "smsfleet.bell.*", "unacked*", "_kombu.binding*", "*.celery.pidbox*", "celeryev*",
)  # fmt: skip
"""Queues of the lanes with their priorities, bells, what workers hold, kombu's bindings, remote control."""

QUEUE_KEYS = ("sms.*", "smsfleet.bell.*", "_kombu.binding*.sms*")
"""What publishing needs of them. Not what workers hold, nor remote control: that may end every worker."""

BROKER_CHANNELS = ("celery.pidbox", "celeryev", "celeryev/*")
"""Behind `/<database>.`; whoever subscribes by a pattern needs that very pattern."""

PUBLISHING = ("multi", "exec", "lpush", "sadd", "smembers", "llen", "exists", "publish", "get", "del", "time")
CONSUMING = (
    *PUBLISHING, "rpush", "blpop", "brpop", "rpop", "lpop", "watch", "unwatch", "set", "setnx", "expire",
    "srem", "hset", "hget", "hdel", "hmget", "hlen", "zadd", "zrem", "zrange", "zrevrangebyscore",
    "zrangebyscore", "zscore", "zcard", "subscribe", "psubscribe", "unsubscribe", "punsubscribe", "discard",
)  # fmt: skip
READING = (
    "get", "mget", "ttl", "pttl", "exists", "hget", "hmget", "hgetall", "hlen", "hkeys", "hscan", "hexists",
    "llen", "lrange", "xlen", "xrange", "xrevrange", "xpending", "zcard", "zrange", "zrangebyscore",
    "zrevrange", "zscore", "zmscore", "smembers", "time", "type", "memory|usage",
)  # fmt: skip

READ = "read:"
"""Before a key that a role may look at and not change."""

JOBS = (
    "job:*", "content:*", "intake:*", "watermark:*", "scheduled", "aside", "status", "outbox", "reference:*",
    "redelivered:*", "waiting", "delayed", "held", "campaign:*", "campaigns", "campaigns:*",
)  # fmt: skip
"""What taking a job or a campaign in, cancelling it, and reading it touch."""

FACTS = (
    "responses", "deliveries", "takeover", "answers", "receipts", "dead", "orphans", "orphan:*", "strays",
    "index:*",
)  # fmt: skip
WORK = (
    *JOBS, *FACTS, "inflight", "outbound:*", "doubts", "doubted", "rate", "pause", "quota:*", "mo", "seen:*",
    "last:*", "parts:*", "collecting", "routing", "optedout", "optedout:*", "hooks", "hooked", "hook:*",
    "undelivered", "queries", "queried:*", "query:*", "walk:*", "live", "status:counts", "credits",
    "credits:*", READ + "binder",
)  # fmt: skip
"""All that happens to a job, except who may speak to the gateway."""

BIND = ("lease", "lease:number", "fence", "binder", "bind", "journal", "capture", "captured:*")
WIRE = (
    "job:*", "content:*", "status", "outbox", "waiting", "delayed", "held", "inflight", "outbound:*",
    "responses", "deliveries", "answers", "doubts", "doubted", "rate", "pause", "live", "queries",
    "queried:*", "query:*", "optedout:recent", "orphans", "orphan:*", "campaigns:*",
)  # fmt: skip


@cache
def script_commands() -> tuple[str, ...]:
    """The commands that the scripts call: read from them, so that this stays true."""
    found = {
        command.lower()
        for path in FOLDER.glob("*.lua")
        for command in _CALLS.findall(path.read_text("utf-8"))
    }
    return tuple(sorted(found))


def rules(role: str, account: str, database: int = 0, queues: Sequence[str] = ()) -> str:
    """What follows a user's name and password in an ACL file; `database` is the broker's.

    `queues` are those of applications' tasks that workers call. Raises KeyError for a role that is none.
    """
    keys, channels, broker, commands = _GRANTS[role]
    prefix = "{" + account + "}:"
    words = ["resetkeys", "resetchannels", "-@all"]
    words += [
        f"%R~{prefix}{key.removeprefix(READ)}" if key.startswith(READ) else f"~{prefix}{key}" for key in keys
    ]
    words += [f"~{key}" for key in broker]
    if role == "worker":
        # kombu puts two control characters and a digit behind the name of a queue for its priorities.
        words += [f"~{queue}{priority}" for queue in queues for priority in ("", "??[0-9]")]
    words += [f"&{prefix}{channel}" for channel in channels]
    words += [f"&/{database}.{channel}" for channel in (BROKER_CHANNELS if broker == BROKER_KEYS else ())]
    words += [f"+{command}" for command in sorted({*CONNECTION, *commands})]
    words += [f"-client|{part}" for part in OF_OTHERS if f"client|{part}" not in commands]
    return " ".join(words)


def user_line(role: str, account: str, password: str, database: int = 0, queues: Sequence[str] = ()) -> str:
    """A line of an ACL file; it holds the digest of the password."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    allowed = rules(role, account, database, queues)
    return f"user {user_name(role, account)} on sanitize-payload #{digest} {allowed}"


def user_name(role: str, account: str) -> str:
    """The name of a role's user: one for each account."""
    return f"{account}-{role}"


def _grants() -> dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    scripted = (*SCRIPTS, *script_commands())
    changed = ("changed:*",)
    fleet = ("mget", "xreadgroup", "xautoclaim", "xread", "xrevrange", "getdel", "hscan", "scan", "info")
    watching = (
        *READING,
        *scripted,
        *PUBLISHING,
        "scan",
        "info",
        "dbsize",
        "getdel",
        "subscribe",
        "unsubscribe",
    )
    asking = ("client|list", "config|get", "slowlog|get")
    return {
        # keys, channels, keys of the broker (all of them: its channels too), commands
        "application": (
            (*JOBS, "mo", READ + "live"), changed, QUEUE_KEYS,
            (*scripted, *PUBLISHING, "xrange", "xrevrange", "zrevrange", "mget", "subscribe", "unsubscribe"),
        ),
        "worker": (WORK, changed, BROKER_KEYS, (*scripted, *CONSUMING, *fleet)),
        "binder": ((*BIND, *WIRE), changed, (), (*scripted, *fleet)),
        "operator": (("*",), changed, BROKER_KEYS, (*watching, *CONSUMING, *asking)),
        "web": ((*WORK, *BIND), changed, BROKER_KEYS, watching),
        "flower": ((), (), BROKER_KEYS, (*SCRIPTS, *CONSUMING)),
    }  # fmt: skip


_GRANTS = _grants()
