"""`smsfleet+redis://`: what is changed in kombu's transport, and that the rest still is kombu's."""

from __future__ import annotations

import inspect
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import kombu
import pytest
import redis
from kombu import Connection, Consumer, Queue
from kombu.transport import redis as kombus
from tests.integration.broker.fuse import Fuse
from tests.integration.waiting import wait_until
from tests.unit.tasks.test_soundness import UNSOUND, octets

import smsfleet.tasks  # noqa: F401 - makes the transport known
from smsfleet.cli.embedded import EmbeddedServer, find_server, free_port
from smsfleet.store.scripts import script
from smsfleet.tasks.transport import KEPT_OCTETS

pytestmark = pytest.mark.server

QUEUES = ["t.high", "t.bulk"]


@pytest.fixture
def connect(server: EmbeddedServer, raw: redis.Redis) -> Iterator[Callable[..., Connection]]:
    """Makes connections by the fleet's transport."""
    made: list[Connection] = []

    def make(port: int = server.port, **options: Any) -> Connection:
        given = {"queue_order_strategy": "priority", "idle_poll_s": 0.01} | options
        made.append(Connection(f"smsfleet+redis://127.0.0.1:{port}/0", transport_options=given))
        return made[-1]

    yield make
    for connection in made:
        connection.release()


@pytest.fixture
def fuse(server: EmbeddedServer) -> Iterator[Fuse]:
    """A way to the server that can be cut after so many octets."""
    made = Fuse(server.port)
    yield made
    made.end()


def put(connection: Connection, queue: str, *texts: str, priority: int = 0) -> None:
    with connection.Producer(auto_declare=False) as producer:
        for text in texts:
            producer.publish({"text": text}, exchange="", routing_key=queue, priority=priority)


class Reader:
    """A consumer of some queues that keeps what it gets."""

    def __init__(
        self, connection: Connection, queues: list[str], prefetch: int = 0, *, no_ack: bool = False
    ) -> None:
        self.messages: list[Any] = []
        self.connection = connection
        self.channel = connection.channel()
        made = [Queue(name) for name in queues]
        self.consumer = Consumer(self.channel, made, no_ack=no_ack, callbacks=[self._take], accept=["json"])
        if prefetch:
            self.consumer.qos(prefetch_count=prefetch)
        self.consumer.consume()

    def _take(self, body: Any, message: Any) -> None:
        message.text = body["text"]
        self.messages.append(message)

    def read(self, most: int = 6) -> list[str]:
        """Drain for a few turns; the texts so far."""
        for _ in range(most):
            try:
                self.connection.drain_events(timeout=0.2)
            except (Empty, TimeoutError, OSError):
                continue
        return [message.text for message in self.messages]


def test_a_claim_moves_messages_so_that_each_is_in_a_queue_or_unacknowledged(
    connect: Any, raw: redis.Redis
) -> None:
    put(connect(), "t.bulk", *(f"m{number}" for number in range(100)))
    reader = Reader(connect(claim_batch=30), QUEUES)

    reader.connection.drain_events(timeout=1)

    assert 30 == len(reader.messages)
    assert (70, 30, 30) == (raw.llen("t.bulk"), raw.hlen("unacked"), raw.zcard("unacked_index"))


def test_the_first_queue_is_served_first_and_within_a_queue_the_higher_priority(connect: Any) -> None:
    put(connect(), "t.bulk", "bulk")
    put(connect(), "t.high", "late", priority=9)
    put(connect(), "t.high", "early", priority=0)
    reader = Reader(connect(), QUEUES)

    assert ["early", "late", "bulk"] == reader.read()


def test_one_queue_holds_no_more_than_its_share_and_leaves_the_others_room(
    connect: Any, raw: redis.Redis
) -> None:
    put(connect(), "t.bulk", *(f"b{number}" for number in range(10)))
    reader = Reader(connect(queue_prefetch=4), QUEUES)
    reader.read()
    put(connect(), "t.high", "otp")

    texts = reader.read()

    assert ["b0", "b1", "b2", "b3", "otp"] == texts
    assert 6 == raw.llen("t.bulk")


def test_the_consumers_prefetch_count_is_respected(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", *(f"b{number}" for number in range(10)))
    reader = Reader(connect(), QUEUES, prefetch=3)

    reader.read()

    assert 3 == len(reader.messages)
    assert 7 == raw.llen("t.bulk")


def test_acknowledgements_are_collected_and_written_by_the_next_poll(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "a", "b")
    reader = Reader(connect(ack_interval_s=0.0), QUEUES)
    reader.read(1)
    for message in reader.messages:
        message.ack()
    before = raw.hlen("unacked")

    reader.read(2)

    assert (2, 0) == (before, raw.hlen("unacked"))
    assert 0 == raw.zcard("unacked_index")


@pytest.fixture
def read_only(raw: redis.Redis) -> Iterator[Callable[[bool], None]]:
    """Makes the server refuse writes, as a primary that has handed over does, or take them again."""
    port = free_port()  # nobody answers there: nothing is replicated

    def make(refusing: bool) -> None:
        raw.execute_command("REPLICAOF", *(("127.0.0.1", port) if refusing else ("NO", "ONE")))

    yield make
    make(False)


def test_acknowledgements_wait_for_a_server_that_takes_no_writes(
    connect: Any, raw: redis.Redis, read_only: Callable[[bool], None]
) -> None:
    put(connect(), "t.bulk", "a", "b")
    reader = Reader(connect(ack_interval_s=60.0), QUEUES)
    reader.read(1)
    for message in reader.messages:
        message.ack()

    read_only(True)
    with pytest.raises(redis.ReadOnlyError):
        reader.channel.flush_acks()
    read_only(False)

    assert 2 == raw.hlen("unacked")
    reader.channel.flush_acks()
    assert 0 == raw.hlen("unacked")


@pytest.mark.parametrize("octets", range(1_000, 21_000, 4_000))
def test_a_consumer_that_dies_while_it_acknowledges_leaves_nothing_that_nobody_gives_back(
    octets: int, connect: Any, raw: redis.Redis, fuse: Fuse
) -> None:
    put(connect(), "t.bulk", *(f"m{number}" for number in range(250)))
    mortal = Reader(connect(fuse.port, ack_interval_s=60.0), QUEUES)
    while len(mortal.messages) < 250:
        mortal.connection.drain_events(timeout=10)
    for message in mortal.messages:
        message.ack()

    fuse.blow_after(octets)
    with pytest.raises(redis.ConnectionError):
        mortal.channel.flush_acks()
    wait_until(lambda: not _clients(raw) & fuse.addresses, "the server has heard all that came")

    # What the index does not name is never given back, nor is it ever taken out.
    assert set(raw.zrange("unacked_index", 0, -1)) == set(raw.hkeys("unacked"))


def test_of_a_consumer_that_acknowledges_nothing_nothing_stays_recorded(
    connect: Any, raw: redis.Redis
) -> None:
    put(connect(), "t.bulk", *(f"reply {number}" for number in range(10)))
    reader = Reader(connect(queue_prefetch=4), ["t.bulk"], no_ack=True)

    texts = reader.read(12)

    assert [f"reply {number}" for number in range(10)] == texts
    assert (0, 0, 0) == (raw.hlen("unacked"), raw.zcard("unacked_index"), raw.llen("t.bulk"))


def test_closing_writes_acknowledgements_and_gives_the_rest_back(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "done", "open")
    reader = Reader(connect(), QUEUES)
    reader.read(2)
    reader.messages[0].ack()

    reader.channel.close()

    assert 0 == raw.hlen("unacked")
    assert ["open"] == [_text_of(text) for text in raw.lrange("t.bulk", 0, -1)]


def test_a_rejected_message_goes_back_to_its_queue(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "first", "second")
    reader = Reader(connect(), QUEUES, prefetch=1)
    reader.read(2)

    reader.messages[0].requeue()

    assert ["first", "second"] == reader.read()  # behind the others, as kombu does
    assert ["first"] == [_text_of(text) for text in raw.lrange("t.bulk", 0, -1)]


def test_what_a_dead_consumer_held_comes_back_after_the_visibility_timeout(
    connect: Any, raw: redis.Redis
) -> None:
    put(connect(), "t.bulk", "left")
    Reader(connect(), QUEUES).read(2)  # never acknowledged, never closed
    for tag, _ in raw.zrange("unacked_index", 0, -1, withscores=True):
        raw.zadd("unacked_index", {tag: 1.0})

    heir = Reader(connect(visibility_timeout=1, unacked_restore_throttle=1), QUEUES)
    heir.channel.qos.restore_visible(num=10, interval=1)

    assert ["left"] == heir.read()
    assert heir.messages[0].delivery_info["redelivered"]


def test_a_message_that_is_no_json_is_kept_aside_and_the_others_pass(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "good")
    raw.rpush("t.bulk", "{not json")
    reader = Reader(connect(ack_interval_s=0.0), QUEUES)

    texts = reader.read()

    assert ["good"] == texts
    assert ["{not json"] == raw.lrange("t.bulk.unreadable", 0, -1)
    assert 1 == raw.hlen("unacked")


def test_of_a_huge_message_that_is_no_json_only_the_beginning_is_kept(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "good")
    raw.rpush("t.bulk", "x" * 1_000_000)

    assert ["good"] == Reader(connect(ack_interval_s=0.0), QUEUES).read()
    assert ["x" * KEPT_OCTETS] == raw.lrange("t.bulk.unreadable", 0, -1)


def test_no_message_of_whatever_form_keeps_the_next_from_being_served(connect: Any, raw: redis.Redis) -> None:
    put(connect(), "t.bulk", "after")
    raw.rpush("t.bulk", *(octets(message) for message in UNSOUND.values()))
    reader = Reader(connect(ack_interval_s=0.0), QUEUES)
    started = time.monotonic()

    assert ["after"] == reader.read(12)

    # A text of 200 KB without a tag once held the server for minutes: its search began anew at each place.
    assert 30 > time.monotonic() - started
    assert len(UNSOUND) == raw.llen("t.bulk.unreadable")
    assert 1 == raw.hlen("unacked")


def test_no_message_of_whatever_form_keeps_the_others_of_a_dead_consumer_from_being_given_back(
    connect: Any, server: EmbeddedServer, raw: redis.Redis
) -> None:
    put(connect(), "t.bulk", "older")
    _claim_and_die(server, at=1.0)
    for number, message in enumerate(UNSOUND.values()):  # each with a tag of its own
        raw.rpush("t.bulk", octets(message).replace(b'"tag"', b'"tag %d"' % number))
    _claim_and_die(server, at=2.0)

    heir = Reader(connect(visibility_timeout=1, unacked_restore_throttle=1, ack_interval_s=0.0), QUEUES)
    heir.channel.qos.restore_visible(interval=1, num=None)

    assert ["older"] == heir.read(12)
    assert len(UNSOUND) == raw.llen("t.bulk.unreadable")
    assert (1, 1) == (raw.hlen("unacked"), raw.zcard("unacked_index"))


def test_scripts_flushed_from_the_server_are_sent_again(connect: Any, raw: redis.Redis) -> None:
    reader = Reader(connect(), QUEUES)
    reader.read(2)
    raw.script_flush()
    put(connect(), "t.bulk", "after")

    assert ["after"] == reader.read()


def test_a_key_prefix_is_kept_to(connect: Any, raw: redis.Redis) -> None:
    put(connect(global_keyprefix="shop:"), "t.bulk", "prefixed")
    reader = Reader(connect(global_keyprefix="shop:"), QUEUES)

    assert ["prefixed"] == reader.read()
    assert 1 == raw.hlen("shop:unacked")


def test_lengths_and_purge_are_kombus(connect: Any) -> None:
    connection = connect()
    queue = Queue("t.bulk")(connection.default_channel)
    queue.declare()
    put(connection, "t.bulk", "a", "b", "c")

    assert 3 == queue.queue_declare(passive=True).message_count
    assert 3 == queue.purge()


def test_the_url_is_shown_without_its_password_and_as_redis() -> None:
    connection = Connection("smsfleet+redis://user:pw-secret@localhost:6390/3")

    assert "redis://user:**@localhost:6390/3" == connection.as_uri()
    parameters = connection.transport.client
    assert ("localhost", 6390, "3") == (parameters.hostname, parameters.port, parameters.virtual_host)


def test_tls_urls_keep_their_options() -> None:
    connection = Connection("smsfleet+rediss://localhost:6390/0?ssl_cert_reqs=CERT_REQUIRED")

    assert connection.transport.client.ssl


def test_a_sentinel_names_the_server(server: EmbeddedServer, raw: redis.Redis, tmp_path: Path) -> None:
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"port {port}\nsentinel monitor fleet 127.0.0.1 {server.port} 1\n")
    process = subprocess.Popen(
        [find_server(), str(settings), "--sentinel"], stdout=subprocess.DEVNULL, cwd=tmp_path
    )
    try:
        _wait_for(port)
        url = f"smsfleet+sentinel://127.0.0.1:{port}"
        connection = Connection(url, transport_options={"master_name": "fleet", "idle_poll_s": 0.01})
        put(connection, "t.bulk", "by sentinel")
        reader = Reader(connection, QUEUES)

        assert ["by sentinel"] == reader.read()
        connection.release()
    finally:
        process.terminate()
        process.wait()


def test_kombu_is_the_version_whose_insides_the_transport_knows() -> None:
    changed = [
        f"kombu.transport.redis.{owner.__name__}.{name} is gone"
        for owner, names in (
            (kombus.Channel, ["_brpop_start", "_brpop_read", "_q_for_pri", "_flush_brpop_reauth", "_put"]),
            (kombus.QoS, ["append", "ack", "reject", "restore_unacked", "restore_by_tag"]),
            (kombus.MultiChannelPoller, ["_register_BRPOP", "on_poll_start", "maybe_restore_messages"]),
        )
        for name in names
        if not hasattr(owner, name)
    ]
    source = inspect.getsource(kombus.QoS.append)
    if "dumps([message._raw, EX, RK])" not in source:
        changed.append("QoS.append stores unacknowledged messages in another form: see claim.lua")
    if "_publish_batch" not in inspect.getsource(kombus.Channel._put):
        changed.append("Channel._put knows no publish batches: see tasks/messages.py")
    if not kombu.__version__.startswith("5.7."):
        changed.append(f"kombu is {kombu.__version__}: try the transport with it, then change this line")

    assert [] == changed


def _text_of(raw_message: str) -> str:
    import base64

    return str(json.loads(base64.b64decode(json.loads(raw_message)["body"]))["text"])


def _claim_and_die(server: EmbeddedServer, *, at: float) -> None:
    """What a consumer leaves that is killed before it has read what it claimed."""
    client = redis.Redis(port=server.port)
    client.eval(script("claim").source, 3, "unacked", "unacked_index", "t.bulk", 64, at, "t.bulk", 64)
    client.close()


def _clients(raw: redis.Redis) -> set[str]:
    return {client["addr"] for client in raw.client_list()}


def _wait_for(port: int) -> None:
    client = redis.Redis(
        port=port,
        retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200),
        retry_on_error=[redis.ConnectionError],
    )
    client.ping()
    client.close()
