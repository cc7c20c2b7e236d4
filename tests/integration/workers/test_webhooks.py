"""Webhooks: signed, tried on our own schedule, only where they may go, no host at another's cost."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from tests.integration.binder.test_tls import Authority
from tests.integration.store.steps import NOW_MS, Fleet
from tests.integration.waiting import eventually
from tests.integration.workers.receiver import Receiver

from smsfleet.config.webhook_settings import load_webhooks
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.outbox import Outbox
from smsfleet.tasks import verify_webhook
from smsfleet.workers import webhooks as module
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.webhooks import Webhooks

SECRET = "0123456789abcdef-of-the-test"
LOCAL = {"http": "1", "allow": "127.0.0.0/8", "timeout_s": "5"}
BODY = '{"event_id":"e1","state":"DELIVERED"}'

Make = Callable[..., "Hooked"]


class Hooked:
    """The webhooks of a worker at a moment that the test moves."""

    def __init__(self, runtime: Runtime, settings: dict[str, str]) -> None:
        environment = {f"SMSFLEET_WEBHOOK_{name.upper()}": value for name, value in settings.items()}
        self.now_ms = NOW_MS
        self.asked: list[str] = []
        self.runtime = runtime
        self.hooks = Hooks(runtime.keys)
        self.webhooks = Webhooks(
            runtime,
            load_webhooks({"SMSFLEET_WEBHOOK_SECRET": SECRET, **environment}),
            clock_ms=lambda: self.now_ms,
            uniform=lambda _low, _high: 1.0,
            resolve=self.resolve,
        )
        self.addresses: list[str] = ["127.0.0.1"]

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.addresses

    def add(self, url: str, event_id: str = "e1", host: str = "") -> None:
        entry_id = self.runtime.store.run(Outbox(self.runtime.keys).put(url, "{}"))
        posting = Posting(event_id, url, host or url.split("/")[2], BODY, self.now_ms)
        assert 1 == self.runtime.store.run(self.hooks.add(posting, entry_id))

    async def round(self) -> int:
        """Try what is due, and wait for the tries; how many."""
        async with self.webhooks._client() as client:
            begun = await self.webhooks.step(client)
            await self.webhooks.finish()
        return begun

    @property
    def waiting(self) -> int:
        return self.runtime.store.run(self.hooks.waiting())

    @property
    def undelivered(self) -> list[tuple[str, int, str]]:
        letters = self.runtime.store.run(self.hooks.undelivered("-", 100))
        return [(letter.posting.event_id, letter.posting.attempts, letter.why) for letter in letters]


@pytest.fixture
def make(runtime: Runtime) -> Make:
    runtime.store.run(Outbox(runtime.keys).create_group())
    return lambda **settings: Hooked(runtime, LOCAL | settings)


@asynccontextmanager
async def receiver(*answers: str, **options: object) -> AsyncIterator[Receiver]:
    async with Receiver(list(answers) or ["204 No Content"], **options) as started:  # type: ignore[arg-type]
        yield started


async def test_an_event_is_posted_and_its_signature_is_that_of_the_secret(make: Make) -> None:
    hooked = make()
    async with receiver() as server:
        hooked.add(f"http://billing.example:{server.port}/sms?of=1")

        assert 1 == await hooked.round()

    (request,) = server.got
    headers = request.headers
    assert "POST /sms?of=1 HTTP/1.1" == request.line
    assert (f"billing.example:{server.port}", "application/json", "e1", BODY.encode()) == (
        headers["host"], headers["content-type"], headers["smsfleet-event-id"], request.body,
    )  # fmt: skip
    signed = {"timestamp": headers["smsfleet-timestamp"], "signature": headers["smsfleet-signature"]}
    assert str(NOW_MS // 1000) == signed["timestamp"]
    assert verify_webhook(SECRET, request.body, **signed, clock=lambda: NOW_MS / 1000)
    assert (0, []) == (hooked.waiting, hooked.undelivered)


async def test_a_host_whose_schedule_is_damaged_holds_up_no_other(make: Make, fleet: Fleet) -> None:
    hooked = make()
    async with receiver() as server:
        for host in ("billing.example", "other.example"):
            hooked.add(f"http://{host}:{server.port}/sms", event_id=host)
        bad = fleet.keys.hook(f"billing.example:{server.port}")
        fleet.redis("DEL", bad)
        fleet.redis("SET", bad, "x")

        assert 1 == await hooked.round()

    assert ["other.example"] == [request.headers["smsfleet-event-id"] for request in server.got]


async def test_a_name_is_resolved_once_and_its_address_is_where_the_request_goes(make: Make) -> None:
    hooked = make()
    async with receiver() as server:
        hooked.add(f"http://no-such-name.invalid:{server.port}/")

        await hooked.round()

    assert (["no-such-name.invalid"], 1) == (hooked.asked, len(server.got))


async def test_a_failed_try_comes_again_after_a_delay_that_doubles(make: Make) -> None:
    hooked = make(backoff_s="10")
    async with receiver("500 x", "503 x", "204 x") as server:
        hooked.add(f"http://a.example:{server.port}/")
        tries = []
        for after_s in (0, 9.999, 0.001, 19.999, 0.001):
            hooked.now_ms += round(after_s * 1000)
            tries.append(await hooked.round())

    assert ([1, 0, 1, 0, 1], 0, []) == (tries, hooked.waiting, hooked.undelivered)


async def test_a_server_that_asks_for_patience_gets_it(make: Make) -> None:
    hooked = make(backoff_s="1")
    async with receiver("429 x\r\nRetry-After: 30", "204 x") as server:
        hooked.add(f"http://a.example:{server.port}/")
        await hooked.round()
        hooked.now_ms += 29_999
        early = await hooked.round()
        waits = hooked.runtime.store.run(hooked.hooks.queue(f"a.example:{server.port}"))
        hooked.now_ms += 1

        assert (0, 1) == (early, await hooked.round())
        assert waits is not None
        assert waits.tried is not None
        assert "answered 429" == waits.tried.why


@pytest.mark.parametrize(
    ("settings", "tries"),
    [({"attempts": "3", "backoff_s": "1"}, 3), ({"max_age_s": "12", "backoff_s": "5"}, 2)],
)
async def test_an_event_that_no_try_brought_through_is_kept_for_an_operator(
    make: Make, settings: dict[str, str], tries: int
) -> None:
    hooked = make(**settings)
    async with receiver("500 x") as server:
        hooked.add(f"http://a.example:{server.port}/")
        for _ in range(10):
            await hooked.round()
            hooked.now_ms += 6_000

    assert ([("e1", tries, "answered 500")], 0) == (hooked.undelivered, hooked.waiting)
    assert tries == len(server.got)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("410 Gone", "answered 410"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "answered 302: redirects are not followed"),
    ],
)
async def test_an_answer_that_no_try_will_change_ends_it_at_once(make: Make, answer: str, why: str) -> None:
    hooked = make()
    async with receiver(answer) as server:
        hooked.add(f"http://a.example:{server.port}/")
        await hooked.round()

    ((_, tries, said),) = hooked.undelivered
    assert (1, True, 1) == (tries, said.startswith(why), len(server.got))


@pytest.mark.parametrize(
    ("settings", "addresses", "why"),
    [
        ({"allow": ""}, ["127.0.0.1"], "127.0.0.1 is not public"),
        ({"allow": ""}, ["93.184.216.34", "10.0.0.1"], "10.0.0.1 is not public"),
        ({"allow": "10.0.0.0/8"}, ["169.254.169.254"], "169.254.169.254 is not public"),
        ({"allow": "other.example"}, ["::ffff:127.0.0.1"], "is not public"),
        ({"http": "0"}, ["127.0.0.1"], "http:// is refused"),
        ({}, [], "has no address"),
    ],
)
async def test_where_no_webhook_may_go_none_goes(
    make: Make, settings: dict[str, str], addresses: list[str], why: str
) -> None:
    hooked = make(**settings)
    hooked.addresses = addresses
    async with receiver() as server:
        hooked.add(f"http://a.example:{server.port}/")
        await hooked.round()

    ((_, _, said),) = hooked.undelivered
    assert why in said
    assert [] == server.got


async def test_a_host_that_the_settings_name_may_have_any_address(make: Make) -> None:
    hooked = make(allow="a.example")
    async with receiver() as server:
        hooked.add(f"http://A.example:{server.port}/")
        await hooked.round()

    assert 1 == len(server.got)


@pytest.mark.parametrize("url", ["", "ftp://a.example/", "https://a.example:99999/"])
async def test_what_is_no_url_is_given_up(make: Make, url: str) -> None:
    hooked = make()
    hooked.add(url, host="a.example:443")
    await hooked.round()

    assert ["e1"] == [event_id for event_id, _, _ in hooked.undelivered]


async def test_a_server_that_is_not_there_is_tried_again(make: Make) -> None:
    hooked = make()
    async with receiver() as server:
        pass
    hooked.add(f"http://a.example:{server.port}/")
    await hooked.round()

    assert (1, []) == (hooked.waiting, hooked.undelivered)


async def test_a_name_that_does_not_resolve_is_tried_again(make: Make) -> None:
    hooked = make()

    async def fails(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    hooked.webhooks._resolve = fails
    hooked.add("http://a.example/")
    await hooked.round()

    assert (1, []) == (hooked.waiting, hooked.undelivered)


async def test_a_body_without_end_is_not_read(make: Make) -> None:
    hooked = make()
    async with receiver("200 OK", endless=True) as server:
        hooked.add(f"http://a.example:{server.port}/")
        await hooked.round()

    assert (0, []) == (hooked.waiting, hooked.undelivered)


async def test_a_silent_server_holds_up_nobody_and_gets_few_places(make: Make) -> None:
    hooked = make(timeout_s="30", per_host="2", concurrency="4")
    async with receiver(silent=True) as silent, receiver() as healthy:
        for number in range(10):
            hooked.add(f"http://silent.example:{silent.port}/", f"s{number}")
        for number in range(5):
            hooked.add(f"http://healthy.example:{healthy.port}/", f"h{number}")
        async with hooked.webhooks._client() as client:

            async def all_of_the_healthy() -> bool:
                await hooked.webhooks.step(client)
                return len(healthy.got) == 5

            await eventually_true(all_of_the_healthy)
            at_the_silent = len(silent.got)
            for task in list(hooked.webhooks._tries):
                task.cancel()
            await eventually(lambda: not hooked.webhooks._tries)

    assert (2, True) == (at_the_silent, healthy.most_at_once <= 2)


async def test_hosts_that_are_away_get_one_place_each_and_half_of_all_together(make: Make) -> None:
    hooked = make(timeout_s="0.05", per_host="4", concurrency="4", backoff_s="0.001", attempts="100")
    async with receiver(silent=True) as silent:
        names = [f"away{number}.example:{silent.port}" for number in range(6)]
        for name in names:
            hooked.add(f"http://{name}/", name)
        for _ in range(4):
            await hooked.round()
            hooked.now_ms += 1_000
        assert set(names) == hooked.webhooks._away

        assert 2 == await hooked.round()


async def eventually_true(condition: Callable[[], Awaitable[bool]]) -> None:
    """Repeat until it is true; the test's own time limit ends it."""
    for _ in range(10_000):
        if await condition():
            return
    raise AssertionError("never")


async def test_two_workers_post_an_event_once(make: Make) -> None:
    first, second = make(), make()
    async with receiver() as server:
        for number in range(8):
            first.add(f"http://a.example:{server.port}/", f"e{number}")
        assert 8 == sum([await hooked.round() for hooked in (first, second, first)])

    assert 8 == len({request.headers["smsfleet-event-id"] for request in server.got}) == len(server.got)


async def test_a_lone_place_is_enough_for_a_host_that_was_away(make: Make) -> None:
    hooked = make(concurrency="1", backoff_s="1")
    async with receiver() as server:
        pass
    hooked.add(f"http://a.example:{server.port}/")
    await hooked.round()
    hooked.now_ms += 1_000

    assert 1 == await hooked.round()


async def test_the_next_event_does_not_wait_for_the_next_look(
    make: Make, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_S", 3600.0)
    runtime.stopping = Event()
    hooked = make(per_host="1")
    async with receiver() as server:
        for number in range(5):
            hooked.add(f"http://a.example:{server.port}/", f"e{number}")
        thread = Thread(target=hooked.webhooks.run)
        thread.start()
        try:
            await eventually(lambda: hooked.waiting == 0)
        finally:
            runtime.stopping.set()
            monkeypatch.setattr(module, "TICK_S", 0.01)
            hooked.webhooks._freed._loop.call_soon_threadsafe(hooked.webhooks._freed.set)  # type: ignore[union-attr]
            thread.join(10)

    assert (5, False) == (len(server.got), thread.is_alive())


async def test_a_worker_posts_until_it_is_stopped(make: Make, runtime: Runtime, fleet: Fleet) -> None:
    runtime.stopping = Event()
    hooked = make()
    async with receiver() as server:
        hooked.add(f"http://a.example:{server.port}/")
        thread = Thread(target=hooked.webhooks.run)
        thread.start()
        try:
            await eventually(lambda: server.got)
        finally:
            runtime.stopping.set()
            thread.join(10)

    assert (False, 0) == (thread.is_alive(), hooked.waiting)


# --- TLS ----------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates")
@pytest.mark.parametrize(("name", "taken"), [("billing.example", 1), ("other.example", 0)])
async def test_the_certificate_must_be_that_of_the_name(
    make: Make, tmp_path: Path, name: str, taken: int
) -> None:
    authority = Authority.make(tmp_path / "ca")
    hooked = make(ca_file=authority.certificate)
    async with receiver(context=authority.server(name)) as server:
        hooked.add(f"https://billing.example:{server.port}/")
        await hooked.round()

    assert (taken, 1 - taken) == (len(server.got), hooked.waiting)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates")
async def test_a_certificate_of_an_unknown_authority_is_refused(make: Make, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "ca")
    hooked = make()
    async with receiver(context=authority.server("billing.example")) as server:
        hooked.add(f"https://billing.example:{server.port}/")
        await hooked.round()

    assert (0, 1) == (len(server.got), hooked.waiting)
