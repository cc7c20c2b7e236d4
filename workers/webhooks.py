"""Webhooks: events are posted to applications' servers, on our own schedule.

An event is tried until a server answers 2xx, again after a growing delay; in the end it is undelivered and
kept for an operator. A host that is slow or gone takes few places: no other host waits for it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import HookRefused, RecordError, StoreError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.config.webhook_settings import WebhookSettings
from smsfleet.store.calls import Call
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.workers.consuming import RETRY_MOST_S, RETRY_S
from smsfleet.workers.doors import Doors
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.signature import EVENT_ID, SIGNATURE, TIMESTAMP, sign

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

TICK_S = 0.2
"""How often due events are looked for."""

CLAIM_MARGIN_S = 60.0
"""An event that is tried is due again so long after its try must have ended."""

HOSTS = 100
MOST_HOSTS = 10_000

GONE = 410
"""The server says that nobody wants these events any more (RFC 9110 §15.5.11)."""

LONGEST_RETRY_AFTER_S = 3600

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Tried(NamedTuple):
    """What became of one try."""

    why: str
    """empty: the server took the event"""
    for_good: bool = False
    """True: no further try can help"""
    wait_s: float = 0.0
    """the server asks to wait so long"""
    is_away: bool = False
    """the server cannot be reached, or does not answer in time"""


class Webhooks:
    """Posts the due events of one account, as many at a time as the settings allow."""

    def __init__(
        self,
        runtime: Runtime,
        settings: WebhookSettings,
        *,
        clock_ms: Callable[[], int] = epoch_ms,
        uniform: Callable[[float, float], float] = random.uniform,
        resolve: Resolve | None = None,
    ) -> None:
        assert settings.secret is not None
        self._runtime = runtime
        self._settings = settings
        self._secret = settings.secret.get_secret_value()
        self._clock_ms = clock_ms
        self._uniform = uniform
        self._resolve = resolve or self._look_up
        self._doors = Doors(settings)
        self._hooks = Hooks(runtime.keys)
        self._tries: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._at: Counter[str] = Counter()
        """tries at a time, by host"""
        self._away: set[str] = set()
        """hosts whose last try found nobody: they get one place each, and half of all at most"""
        # Threads of their own: names that resolve slowly must not hold up the store, nor the other way round.
        self._resolver = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="webhook-names")
        self._storing = ThreadPoolExecutor(4, thread_name_prefix="webhook-store")
        self._log = logger(__name__)

    def run(self) -> None:
        """Post events until the runtime is stopping."""
        try:
            asyncio.run(self._run())
        finally:
            self._resolver.shutdown(wait=False, cancel_futures=True)
            self._storing.shutdown(wait=False)

    async def _run(self) -> None:
        stopping, delay = self._runtime.stopping, RETRY_S
        async with self._client() as client:
            while not stopping.is_set():
                try:
                    await self.step(client)
                    delay = RETRY_S
                    await self._pause()
                except StoreUnavailable as error:
                    self._log.warning("webhooks wait for the store", error=error)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RETRY_MOST_S)
            await self.finish()

    async def _pause(self) -> None:
        """Until a place is free, or it is time to look what is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await self._freed.wait()
        self._freed.clear()

    async def finish(self) -> None:
        """Wait for the tries that were begun."""
        while self._tries:
            await asyncio.wait(self._tries)

    async def step(self, client: httpx.AsyncClient) -> int:
        """Begin to post what is due, within the bounds; how many events."""
        begun = 0
        for first in range(0, MOST_HOSTS, HOSTS):
            hosts = await self._store(self._hooks.hosts(self._clock_ms(), first, HOSTS))
            for host in hosts:
                if room := self._room(host):
                    begun += await self._begin(client, host, room)
            if len(hosts) < HOSTS:
                break
        return begun

    def _room(self, host: str) -> int:
        settings, free = self._settings, self._settings.concurrency - len(self._tries)
        if host not in self._away:
            return max(0, min(free, settings.per_host - self._at[host]))
        lost = sum(self._at[other] for other in self._away)
        return max(0, min(free, max(1, settings.concurrency // 2) - lost, 1 - self._at[host]))

    async def _begin(self, client: httpx.AsyncClient, host: str, room: int) -> int:
        claim_ms = round((self._settings.timeout_s + CLAIM_MARGIN_S) * 1000)
        try:
            postings = await self._store(self._hooks.claim(host, self._clock_ms(), claim_ms, room))
        except RecordError as error:  # the schedule of this host alone
            self._log.error("webhooks of a host wait", host=host, error=error)
            return 0
        for posting in postings:
            self._at[host] += 1
            task = asyncio.create_task(self._deliver(client, posting))
            self._tries.add(task)
            task.add_done_callback(self._tries.discard)
        return len(postings)

    async def _deliver(self, client: httpx.AsyncClient, posting: Posting) -> None:
        try:
            tried = await self._try(client, posting)
            (self._away.add if tried.is_away else self._away.discard)(posting.host)
            await self._store(self._next(posting, tried))
        except StoreError as error:  # its claim ends, then it is tried again
            self._log.warning("a try of a webhook is not noted", event_id=posting.event_id, error=error)
        finally:
            self._freed.set()
            self._at[posting.host] -= 1
            self._at += Counter()  # forgets the hosts without a try

    def _next(self, posting: Posting, tried: Tried) -> Call[int]:
        """What is done with an event after its try."""
        if not tried.why:
            return self._hooks.taken(posting)
        failed, settings, now_ms = posting.failed(tried.why), self._settings, self._clock_ms()
        delay_s = min(settings.backoff_s * 2 ** (failed.attempts - 1), settings.backoff_max_s)
        due_ms = now_ms + round(max(delay_s * self._uniform(0.75, 1.25), tried.wait_s) * 1000)
        too_old = due_ms > failed.since_ms + settings.max_age_s * 1000
        if tried.for_good or failed.attempts >= settings.attempts or too_old:
            self._log.error(
                "a webhook did not take an event: undelivered",
                event_id=failed.event_id, host=failed.host, tries=failed.attempts, why=tried.why,
            )  # fmt: skip
            return self._hooks.bury(failed, tried.why)
        self._log.info(
            "a webhook failed, trying again", host=failed.host, why=tried.why, wait_ms=due_ms - now_ms
        )
        return self._hooks.again(failed, due_ms)

    async def _try(self, client: httpx.AsyncClient, posting: Posting) -> Tried:
        """Post one event: the status line and the headers of the answer are all that is read."""
        import httpx  # noqa: PLC0415 - the worker's side: applications never need it

        try:
            async with asyncio.timeout(self._settings.timeout_s):
                request = await self._request(client, posting)
                response = await client.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            return Tried(f"no answer within {self._settings.timeout_s:g} s", is_away=True)
        except HookRefused as error:
            return Tried(str(error), for_good=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            return Tried(f"the URL cannot be used: {error}", for_good=True)
        except (httpx.HTTPError, OSError) as error:
            return Tried(f"{type(error).__name__}: {error}", is_away=True)
        return _said(response)

    async def _request(self, client: httpx.AsyncClient, posting: Posting) -> httpx.Request:
        """The signed request, to an address that may be called; the certificate is that of the name."""
        import httpx  # noqa: PLC0415

        url = httpx.URL(posting.url)
        self._doors.check_scheme(url.scheme)
        port = url.port or (443 if url.scheme == "https" else 80)
        if port > 65_535:
            raise HookRefused(f"port {port} is refused: it must be at most 65535")
        address = self._doors.choose(url.host, await self._resolve(url.host, port))
        timestamp, body = str(self._clock_ms() // 1000), posting.body.encode()
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "smsfleet",
            EVENT_ID: posting.event_id,
            TIMESTAMP: timestamp,
            SIGNATURE: sign(self._secret, timestamp, body),
        }
        extensions = {"sni_hostname": url.raw_host.decode("ascii").strip("[]")}
        place = url.copy_with(host=address)
        return client.build_request("POST", place, content=body, headers=headers, extensions=extensions)

    def _client(self) -> httpx.AsyncClient:
        """No proxy of the environment (it would resolve names by itself), no redirects, no cookies kept.

        No connection is kept either: it would belong to an address, and two names may share one.
        """
        import httpx  # noqa: PLC0415

        settings = self._settings
        return httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=settings.ca_file or None),
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name."""
        loop = asyncio.get_running_loop()
        found: Any = await loop.run_in_executor(
            self._resolver, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [row[4][0] for row in found]

    async def _store(self, call: Call[T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._storing, self._runtime.store.run, call)


def _said(response: httpx.Response) -> Tried:
    if response.is_success:
        return Tried("")
    why = f"answered {response.status_code}"
    if response.is_redirect:
        return Tried(f"{why}: redirects are not followed, name the place itself", for_good=True)
    return Tried(why, response.status_code == GONE, _retry_after_s(response.headers.get("Retry-After")))


def _retry_after_s(value: str | None) -> float:
    """The seconds of a header Retry-After; a date in it counts as none."""
    return min(float(value), LONGEST_RETRY_AFTER_S) if value and value.isdecimal() else 0.0
