"""Running calls on a server: `Store` blocks, `AsyncStore` awaits; what they run is the same `Call`.

Nothing else in the project speaks to Redis about our keys. Errors of the Redis client are translated here:
what may pass later is `StoreUnavailable`.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import hiredis
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from smsfleet.config.errors import StoreError, StoreUnavailable
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

_PASSING_WORDS = ("MISCONF", "NOREPLICAS", "OOM", "BUSY ", "MASTERDOWN", "LOADING", "UNBLOCKED")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the Redis client's errors into ours."""
    try:
        yield
    except redis.AuthenticationError as error:
        raise StoreError(
            f"Redis refused the login: check the user and password in SMSFLEET_REDIS_URL ({error})"
        ) from error
    except _PASSING as error:
        raise StoreUnavailable(f"Redis cannot be used now: {_without_command(error)}") from error
    except redis.ResponseError as error:
        said = _without_command(error)
        if said.startswith(_PASSING_WORDS):
            raise StoreUnavailable(f"Redis cannot take the write now: {said}") from error
        raise StoreError(f"Redis refused a command: {said}") from error


def _without_command(error: BaseException) -> str:
    """What the server said: the command holds numbers and texts."""
    return str(error).rpartition(_IN_A_PIPELINE)[2]


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
        return cls(redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_options(name)))

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


class _Packing:
    """Makes an asyncio connection pack its commands with hiredis, as redis-py's blocking one does.

    In Python, as redis-py does it there, it was a third of the binder's work: `begin` has 1,200 arguments.
    """

    def pack_command(self, *words: Any) -> list[bytes]:
        """One command in the protocol's form."""
        return [_packed(words)]


class AsyncStore:
    """Calls on a server, awaited."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._client.response_callbacks.clear()
        self._command: Callable[..., Awaitable[Any]] = client.execute_command
        self._loaded: set[str] = set()
        """scripts that the server has been seen to know, by their SHA"""

    @classmethod
    def connect(cls, url: str, name: str = "client") -> AsyncStore:
        """A store on `url`; the connection is made by the first call."""
        from redis.asyncio.retry import Retry as AsyncRetry  # noqa: PLC0415

        client = redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_options(name))
        pool = client.connection_pool
        pool.connection_class = type("PackingConnection", (_Packing, pool.connection_class), {})
        return cls(client)

    async def run(self, call: Call[T]) -> T:
        """Run one call; raises as `Store.run`."""
        with translated():
            reply = await _cancellable(self._execute(call))
        return call.parse(reply)

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Run calls in one round trip; each is atomic, all together are not."""
        with translated():
            replies = await _cancellable(self._execute_all(calls))
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
        await self._client.aclose()

    async def _execute(self, call: Call[Any]) -> Any:
        try:
            return await self._command(*_command(call))
        except redis.exceptions.NoScriptError:
            assert call.script is not None
            await self._command("SCRIPT LOAD", call.script.source)
            return await self._command(*_command(call))

    async def _execute_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        for call in calls:
            if call.script and call.script.sha not in self._loaded:
                await self._command("SCRIPT LOAD", call.script.source)
                self._loaded.add(call.script.sha)
        pipeline = self._client.pipeline(transaction=False)
        queue: Callable[..., Any] = pipeline.execute_command
        for call in calls:
            queue(*_command(call))
        try:
            return await pipeline.execute() if calls else []
        except redis.exceptions.NoScriptError as error:
            # Another server, or a restarted one: some of the calls may have run, so the caller must decide.
            self._loaded.clear()
            raise StoreUnavailable("Redis has lost its scripts: it was restarted") from error


async def _cancellable(work: Awaitable[T]) -> T:
    """Await, and end cancelled when a cancellation came meanwhile.

    redis-py sends within `asyncio.wait_for`, which up to Python 3.11 loses a cancellation that comes just as
    its awaitable ends.
    """
    task = asyncio.current_task()
    asked = task.cancelling() if task else 0
    result = await work
    if task and task.cancelling() > asked:
        raise asyncio.CancelledError
    return result


def _command(call: Call[Any]) -> Sequence[Any]:
    return ("EVALSHA", call.script.sha, *call.arguments) if call.script else call.arguments
