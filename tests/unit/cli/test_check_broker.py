"""What the doctor says of a broker that is away, or refuses: a finding of one line, without its address."""

from __future__ import annotations

from typing import Any

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import AuthenticationError, OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisAway

from smsfleet.cli.check_broker import check_broker, check_workers
from smsfleet.cli.checkup import Severity, run_checks
from smsfleet.config.settings import load
from smsfleet.workers.runtime import Runtime

REDIS_URL = "redis://:hunter22@127.0.0.1:6379/0"

FAILURES = [
    RedisError("odd: hunter22"),
    RedisAway("hunter22"),
    ResponseError("WRONGTYPE hunter22"),
    OutOfMemoryError("command not allowed when used memory > 'maxmemory' hunter22"),
    AuthenticationError("hunter22"),
    OperationalError("hunter22"),
    ConnectionResetError("hunter22"),
]


class Refusing:
    """A Celery app whose broker fails at every question."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure
        self.control = self

    def connection_for_read(self) -> Any:
        raise self._failure

    def broadcast(self, *_: Any, **__: Any) -> Any:
        raise self._failure


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize(
    ("broker_url", "todo"),
    [
        ("redis://127.0.0.1:1/0", "mend SMSFLEET_BROKER_URL"),
        ("", "it is the store's server: see check `redis`"),
    ],
)
def test_a_broker_that_fails_is_a_finding_that_says_what_to_do(
    failure: Exception, broker_url: str, todo: str
) -> None:
    app: Any = Refusing(failure)
    settings = load({"SMSFLEET_REDIS_URL": REDIS_URL, "SMSFLEET_BROKER_URL": broker_url})

    found = run_checks(
        {
            "broker": lambda: check_broker(app, settings),
            "workers": lambda: check_workers(app, Runtime(settings, name="doctor"), 0.1, "1.0"),
        },
        10.0,
    )

    assert [("broker", Severity.ERROR), ("workers", Severity.ERROR)] == [
        (one.check, one.severity) for one in found
    ]
    assert f"is not reached: {type(failure).__name__}" in found[0].found
    assert f"workers cannot be asked: {type(failure).__name__}" == found[1].found
    assert todo in found[0].todo
    assert "hunter22" not in str(found)
