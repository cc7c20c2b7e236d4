"""`smsfleet+redis://`: kombu's Redis transport with batches claimed and acknowledged atomically.

Kombu pops a message and records it as unacknowledged afterwards: a worker that dies in between loses it.
Here one script moves up to `claim_batch` messages from the queues, in the order of the worker's queues and
within each by priority, into kombu's own `unacked` structures. An empty claim is followed by a wait that
takes no message: on the queues' bells, which `send_sms.delay` rings, for at most `idle_poll_s`, after which
it is asked again, for those who publish without ringing. Acknowledgements are collected and written together.

Everything else (publishing, restoring after `visibility_timeout`, purge, queue lengths, inspect and other
broadcasts, TLS, Sentinel) is kombu's. URLs: `smsfleet+redis://`, `smsfleet+rediss://`,
`smsfleet+sentinel://a;sentinel://b` and the others that kombu's transport knows.

Depends on kombu 5.7's `transport.redis` (`Channel._brpop_start`, `_brpop_read`, `QoS.append`, `QoS.ack`,
`unacked` layout), pinned in pyproject.toml; tests/integration/broker/test_transport.py says what changed
when an upgrade breaks it.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from queue import Empty
from time import monotonic, time
from typing import Any

from kombu.transport import redis as base
from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.url import maybe_sanitize_url, parse_url
from redis.exceptions import NoScriptError, ResponseError

from smsfleet.config.logs import logger
from smsfleet.store.scripts import script
from smsfleet.tasks import soundness
from smsfleet.tasks.messages import bell

NAME = "smsfleet"
"""The URL prefix: kombu takes what stands before the `+` for the transport's name."""

BUSY_POLL_S = 0.005
"""How soon a worker with work in hand looks again; doubled while nothing changes, up to `idle_poll_s`."""

UNREADABLE = ".unreadable"
"""Suffix of the list that keeps messages which cannot be read: they would end each worker that takes them."""

KEPT_UNREADABLE = 1_000
"""The newest of them."""

KEPT_OCTETS = 65_536
"""Of each, from its beginning: what is wrong is seen there, and a thousand of 100 MB would fill Redis."""


class QoS(base.QoS):  # type: ignore[misc]
    """Kombu's bookkeeping, without a round trip for each message."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a delivered message; the claim has recorded it in Redis already."""
        if delivery_tag in self.channel.claimed:
            self.channel.claimed.discard(delivery_tag)
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Collect an acknowledgement; any thread may call it, the consuming one writes."""
        self.channel.acknowledged.append(delivery_tag)
        self.channel.let_go(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002
        """Give a message back, or drop it."""
        self.channel.let_go(delivery_tag)
        super().reject(delivery_tag, requeue)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002
        """Give a message back to its queue.

        One that cannot be read is kept aside: kombu's error would keep all that wait behind it from being
        given back, at each attempt. A consumer that was killed before it read what it claimed leaves such.
        """
        try:
            super().restore_by_tag(tag, client, leftmost)
        except soundness.UNSOUND as error:
            with self.channel.conn_or_acquire(client) as asked:
                kept = asked.hget(self.unacked_key, tag) or b""
                text, queue = _as_claimed(kept)
                pipeline = self._remove_from_indices(tag, asked.pipeline())
                self.channel.keep_aside(queue, text, error, pipeline)
                pipeline.execute()

    def restore_unacked(self, client: Any = None) -> None:
        """When the channel closes: write what is acknowledged, then give the rest back.

        Without a connection neither is possible: the messages come back by the visibility timeout.
        """
        if self.channel.is_gone:
            self._delivered.clear()
            return
        self.channel.flush_acks()
        super().restore_unacked(client)


class BatchChannel:
    """What is changed in kombu's channel, whether it speaks to one server or by Sentinel."""

    QoS = QoS
    claim_batch = 64
    """most messages of one claim"""
    ack_interval_s = 0.1
    """how long an acknowledgement may wait to be written"""
    idle_poll_s = 0.05
    """how long an idle worker waits for a bell before it asks again"""
    pace_s = 0.005
    """after a claim of a few that emptied the queues: how long the next come together (in a worker)"""
    queue_prefetch = 256
    """most unacknowledged messages of one queue: a queue whose jobs wait never keeps the others out"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.claimed: set[str] = set()
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        self._queue_of: dict[str, str] = {}
        self._without_ack: set[str] = set()
        self._wait_s = BUSY_POLL_S
        self._asked_for = 0
        self._pause_until = 0.0
        self._is_woken = False
        self.acknowledged: deque[str] = deque()
        self._claims = True
        self._script_is_known = False
        self._flushed_at = 0.0
        super().__init__(*args, **kwargs)

    @property
    def is_gone(self) -> bool:
        """Whether kombu has taken the connection away from under this channel."""
        connection = getattr(self, "connection", None)
        return connection is None or connection.client is None

    def basic_consume(self, queue: str, no_ack: bool = False, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Start to consume; of a queue without acknowledgement (replies of `inspect`) nothing is recorded."""
        if no_ack:
            self._without_ack.add(queue)
        else:
            self._without_ack.discard(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)  # type: ignore[misc]

    def decode_body(self, body: Any, encoding: Any = None) -> Any:
        """As kombu's; the body of nearly every job is known."""
        if body == soundness.EMPTY_BODY and encoding == "base64":
            return soundness.EMPTY_OCTETS
        return super().decode_body(body, encoding)  # type: ignore[misc]

    # --- acknowledging -------------------------------------------------------------------------

    def flush_acks(self) -> None:
        """Write the collected acknowledgements: one round trip, all or none of it.

        Many are sent in parts: of a process killed between them the first would count alone, and a message
        that only the hash still has is never given back and never taken out.
        """
        if self.is_gone:
            return
        tags = []
        while self.acknowledged:
            tags.append(self.acknowledged.popleft())
        self._flushed_at = monotonic()
        if not tags:
            return
        me: Any = self
        try:
            with me.conn_or_acquire() as client:
                pipeline = client.pipeline(transaction=True)
                pipeline.zrem(me.unacked_index_key, *tags)
                pipeline.hdel(me.unacked_key, *tags)
                pipeline.execute()
        except (*me.connection_errors, ResponseError):
            # Written later, or never: then the messages come again, and admitting twice changes nothing.
            self.acknowledged.extendleft(reversed(tags))
            raise

    def close(self) -> None:
        """Write what is acknowledged, then close."""
        me: Any = self
        try:
            if not me.closed:
                self.flush_acks()
        except (*me.connection_errors, ResponseError) as error:
            logger(__name__).warning("acknowledgements not written: their messages come again", error=error)
        finally:
            super().close()  # type: ignore[misc]

    def let_go(self, delivery_tag: str) -> None:
        """A message is done with: its queue has room for another."""
        queue = self._queue_of.pop(delivery_tag, None)
        if queue is not None:
            self._held[queue].discard(delivery_tag)
            self._wait_s = BUSY_POLL_S

    # --- claiming: in place of kombu's BRPOP ---------------------------------------------------

    def _brpop_start(self, timeout: float | None = None) -> None:  # noqa: ARG002 - kombu's signature
        me: Any = self
        if self.acknowledged and monotonic() - self._flushed_at >= self.ack_interval_s:
            self.flush_acks()
        room = {
            queue: self.queue_prefetch - len(self._held[queue])
            for queue in me._queue_cycle.consume(len(me.active_queues))
        }
        queues = [queue for queue, free in room.items() if free > 0]
        if not queues:
            return  # asked again at the loop's next turn, which an acknowledgement brings
        if self._is_pausing():
            return
        prefix = me.global_keyprefix or ""
        connection = me.client.connection
        me._in_poll = connection
        me._brpop_sent_at = monotonic()
        if not self._claims:
            # With work in hand a queue's room may come back without a bell: look again soon, then later.
            wait_s = min(self._wait_s, self.idle_poll_s) if self._queue_of else self.idle_poll_s
            self._wait_s *= 2
            connection.send_command("BLPOP", *(prefix + bell(queue) for queue in queues), wait_s)
            return
        most = me.qos.can_consume_max_estimate()
        count = self.claim_batch if most is None else max(1, min(most, self.claim_batch))
        lists = [(me._q_for_pri(queue, step), queue) for queue in queues for step in me.priority_steps]
        keys = [me.unacked_key, me.unacked_index_key, *(name for name, _ in lists)]
        # The first claim of a connection carries the script's text, so that the server knows it.
        claim = script("claim")
        how = ("EVALSHA", claim.sha) if self._script_is_known else ("EVAL", claim.source)
        self._asked_for = count
        limits = [value for _, queue in lists for value in (queue, room[queue])]
        connection.send_command(*how, len(keys), *(prefix + key for key in keys), count, time(), *limits)

    def _brpop_read(self, **_options: Any) -> bool:
        me: Any = self
        try:
            try:
                reply = me.client.connection.read_response()
            except NoScriptError:  # the server was restarted, or its scripts were flushed
                self._script_is_known = False
                raise Empty from None
            except me.connection_errors:
                self._script_is_known = False
                me.client.connection.disconnect()
                raise
            if not self._claims:
                self._claims = True
                raise Empty
            self._script_is_known = True
            if not reply:
                self._claims = False
                raise Empty
            self._wait_s = BUSY_POLL_S
            if len(reply) == 3 and self._asked_for > 1:  # a lone one: wait for the next
                self._claims = False
            elif len(reply) // 3 < self._asked_for:  # some: let more come
                self._pause_until = monotonic() + self.pace_s
            for position in range(0, len(reply), 3):
                self._deliver(bytes_to_str(reply[position]), reply[position + 1], reply[position + 2])
            if self._without_ack:
                self.flush_acks()  # at once: nobody may poll here again, and kombu would restore a read reply
            return True
        finally:
            me._in_poll = None
            me._flush_brpop_reauth()

    def _is_pausing(self) -> bool:
        """Whether the few messages that come together are still waited for; the loop's timer ends it."""
        me: Any = self
        left_s = self._pause_until - monotonic()
        loop = getattr(me.connection, "loop", None)
        if left_s <= 0 or loop is None:
            return False
        if not self._is_woken:
            self._is_woken = True
            loop.call_later(left_s, self._wake)
        return True

    def _wake(self) -> None:
        self._is_woken = False  # the timer has ended the loop's wait: it asks again in this turn

    def _deliver(self, queue: str, tag: bytes, raw: bytes) -> None:
        me: Any = self
        try:
            message, delivery_tag = soundness.read(raw)
        except soundness.UNSOUND as error:
            with me.conn_or_acquire() as client:
                self.keep_aside(queue, raw, error, client)
            self.acknowledged.append(bytes_to_str(tag))
            return
        if queue in self._without_ack:
            self.acknowledged.append(delivery_tag)
        else:
            self.claimed.add(delivery_tag)
            self._queue_of[delivery_tag] = queue
            self._held[queue].add(delivery_tag)
        me.connection._deliver(message, queue)

    # --- what cannot be read -------------------------------------------------------------------

    def keep_aside(self, queue: str, text: bytes, error: Exception, client: Any) -> None:
        """Keep a message for whoever looks into it: nobody serves it."""
        logger(__name__).error("a message is not readable: kept aside", queue=queue, error=error)
        client.lpush(queue + UNREADABLE, text[:KEPT_OCTETS])
        client.ltrim(queue + UNREADABLE, 0, KEPT_UNREADABLE - 1)

    def _do_restore_message(
        self,
        payload: Any,
        exchange: str,
        routing_key: str,
        pipe: Any,
        leftmost: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        if not soundness.can_be_marked(payload):  # kombu would log it and drop the message
            raise TypeError("its headers or delivery info are no objects")
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)  # type: ignore[misc]


def _as_claimed(kept: bytes) -> tuple[bytes, str]:
    """The text of a message and its queue, from what claim.lua noted: `[text, "", "queue"]`."""
    text, _, queue = kept.rpartition(b', "", ')
    return text.removeprefix(b"["), json.loads(queue.removesuffix(b"]"))


_OPTIONS = ("claim_batch", "ack_interval_s", "idle_poll_s", "pace_s", "queue_prefetch")


class Channel(BatchChannel, base.Channel):  # type: ignore[misc]
    """Kombu's Redis channel with batches."""

    from_transport_options = (*base.Channel.from_transport_options, *_OPTIONS)


class SentinelChannel(BatchChannel, base.SentinelChannel):  # type: ignore[misc]
    """Kombu's Sentinel channel with batches."""

    from_transport_options = (*base.SentinelChannel.from_transport_options, *_OPTIONS)


class _Client:
    """Kombu's Connection, with the parts of its URL that kombu leaves in `hostname` behind a `+`."""

    def __init__(self, client: Any) -> None:
        parsed = parse_url(client.hostname)
        self._client = client
        self._parsed = {name: value for name, value in parsed.items() if name != "transport"}
        self._parsed["alt"] = [url.removeprefix(f"{NAME}+") for url in client.alt]

    def __getattr__(self, name: str) -> Any:
        if name in self._parsed:
            return self._parsed[name]
        return getattr(self._client, name)


class Transport(base.Transport):  # type: ignore[misc]
    """Kombu's Redis transport with batches; `smsfleet` in kombu's list of transports."""

    Channel = Channel
    can_parse_url = True
    default_port = base.Transport.default_port

    def __init__(self, client: Any, **kwargs: Any) -> None:
        hostname = client.hostname or ""
        if hostname.startswith("sentinel://"):
            self.Channel = SentinelChannel
            self.default_port = base.SentinelTransport.default_port
        super().__init__(_Client(client) if "://" in hostname else client, **kwargs)

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:  # noqa: ARG002, FBT001, FBT002
        """The server's own URL, so that Flower and others recognise it."""
        return uri if include_password else maybe_sanitize_url(uri)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Besides kombu's timers: write acknowledgements although nothing is polled."""
        super().register_with_event_loop(connection, loop)
        self.loop = loop
        old = getattr(self.cycle, "_ack_tref", None)
        if old is not None:
            old.cancel()
        self.cycle._ack_tref = loop.call_repeatedly(Channel.ack_interval_s, self._flush_acks)

    def _flush_acks(self) -> None:
        for channel in list(self.cycle._channels):
            try:
                channel.flush_acks()
            except (*channel.connection_errors, ResponseError) as error:
                logger(__name__).warning("acknowledgements wait for the broker", error=error)
