"""Two accounts, two binders, two gateways, one store: a cluster's node, which refuses whatever touches two slots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from redis.crc import key_slot
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.acceptance.servers import ClusterNode
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.embedded import free_port
from smsfleet.config.errors import StoreError, UnknownJob
from smsfleet.store.keys import Keys
from smsfleet.tasks import cancel, job_status, send_sms, wait_for_status

COUNT = 20


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Fleet]]:
    """One store for both, a broker's database for each, and settings of their own."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with ExitStack() as stack:
        broker_port = free_port()
        first = Fleet(
            one, SMSFLEET_ACCOUNT="one", SMSFLEET_BROKER_URL=f"smsfleet+redis://127.0.0.1:{broker_port}/0"
        )
        first.redis = ClusterNode(one / "redis")
        first.redis.port = free_port()
        second = Fleet(
            two,
            SMSFLEET_ACCOUNT="two",
            SMSFLEET_REDIS_URL=first.redis.url,
            SMSFLEET_BROKER_URL=f"smsfleet+redis://127.0.0.1:{broker_port}/1",
        )
        second.redis.port = broker_port
        for fleet in (second, first):
            stack.enter_context(fleet)
        for fleet in (first, second):
            fleet.use()
            fleet.options["simulator"] = ("--receipt-delay", "0.2")
            fleet.start("simulator", "binder", "worker")
        yield first, second


def test_each_account_has_its_own_bind_queues_keys_and_statuses(accounts: tuple[Fleet, Fleet]) -> None:
    sent: dict[str, list[str]] = {}
    for offset, fleet in zip((0, 100), accounts, strict=True):
        fleet.use()
        jobs = [
            send_sms.delay(number(offset + n), "Hello", lane=("high", "bulk")[n % 2]) for n in range(COUNT)
        ]
        sent[str(offset)] = [job.id for job in jobs]
        assert {"DELIVERED"} == {wait_for_status(job.id, timeout=30).state for job in jobs}
    one, two = accounts

    # Each gateway heard its own account's, once each, from one bind.
    for offset, fleet in zip((0, 100), accounts, strict=True):
        destinations = sorted(line["destination"] for line in fleet.smsc.accepted)
        assert [number(offset + n) for n in range(COUNT)] == destinations
        assert [0] == fleet.smsc.bind_statuses
    # Neither account knows the other's jobs, and the same id may be in both.
    with pytest.raises(UnknownJob):
        job_status(sent["0"][0])
    # All that is stored belongs to one of them, in one slot each.
    with redis.Redis(port=one.redis.port) as client:
        keys = set(client.scan_iter(count=1000))
    for fleet in accounts:
        own = {key for key in keys if key.startswith(fleet.keys.prefix)}
        keys -= own
        assert 10 < len(own)
        assert 1 == len({key_slot(key) for key in own})
    assert set() == keys
    assert key_slot(one.keys.lease) != key_slot(two.keys.lease)
    # The brokers are apart by their databases.
    for database, fleet in enumerate(accounts):
        with redis.Redis(port=two.redis.port, db=database, decode_responses=True) as client:
            names = [key for key in client.scan_iter() if "celery@" in key or key.startswith("_kombu")]
            assert names
            assert 0 == client.llen("sms.high")
            assert fleet.runtime.settings.broker.endswith(f"/{database}")


def test_what_the_first_test_did_not_touch_fits_into_the_slot_too(
    accounts: tuple[Fleet, Fleet],
    smsfleet: Smsfleet,  # noqa: F811
) -> None:
    one, _ = accounts
    one.use()
    later = send_sms.delay(number(50), "Later", at=3600.0, idempotency_key="later")
    long = send_sms.delay(number(51), "A text of two segments. " * 8, client="shop", callback="task:a.b@app")

    cancel(later.id)
    for arguments in (
        ("jobs", "--limit", "5"), ("held", "list"), ("dead", "list"), ("receipts",), ("callbacks", "list"),
        ("pause",), ("resume",), ("bind", "status"), ("optout", "add", number(9)), ("capture", "--last", "2"),
        ("erase", number(50)),
    ):  # fmt: skip
        done = smsfleet(*arguments, account="one", redis_url=one.redis.url)
        assert done.exit_code not in (69, 70, 78), (arguments, done.stderr)
    one.use()
    wait_until(lambda: job_status(long.id).final, "a long job is final")
    assert "CANCELLED" == job_status(later.id).state
    assert "CROSSSLOT" not in one.logs()


def test_a_broker_in_the_clusters_own_keys_is_refused_by_it(accounts: tuple[Fleet, Fleet]) -> None:
    one, _ = accounts
    keys = Keys("one")

    with pytest.raises(StoreError, match="slot"):
        one.command("EVAL", "return redis.call('LPUSH', KEYS[2], '')", 2, keys.job("x"), "sms.high")
