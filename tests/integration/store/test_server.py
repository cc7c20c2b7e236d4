"""The check of a server at start, and the translation of its errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.config.errors import StoreError, StoreMisconfigured, StoreUnavailable
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore, Store
from smsfleet.store.jobs import TakenIn
from smsfleet.store.server import findings, require_durable, server_info, server_time_ms
from smsfleet.store.wire import START

GOOD = {"redis_version": "7.2.4", "aof_enabled": "1", "maxmemory_policy": "noeviction"}


@pytest.mark.server
def test_the_embedded_server_is_as_it_should_be(real_store: Store) -> None:
    info = real_store.run(server_info())

    assert findings(info) == []
    require_durable(info)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"redis_version": "6.2.14"}, "too old"),
        ({"aof_enabled": "0"}, "appendonly yes"),
        ({"maxmemory_policy": "allkeys-lru"}, "noeviction"),
    ],
)
def test_each_finding_says_what_to_do(changed: dict[str, str], words: str) -> None:
    (finding,) = findings(GOOD | changed)

    assert words in finding
    with pytest.raises(StoreMisconfigured, match=r"SMSFLEET_ALLOW_VOLATILE_REDIS=1"):
        require_durable(GOOD | changed)


@pytest.mark.parametrize("version", ["7.0.0", "7.2.4", "8.0.1", "10.1"])
def test_new_versions_are_accepted(version: str) -> None:
    assert findings(GOOD | {"redis_version": version}) == []


def test_the_servers_clock_is_in_milliseconds(fleet: Fleet) -> None:
    assert 1_600_000_000_000 < fleet.run(server_time_ms()) < 4_000_000_000_000


def test_a_script_that_the_server_forgot_is_sent_again(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.redis("SCRIPT FLUSH")

    assert fleet.take_in("j1") == TakenIn(False, "j1")
    fleet.redis("SCRIPT FLUSH")
    assert fleet.store.run_all([fleet.facts.find([b"M1"], [1]), fleet.facts.find([b"M2"], [1])]) == [
        [b""],
        [b""],
    ]


def test_no_calls_are_no_round_trip(fleet: Fleet) -> None:
    assert fleet.store.run_all([]) == []


def test_a_refused_command_is_a_store_error(fleet: Fleet) -> None:
    fleet.redis("SET", "text", "x")

    with pytest.raises(StoreError) as caught:
        fleet.redis("LPUSH", "text", "y")
    assert not isinstance(caught.value, StoreUnavailable)


def test_a_server_that_is_not_there_may_come_back() -> None:
    store = Store.connect(f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(StoreUnavailable):
        store.run(Call(("PING",), bool))
    store.close()


@pytest.mark.server
def test_a_server_that_only_reads_is_unavailable(real_store: Store) -> None:
    real_store.run(Call(("CONFIG", "SET", "min-replicas-to-write", "1"), bool))
    try:
        with pytest.raises(StoreUnavailable):
            Fleet(real_store).take_in("j1")
    finally:
        real_store.run(Call(("CONFIG", "SET", "min-replicas-to-write", "0"), bool))


@pytest.mark.server
async def test_the_awaiting_store_runs_the_same_calls(server: EmbeddedServer, real_store: Store) -> None:
    store = AsyncStore.connect(server.url, "test")
    fleet = Fleet(real_store)

    await store.run_all(fleet.facts.create_groups())
    fleet.take_in_and_admit("j1")
    token = await store.run(fleet.lease.acquire("A", 10.0))
    assert token is not None
    entries = await store.run(fleet.wire.take(10, START))
    fleet.redis("SCRIPT FLUSH")
    attempts = await store.run(fleet.wire.begin(token, entries))

    assert attempts == [1]
    assert await store.run_all([]) == []
    await store.close()


# --- the blocking store's connections ----------------------------------------------------------------


@pytest.fixture
def other_store(server: EmbeddedServer, real_store: Store) -> Iterator[Store]:
    """Another store on the server, with no connection yet."""
    store = Store.connect(server.url, "other")
    yield store
    store.close()


CLIENT_ID = Call(("CLIENT ID",), int)


@pytest.mark.server
def test_one_connection_serves_call_after_call(other_store: Store) -> None:
    assert 1 == len({other_store.run(CLIENT_ID) for _ in range(3)} | {*other_store.run_all([CLIENT_ID] * 2)})


@pytest.mark.server
def test_a_connection_that_the_server_closed_meanwhile_is_made_again(
    real_store: Store, other_store: Store
) -> None:
    first = other_store.run(CLIENT_ID)
    assert 1 == real_store.run(Call(("CLIENT KILL", "ID", first), int))

    assert first != other_store.run(CLIENT_ID)


@pytest.mark.server
def test_an_error_of_one_call_leaves_the_connection_and_the_others_have_run(other_store: Store) -> None:
    first = other_store.run(CLIENT_ID)
    calls = [Call(("SET", "a", "1"), bool), Call(("LPUSH", "a", "x"), int), Call(("SET", "b", "2"), bool)]

    with pytest.raises(StoreError, match="WRONGTYPE"):
        other_store.run_all(calls)
    assert [b"1", b"2"] == other_store.run(Call(("MGET", "a", "b"), list))
    assert first == other_store.run(CLIENT_ID)


@pytest.mark.server
def test_a_reply_that_nobody_read_is_not_taken_for_the_next(
    other_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_store.run(Call(("SET", "a", "1"), bool))
    with monkeypatch.context() as patch:  # a signal between what is written and what is read

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(other_store._idle[-1], "read_response", interrupted)
        with pytest.raises(KeyboardInterrupt):
            other_store.run(Call(("BLPOP", "nothing", "0.2"), bool))

    assert b"1" == other_store.run(Call(("GET", "a"), lambda reply: reply))


@pytest.mark.server
def test_threads_never_share_a_connection_at_the_same_time(other_store: Store) -> None:
    def echo(thread: int) -> bool:
        words = [b"%d %d" % (thread, number) for number in range(200)]
        return words == [other_store.run(Call(("ECHO", word), bytes)) for word in words]

    with ThreadPoolExecutor(8) as threads:
        assert [True] * 8 == list(threads.map(echo, range(8)))


@pytest.mark.server
def test_a_forked_process_has_connections_of_its_own(other_store: Store) -> None:
    parent = other_store.run(CLIENT_ID)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"%d" % other_store.run(CLIENT_ID))
        os._exit(0)
    os.waitpid(child, 0)

    assert parent != int(os.read(reader, 20))
    assert parent == other_store.run(CLIENT_ID)
    os.close(reader)
    os.close(writer)
