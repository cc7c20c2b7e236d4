"""Running calls on a server: `Store` blocks, `AsyncStore` awaits; what they run is the same `Call`.

Nothing else in the project speaks to Redis about our keys. Errors of the Redis client are translated here:
what may pass later is `StoreUnavailable`.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import hiredis
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from smsfleet.config.errors import StoreError, StoreForbidden, StoreMisconfigured, StoreUnavailable
from smsfleet.store import servers
from smsfleet.store.calls import Call

T = TypeVar("T")

SOCKET_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
MOST_CONNECTIONS = 5_000
"""Of one process: each wait for a job has one of its own; the client's own bound of 100 is soon met."""


_PASSING = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.BusyLoadingError,
    redis.ReadOnlyError,
    redis.OutOfMemoryError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    OSError,
)

_IN_A_PIPELINE = "of pipeline caused error: "
"""redis-py puts this, and before it the whole command, in front of an error within a pipeline."""

_FULL = "used memory > 'maxmemory'"
"""Redis says `OOM` before it, which its client takes off."""

_PASSING_WORDS = ("MISCONF", "NOREPLICAS", "OOM", "BUSY ", "MASTERDOWN", "LOADING", "UNBLOCKED")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the Redis client's errors into ours."""
    try:
        yield
    except redis.AuthenticationError as error:
        raise StoreMisconfigured(
            f"Redis refused the login: check the user and password in SMSFLEET_REDIS_URL ({error})"
        ) from error
    except _PASSING as error:
        raise StoreUnavailable(f"Redis cannot be used now: {why(error)}") from error
    except redis.InvalidResponse as error:  # which holds what was received, so it is not repeated
        raise StoreUnavailable(
            "what answers at SMSFLEET_REDIS_URL is no Redis, or speaks TLS: check host, port and scheme"
        ) from error
    except redis.exceptions.NoPermissionError as error:
        raise StoreForbidden(
            f"Redis refused a command: {_without_command(error)}; is the user in SMSFLEET_REDIS_URL the "
            "right one for SMSFLEET_ACCOUNT and this process? `smsfleet acl` prints what each may"
        ) from error
    except redis.ResponseError as error:
        said = _without_command(error)
        if said.startswith(_PASSING_WORDS):
            raise StoreUnavailable(f"Redis cannot take the write now: {said}") from error
        raise StoreError(f"Redis refused a command: {said}") from error


def why(error: BaseException) -> str:
    """Why Redis cannot be used, by what its client, or the broker's, raised; without the command."""
    said = _without_command(error)
    if _FULL in said:
        return f"it is full, raise its maxmemory ({said})"
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return f"{said}: is it frozen, or held by a long command?"
    return said


def _without_command(error: BaseException) -> str:
    """What the server said, without the command, which holds numbers and texts; a time-out says nothing."""
    return str(error).rpartition(_IN_A_PIPELINE)[2] or error.__class__.__name__


def _options(name: str) -> dict[str, Any]:
    # Protocol 2 and no response callbacks: replies stay as the server sent them and are read by `Call.parse`.
    # No retries by the client: a script that may have run is only run again by whoever knows what it did.
    return {
        "protocol": 2,
        "client_name": f"smsfleet-{name}",
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "max_connections": MOST_CONNECTIONS,
        "decode_responses": False,
    }


class Listener:
    """What is published in some channels."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def wait(self, timeout_s: float) -> bool:
        """Wait until something is published; False when nothing was. Raises StoreUnavailable.

        The server is not asked: it speaks when there is something to say.
        """
        with translated():
            return _spoke(self._subscription.get_message(timeout=timeout_s))


class AsyncListener:
    """The same, awaited."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    async def wait(self, timeout_s: float) -> bool:
        """Wait until something is published; False when nothing was. Raises StoreUnavailable."""
        with translated():
            return _spoke(await self._subscription.get_message(timeout=timeout_s))


def _spoke(message: Any) -> bool:
    return message is not None


class Store:
    """Calls on a server, blocking. Safe to share between threads; a process that was forked connects anew."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._pid = os.getpid()
        self._idle: deque[Any] = deque()
        """redis-py's connections that nobody uses now; the one used last is taken first

        Its own way through a pool, with counters, callbacks and retries that are not used here, costs an
        application a third of a call.
        """

    @classmethod
    def connect(cls, url: str, name: str = "client") -> Store:
        """A store on `url`; the connection is made by the first call."""
        return cls(servers.blocking_client(url, {"retry": Retry(NoBackoff(), 0), **_options(name)}))

    def run(self, call: Call[T]) -> T:
        """Run one call.

        Raises StoreUnavailable (try later), StoreError, or what the call's reading raises.
        """
        return self.run_all((call,))[0]

    def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Run calls in one round trip, in their order; each is atomic, all together are not.

        Raises as `run`, after all of them have run.
        """
        with translated():
            replies = self._replies(calls) if calls else ()
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    @contextmanager
    def listening(self, channels: Sequence[bytes]) -> Iterator[Listener]:
        """Hear what is published in channels, from now on until the block ends, on a connection of its own.

        Raises StoreUnavailable.
        """
        make: Callable[..., Any] = self._client.pubsub
        subscription = make(ignore_subscribe_messages=True)
        try:
            with translated():
                subscription.subscribe(*channels)
                for _ in channels:  # the server's word that it has them: nothing published later is missed
                    subscription.get_message(timeout=SOCKET_TIMEOUT_S)
            yield Listener(subscription)
        finally:
            subscription.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _replies(self, calls: Sequence[Call[Any]]) -> list[Any]:
        connection = self._take_connection()
        try:
            replies = _exchange(connection, [_command(call) for call in calls])
            for number, reply in enumerate(replies):
                script = calls[number].script
                # A server that does not know the script has not run it.
                if script is not None and isinstance(reply, redis.exceptions.NoScriptError):
                    loaded = ("SCRIPT LOAD", script.source)
                    replies[number] = _exchange(connection, [loaded, _command(calls[number])])[1]
        except BaseException:  # a signal's, too: a reply that nobody read would be taken for the next
            connection.disconnect()
            raise
        finally:
            self._idle.append(connection)
        for reply in replies:
            if isinstance(reply, redis.ResponseError):
                raise reply
        return replies

    def _take_connection(self) -> Any:
        """A connection that is ready: one that the server has closed meanwhile is made again."""
        if self._pid != os.getpid():
            self._pid, self._idle = os.getpid(), deque()
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._client.connection_pool.get_connection()
        try:
            ready = not connection.can_read()
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            ready = False
        if not ready:
            try:
                connection.disconnect()
                connection.connect()
            except BaseException:
                self._idle.append(connection)
                raise
        return connection


def _exchange(connection: Any, commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands together and read their replies; a command's error is its reply."""
    connection.send_packed_command([_packed(words) for words in commands], check_health=False)
    replies = []
    for _ in commands:
        try:
            replies.append(connection.read_response())
        except redis.ResponseError as error:
            replies.append(error)
    return replies


def _packed(words: Sequence[Any]) -> bytes:
    """One command in the protocol's form; a name like `SCRIPT LOAD` is two words of it."""
    name = words[0]
    names = tuple(name.encode().split()) if isinstance(name, str) else (name,)
    packed: bytes = hiredis.pack_command((*names, *words[1:]))
    return packed


class AsyncStore:
    """Calls on a server, awaited."""

    timeout_s: float | None = SOCKET_TIMEOUT_S
    """Of one exchange, with its connecting."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._pool: Any = client.connection_pool
        self._idle: list[Any] = []
        """redis-py's connections that nobody uses now, as in `Store`

        Its own way through a pool has a task, a lock and counters for each call: time between an answer and
        the next submit_sm.
        """

    @classmethod
    def connect(cls, url: str, name: str = "client") -> AsyncStore:
        """A store on `url`; the connection is made by the first call."""
        from redis.asyncio.retry import Retry as AsyncRetry  # noqa: PLC0415

        return cls(servers.async_client(url, {"retry": AsyncRetry(NoBackoff(), 0), **_options(name)}))

    async def run(self, call: Call[T]) -> T:
        """Run one call; raises as `Store.run`."""
        with translated():
            replies = await self._replies((call,))
        return call.parse(replies[0])

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Run calls in one round trip; each is atomic, all together are not."""
        with translated():
            replies = await self._replies(calls) if calls else ()
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    @asynccontextmanager
    async def listening(self, channels: Sequence[bytes]) -> AsyncIterator[AsyncListener]:
        """Hear what is published in channels; as `Store.listening`."""
        make: Callable[..., Any] = self._client.pubsub
        subscription = make(ignore_subscribe_messages=True)
        try:
            with translated():
                await subscription.subscribe(*channels)
                for _ in channels:
                    await subscription.get_message(timeout=SOCKET_TIMEOUT_S)
            yield AsyncListener(subscription)
        finally:
            await subscription.aclose()

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().disconnect()
        await self._client.aclose()

    async def _replies(self, calls: Sequence[Call[Any]]) -> list[Any]:
        commands = [_command(call) for call in calls]
        async with asyncio.timeout(self.timeout_s):
            connection = self._idle.pop() if self._idle else self._make_connection()
            try:
                await self._pool.ensure_connection(connection)
                replies = await _exchange_async(connection, commands)
                for number, reply in enumerate(replies):
                    script = calls[number].script
                    # A server that does not know the script has not run it.
                    if script is not None and isinstance(reply, redis.exceptions.NoScriptError):
                        loaded = ("SCRIPT LOAD", script.source)
                        replies[number] = (await _exchange_async(connection, [loaded, commands[number]]))[1]
            except BaseException:  # when cancelled, too: a reply that nobody read would be taken for the next
                await connection.disconnect(nowait=True)
                raise
            self._idle.append(connection)
        for reply in replies:
            if isinstance(reply, redis.ResponseError):
                raise reply
        return replies

    def _make_connection(self) -> Any:
        connection = self._pool.make_connection()
        connection.socket_timeout = (
            None  # one for the whole call, instead of a task and a timer for each part
        )
        return connection


async def _exchange_async(connection: Any, commands: Sequence[Sequence[Any]]) -> list[Any]:
    """As `_exchange`, awaited."""
    await connection.send_packed_command([_packed(words) for words in commands], check_health=False)
    replies = []
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except redis.ResponseError as error:
            replies.append(error)
    return replies


def _command(call: Call[Any]) -> Sequence[Any]:
    return ("EVALSHA", call.script.sha, *call.arguments) if call.script else call.arguments
