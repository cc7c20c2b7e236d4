"""start_campaign and what a Campaign says and does; the worker's side is called in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.store.steps import PERMANENT, Fleet
from tests.integration.workers.conftest import Stopping

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import (
    IdempotencyConflict,
    InvalidArgument,
    InvalidText,
    SenderDenied,
    StoreUnavailable,
    UnknownCampaign,
)
from smsfleet.config.settings import load
from smsfleet.store import campaigns as stored
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.keys import DAY_MS
from smsfleet.store.opt_out import OptedOut
from smsfleet.tasks import (
    Campaign,
    campaign_results,
    campaigns,
    find_campaign,
    job_status,
    send_sms,
    start_campaign,
)
from smsfleet.tasks.app import app, use_runtime
from smsfleet.tasks.campaign_start import CHUNK_ROWS
from smsfleet.tasks.chunk import handled
from smsfleet.workers import chunks
from smsfleet.workers.campaign_rows import RowMaker
from smsfleet.workers.chunks import Chunks
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("runtime")


def numbers(count: int, first: int = 0) -> list[str]:
    return [f"2799910{n:04d}" for n in range(first, first + count)]


def work(runtime: Runtime) -> None:
    """What the workers do until nothing is given out any more."""
    todo: list[tuple[str, int]] = []
    for campaign in campaigns():
        _, given = runtime.store.run(runtime.campaigns.next_chunks(campaign.campaign_id))
        todo += [(campaign.campaign_id, number) for number in given]
    playing = runtime.store.run_all([_in_play(runtime)])[0]
    todo += [one for one in playing if one not in todo]
    while todo:
        campaign_id, number = todo.pop(0)
        todo += [(campaign_id, next_one) for next_one in Chunks(runtime).handle(campaign_id, number).publish]


def _in_play(runtime: Runtime) -> Any:
    def read(reply: Any) -> list[tuple[str, int]]:
        parts = [chunk.decode().split(".") for chunk in reply]
        return [(campaign_id, int(number)) for campaign_id, number in parts]

    return Call(("ZRANGE", runtime.keys.campaign_chunks, 0, -1), read)


def sent(fleet: Fleet) -> dict[bytes, bytes]:
    """Everything in the bulk stream goes out and is accepted; message ids by ref."""
    ids = {}
    for entry in fleet.take(1000):
        assert fleet.begin([entry]) == [1]
        ids[entry.ref] = b"M" + entry.ref
        assert fleet.answer(entry.ref, message_id=ids[entry.ref]) == "accepted"
    return ids


# --- taking rows --------------------------------------------------------------------------------


def test_rows_become_jobs_like_those_of_send_sms(runtime: Runtime, fleet: Fleet) -> None:
    rows = [{"to": to, "name": f"N{at}"} for at, to in enumerate(numbers(3))]
    campaign = start_campaign(rows, "Hello {name}", sender="Shop", name="Autumn", client="billing")
    work(runtime)

    status = job_status(f"{campaign.id}:2")

    assert ("QUEUED", "27999100001", "bulk", "billing") == (
        status.state,
        status.to,
        status.lane,
        status.client,
    )
    assert [b"Hello N0", b"Hello N1", b"Hello N2"] == [entry.body[-8:] for entry in fleet.take()]
    assert ("running", "Autumn", 3, 3) == (
        campaign.progress().state, campaign.progress().name, campaign.counts().rows, campaign.counts().queued,
    )  # fmt: skip


def test_no_number_and_no_text_is_in_a_message(runtime: Runtime) -> None:
    published: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "send_task", lambda *args, **options: published.append((args, options)))
        campaign = start_campaign(numbers(3), "secret words")

    assert [f"{campaign.id}.1"] == [options["task_id"] for _, options in published]
    assert "secret" not in repr(published)
    assert "2799910" not in repr(published)


def test_the_recipients_are_read_row_by_row() -> None:
    ahead: list[int] = []
    read = 0

    def rows() -> Iterator[str]:
        nonlocal read
        for to in numbers(CHUNK_ROWS * 4):
            read += 1
            yield to

    start_campaign(rows(), "Hello", on_progress=lambda taken: ahead.append(read - taken))

    assert len(ahead) == 4
    assert max(ahead) <= 2 * CHUNK_ROWS


def test_a_campaign_without_recipients_is_finished_at_once(runtime: Runtime) -> None:
    campaign = start_campaign([], "Hello")

    assert ("finished", 1.0, []) == (
        campaign.progress().state,
        campaign.progress().done,
        list(campaign.results()),
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, InvalidText),
        ({"text": "Hello {"}, InvalidText),
        ({"text": "{a.b}"}, InvalidText),
        ({"text": "x" * 5000}, InvalidText),
        ({"text": None}, InvalidText),
        ({"lane": "fast"}, InvalidArgument),
        ({"sender": "much too long a name"}, InvalidArgument),
        ({"rate": 0}, InvalidArgument),
        ({"rate": "5"}, InvalidArgument),
        ({"duplicates": "maybe"}, InvalidArgument),
        ({"name": "x" * 101}, InvalidArgument),
        ({"idempotency_key": "a b"}, InvalidArgument),
        ({"data": b"x"}, InvalidArgument),
        ({"no_such_option": 1}, InvalidArgument),
        ({"at": timedelta(days=31)}, InvalidArgument),
    ],
)
def test_what_no_row_could_be_sent_with_is_refused_at_once(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    given = {"text": "Hello"} | arguments

    with pytest.raises(error):
        start_campaign(numbers(1), **given)

    assert campaigns() == []


@pytest.mark.parametrize(
    "recipients", ["27999100001", "customers.csv", b"27999100001", {"to": "27999100001"}]
)
def test_one_recipient_or_the_name_of_a_file_is_no_list_of_recipients(recipients: Any) -> None:
    with pytest.raises(InvalidArgument, match="read_recipients"):
        start_campaign(recipients, "Hello")

    assert [] == campaigns()


def test_a_sender_that_is_not_registered_is_refused_at_once(store: Store) -> None:
    use_runtime(Runtime(load({"SMSFLEET_SENDERS": "Shop", "SMSFLEET_BROKER_URL": "memory://"}), store=store))

    with pytest.raises(SenderDenied):
        start_campaign(numbers(1), "Hello", sender="Other")


def test_braces_may_be_taken_as_they_are(runtime: Runtime, fleet: Fleet) -> None:
    start_campaign(numbers(1), "{a} {", template=False)
    work(runtime)

    assert [b"\x1b(a\x1b) \x1b("] == [entry.body[-8:] for entry in fleet.take()]  # GSM escapes


def test_rows_that_cannot_be_sent_are_refused_with_their_numbers(runtime: Runtime) -> None:
    rows = [*numbers(2), "12", None, "+27 99 910 0001", {"to": "27999100005"}]
    campaign = start_campaign(rows, "Hello")
    work(runtime)

    found = [(refusal.row, refusal.code) for refusal in campaign.refused()]

    assert [(3, "invalid-destination"), (4, "invalid-destination"), (5, "duplicate")] == found
    assert [(5, "duplicate")] == [(refusal.row, refusal.code) for refusal in campaign.refused(after=4)]
    assert ["QUEUED", "QUEUED", "REFUSED", "REFUSED", "REFUSED", "QUEUED"] == [
        result.state for result in campaign.results()
    ]
    assert (3, {"invalid-destination": 2, "duplicate": 1}) == (
        campaign.counts().refused, campaign.counts().refused_by,
    )  # fmt: skip


def test_rows_are_counted_as_the_jobs_that_they_become(runtime: Runtime) -> None:
    start_campaign([*numbers(3), "not a number", *numbers(1)], "Hello")
    work(runtime)

    counted = {
        labels: value
        for name, labels, value in runtime.counts.readings()
        if name.endswith("jobs_total") and value
    }

    assert {("admitted",): 3, ("refused",): 2} == counted


def test_a_refused_row_whose_reason_is_not_kept_is_known_for_one(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (stored, campaign_results):
        monkeypatch.setattr(place, "LISTED_REFUSALS", 1)
    campaign = start_campaign(["x", "y", *numbers(1)], "Hello")
    before = [result.state for result in campaign.results()]
    work(runtime)

    _, second, sent = campaign.results()

    assert ["PENDING"] * 3 == before
    assert ("REFUSED", "too many were refused: its reason is not kept") == (second.state, second.error)
    assert "QUEUED" == sent.state


@pytest.mark.parametrize(("sender", "is_linked"), [("", True), ("27821234567", True), ("Shop", False)])
def test_a_reply_is_linked_to_a_row_unless_it_is_from_a_name(
    runtime: Runtime, sender: str, is_linked: bool
) -> None:
    campaign = start_campaign([*numbers(1), "not a number", *numbers(1)], "Hello", sender=sender)
    work(runtime)

    calls = runtime.mo.last_jobs(numbers(1)[0], epoch_ms() // DAY_MS, 86_400)
    linked = {job_id for job_id in runtime.store.run_all(calls) if job_id}

    assert ({f"{campaign.id}:1"} if is_linked else set()) == linked


def test_opted_out_numbers_are_refused(runtime: Runtime, fleet: Fleet) -> None:
    fleet.run(fleet.opt_outs.add([OptedOut("27999100001")]))
    campaign = start_campaign(numbers(2), "Hello")
    insistent = start_campaign(numbers(2), "Hello", ignore_opt_out=True)
    work(runtime)

    assert [(2, "opted-out")] == [(refusal.row, refusal.code) for refusal in campaign.refused()]
    assert (1, 2) == (campaign.counts().queued, insistent.counts().queued)


def test_long_texts_have_a_reference_for_each_number(runtime: Runtime, fleet: Fleet) -> None:
    start_campaign(numbers(2), "x" * 161)
    work(runtime)

    assert 4 == len(fleet.take())


# --- the same key again -------------------------------------------------------------------------


class Killed(Exception):
    """Stands for a kill: the submitter is gone in the middle."""


def broken(rows: list[str], at: int) -> Iterator[str]:
    yield from rows[:at]
    raise Killed


class Deaf:
    """A store whose first reply to a script is lost on its way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_deaf = True

    def run(self, call: Call[Any]) -> Any:
        reply = self._store.run(call)
        if self._is_deaf and call.script is not None:
            self._is_deaf = False
            raise StoreUnavailable("the connection was closed before the reply")
        return reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_campaign_whose_begin_was_not_heard_of_is_not_begun_twice(runtime: Runtime) -> None:
    runtime.store = Deaf(runtime.store)  # type: ignore[assignment]
    runtime.stopping = Stopping()

    campaign = start_campaign(numbers(1), "Hello")

    assert [(campaign.id, 1)] == [(one.campaign_id, one.counts.rows) for one in campaigns()]


def test_a_submitter_that_was_killed_goes_on_where_it_was(runtime: Runtime) -> None:
    rows = numbers(CHUNK_ROWS * 3 + 10)
    with pytest.raises(Killed):
        start_campaign(broken(rows, CHUNK_ROWS * 2 + 5), "Hello", idempotency_key="autumn")
    found = find_campaign("autumn")
    before = (found.progress().state, found.counts().rows)
    work(runtime)

    campaign = start_campaign(rows, "Hello", idempotency_key="autumn")
    work(runtime)

    assert ("submitting", CHUNK_ROWS) == before
    assert (found, len(rows), len(rows)) == (campaign, campaign.counts().rows, campaign.counts().queued)
    assert rows == [result.to for result in campaign.results()]


@pytest.fixture
def narrow(store: Store) -> Runtime:
    """Four chunks of a campaign may wait, besides those that are given out."""
    given = {"CAMPAIGN_CHUNKS": "4", "RATE": "100000", "BROKER_URL": "memory://"}
    runtime = Runtime(load({f"SMSFLEET_{name}": value for name, value in given.items()}), store=store)
    runtime.stopping = Stopping()
    use_runtime(runtime)
    return runtime


def test_a_submitter_waits_while_too_many_chunks_do(narrow: Runtime) -> None:
    stopping = narrow.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = lambda: work(narrow) if len(stopping.waits) == 3 else None

    campaign = start_campaign(numbers(CHUNK_ROWS * 10), "Hello", lane="normal")

    assert (3, CHUNK_ROWS * 10) == (len(stopping.waits), campaign.counts().rows)


def test_a_submitter_whose_process_is_stopping_does_not_wait(narrow: Runtime) -> None:
    narrow.stopping.set()

    with pytest.raises(StoreUnavailable, match="stopping"):
        start_campaign(numbers(CHUNK_ROWS * 10), "Hello")


@pytest.mark.parametrize("count", [0, 1, CHUNK_ROWS, CHUNK_ROWS + 1])
def test_a_submission_that_ended_is_the_same_campaign_for_the_same_rows(runtime: Runtime, count: int) -> None:
    first = start_campaign(numbers(count), "Hello", idempotency_key="autumn")
    work(runtime)
    before = first.counts()

    assert first == start_campaign(numbers(count), "Hello", idempotency_key="autumn")
    assert before == first.counts()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*numbers(CHUNK_ROWS * 2 + 1), "27999109999"], f"of the {CHUNK_ROWS * 2 + 2} rows some are others"),
        (
            ["27999109999", *numbers(CHUNK_ROWS * 2 + 1, 1)],
            f"of the {CHUNK_ROWS * 2 + 2} rows some are others",
        ),
        (numbers(CHUNK_ROWS), f"there are {CHUNK_ROWS} rows, and {CHUNK_ROWS * 2 + 2} were taken"),
        (numbers(CHUNK_ROWS * 2 + 3), f"there are {CHUNK_ROWS * 2 + 3} rows, and"),
        (numbers(CHUNK_ROWS * 4), f"there are at least {CHUNK_ROWS * 3} rows, and"),
        ([], "there are 0 rows"),
    ],
)
def test_a_submission_that_ended_refuses_other_rows_under_its_key(rows: list[str], says: str) -> None:
    first = start_campaign(numbers(CHUNK_ROWS * 2 + 2), "Hello", idempotency_key="autumn")

    with pytest.raises(IdempotencyConflict, match=says):
        start_campaign(rows, "Hello", idempotency_key="autumn")

    assert (CHUNK_ROWS * 2 + 2, 1) == (first.counts().rows, len(campaigns()))


def test_rows_that_end_with_a_chunk_that_was_taken_end_the_submission(runtime: Runtime) -> None:
    rows = numbers(CHUNK_ROWS)
    with pytest.raises(Killed):
        start_campaign(
            broken([*rows, *numbers(CHUNK_ROWS, 5000)], 2 * CHUNK_ROWS), "Hello", idempotency_key="k"
        )

    campaign = start_campaign(rows, "Hello", idempotency_key="k")

    assert (True, CHUNK_ROWS) == (campaign.progress().submitted, campaign.counts().rows)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text": "Goodbye"}, "text"), ({"sender": "Shop"}, "sender"), ({"lane": "normal"}, "lane"),
        ({"validity": 60}, "validity"), ({"duplicates": "send"}, "duplicates"), ({"number_field": "n"}, "number_field"),
    ],
)  # fmt: skip
def test_the_same_key_with_other_arguments_is_refused_and_says_which(
    change: dict[str, Any], named: str
) -> None:
    given: dict[str, Any] = {"text": "Hello", "idempotency_key": "autumn"}
    start_campaign(numbers(1), **given)

    with pytest.raises(IdempotencyConflict, match=rf"\({named}\)"):
        start_campaign(numbers(1), **given | change)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*numbers(CHUNK_ROWS * 2 - 1), "27999109999", *numbers(9)], "the first 500 rows are others"),
        (numbers(CHUNK_ROWS), f"there are {CHUNK_ROWS} rows, and {CHUNK_ROWS * 2} were taken"),
    ],
)
def test_the_same_key_with_other_rows_is_refused(rows: list[str], says: str) -> None:
    with pytest.raises(Killed):
        start_campaign(broken(numbers(CHUNK_ROWS * 4), CHUNK_ROWS * 3), "Hello", idempotency_key="autumn")

    with pytest.raises(IdempotencyConflict, match=says):
        start_campaign(rows, "Hello", idempotency_key="autumn")


# --- control ------------------------------------------------------------------------------------


def test_rows_that_were_kept_no_longer_than_their_campaign_was_paused_are_refused_with_the_reason(
    runtime: Runtime, fleet: Fleet
) -> None:
    campaign = start_campaign(numbers(CHUNK_ROWS + 3), "Hello")
    campaign.pause()
    fleet.redis("DEL", *(fleet.keys.chunk(campaign.id, number) for number in (1, 2)))
    campaign.resume()

    work(runtime)

    counts = campaign.counts()
    assert (0, CHUNK_ROWS + 3, {"expired": CHUNK_ROWS + 3}) == (
        counts.pending, counts.refused, dict(counts.refused_by),
    )  # fmt: skip
    assert "finished" == campaign.progress().state
    last = list(campaign.refused())[-1]
    assert (CHUNK_ROWS + 3, "expired") == (last.row, last.code)
    assert "it was no job within 30 days (SMSFLEET_JOB_TTL_S) and is kept no longer" == last.reason


def test_rows_that_became_jobs_before_the_others_expired_stay_jobs(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(3), "Hello", rate=0.01)
    work(runtime)
    assert 1 == campaign.counts().queued
    fleet.redis("DEL", fleet.keys.chunk(campaign.id, 1))

    work(runtime)

    counts = campaign.counts()
    assert (0, 1, {"expired": 2}) == (counts.pending, counts.queued, dict(counts.refused_by))
    assert ["2", "3"] == [str(refusal.row) for refusal in campaign.refused()]


def test_rows_of_a_retry_that_were_kept_no_longer_are_refused_with_the_reason(
    runtime: Runtime, fleet: Fleet
) -> None:
    campaign = start_campaign(numbers(3), "Hello")
    work(runtime)
    for entry in fleet.take():
        fleet.begin([entry])
        fleet.answer(entry.ref, PERMANENT)
    campaign.retry_failed()
    campaign.pause()
    fleet.redis("DEL", fleet.keys.chunk(campaign.id, 2))
    campaign.resume()

    work(runtime)

    counts = campaign.counts()
    assert (0, 3, {"expired": 3}) == (counts.pending, counts.refused, dict(counts.refused_by))
    assert "finished" == campaign.progress().state
    assert [1, 2, 3] == [refusal.row for refusal in campaign.refused()]
    assert ["REFUSED"] * 3 == [result.state for result in campaign.results()]


def test_rows_of_a_retry_that_became_jobs_leave_no_list_behind(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(2), "Hello")
    work(runtime)
    for entry in fleet.take():
        fleet.begin([entry])
        fleet.answer(entry.ref, PERMANENT)
    campaign.retry_failed()

    work(runtime)

    assert {b"1", b"2"} == set(fleet.redis("HKEYS", fleet.keys.retried_rows(campaign.id)))


def test_a_key_leads_to_its_campaign_as_long_as_that_is_there(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(1), "Hello", idempotency_key="autumn")
    campaign.pause()
    fleet.redis("EXPIRE", fleet.keys.campaign_key("autumn"), 60)
    fleet.redis("ZADD", fleet.keys.campaigns_live, 0, campaign.id)

    chunks.give_out(runtime, lambda *_: None)

    assert 60 < fleet.ttl_s(fleet.keys.campaign_key("autumn"))


def test_a_damaged_campaign_holds_up_no_other(runtime: Runtime, fleet: Fleet) -> None:
    bad, good = start_campaign(numbers(1), "Hello"), start_campaign(numbers(1), "Hello")
    fleet.redis("DEL", fleet.keys.campaign(bad.id))
    fleet.redis("SET", fleet.keys.campaign(bad.id), "x")
    for one in (bad, good):
        fleet.redis("ZADD", fleet.keys.campaigns_live, 0, one.id)
        fleet.redis("ZADD", fleet.keys.campaign_chunks, 0, f"{one.id}.1")
    published: list[Any] = []

    chunks.give_out(runtime, lambda *words: published.append(words))

    assert [(good.id, "bulk", [1])] == published


def test_a_scheduled_campaign_waits_for_its_time(runtime: Runtime) -> None:
    campaign = start_campaign(numbers(1), "Hello", at=timedelta(hours=1))
    work(runtime)

    progress = campaign.progress()

    assert ("scheduled", 1, True) == (progress.state, progress.counts.pending, progress.at is not None)


def test_rows_that_are_no_jobs_yet_are_cancelled_with_their_campaign(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(CHUNK_ROWS * 2), "Hello")
    assert Chunks(runtime).handle(campaign.id, 1).word == "done"

    assert [True, False] == [campaign.cancel(), campaign.cancel()]
    work(runtime)

    counts = campaign.counts()
    assert ("cancelled", CHUNK_ROWS, CHUNK_ROWS) == (
        campaign.progress().state,
        counts.queued,
        counts.cancelled,
    )
    assert fleet.redis("EXISTS", fleet.keys.chunk(campaign.id, 2)) == 0
    assert [0] * CHUNK_ROWS == fleet.begin(fleet.take(CHUNK_ROWS))
    assert (0, CHUNK_ROWS * 2, 1.0) == (
        campaign.counts().queued, campaign.counts().cancelled, campaign.progress().done,
    )  # fmt: skip
    with pytest.raises(InvalidArgument, match="cancelled"):
        campaign.retry_failed()


def test_a_paused_campaign_goes_on_when_it_is_resumed(runtime: Runtime) -> None:
    campaign = start_campaign(numbers(1), "Hello")

    assert (True, False) == (campaign.pause(), campaign.pause())
    work(runtime)
    paused = (campaign.progress().state, campaign.counts().pending)
    assert (True, False) == (campaign.resume(), campaign.resume())
    work(runtime)

    assert (("paused", 1), 1) == (paused, campaign.counts().queued)


def test_a_finished_campaign_is_neither_paused_nor_cancelled(runtime: Runtime) -> None:
    campaign = start_campaign(["12"], "Hello")
    work(runtime)

    stopped = (campaign.pause(), campaign.cancel())

    assert ((False, False), "finished") == (stopped, campaign.progress().state)


def test_a_paused_campaign_whose_last_job_ends_is_finished(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(1), "Hello")
    work(runtime)
    (entry,) = fleet.take(1)
    assert fleet.begin([entry]) == [1]
    assert campaign.pause()

    on_its_way = campaign.progress().state
    assert fleet.answer(entry.ref, PERMANENT) == "rejected"

    assert ("paused", "finished", False) == (on_its_way, campaign.progress().state, campaign.cancel())


def test_the_rate_is_changed(runtime: Runtime) -> None:
    campaign = start_campaign(numbers(10), "Hello", rate=2)
    work(runtime)
    slow = campaign.counts().queued
    campaign.set_rate(None)
    work(runtime)

    assert (2, 10) == (slow, campaign.counts().queued)
    with pytest.raises(InvalidArgument, match="rate"):
        campaign.set_rate(-1)


@pytest.mark.parametrize("text", ["Hello", "Hello {name}"])
def test_only_those_who_did_not_get_it_are_tried_again(runtime: Runtime, fleet: Fleet, text: str) -> None:
    rows = [{"to": to, "name": to[-1]} for to in numbers(4)]
    campaign = start_campaign(rows, text, idempotency_key="k")
    work(runtime)
    entries = fleet.take()
    fleet.begin(entries)
    delivered, undelivered, rejected, waiting = (entry.ref for entry in entries)
    fleet.answer(delivered, message_id=b"M1")
    fleet.receipt(4, b"M1")
    fleet.answer(undelivered, message_id=b"M2")
    fleet.receipt(7, b"M2")
    fleet.answer(rejected, PERMANENT)
    fleet.answer(waiting, message_id=b"M4")

    tried = [campaign.retry_failed(), campaign.retry_failed()]
    work(runtime)

    assert [2, 0] == tried
    again = fleet.take()
    assert [f"{campaign.id}:2.2#1", f"{campaign.id}:3.2#1"] == [entry.ref.decode() for entry in again]
    assert [entries[1].body, entries[2].body] == [entry.body for entry in again]
    assert ["DELIVERED", "QUEUED", "QUEUED", "ACCEPTED"] == [result.state for result in campaign.results()]
    counts = campaign.counts()
    assert (2, 1, 1, 2) == (counts.retried, counts.undelivered, counts.rejected, counts.queued)
    assert campaign == start_campaign(rows, text, idempotency_key="k"), (
        "the rows of a retry are no other rows"
    )


def test_a_retry_is_refused_where_it_cannot_be(runtime: Runtime, fleet: Fleet) -> None:
    with pytest.raises(Killed):
        start_campaign(broken(numbers(CHUNK_ROWS * 2), CHUNK_ROWS * 2), "Hello", idempotency_key="open")
    with pytest.raises(InvalidArgument, match="being taken"):
        find_campaign("open").retry_failed()
    campaign = start_campaign([{"to": to, "name": "x"} for to in numbers(1)], "Hello {name}")
    work(runtime)
    (entry,) = [entry for entry in fleet.take(1000) if entry.ref.startswith(campaign.id.encode())]
    fleet.begin([entry])
    fleet.answer(entry.ref, PERMANENT)
    fleet.redis("DEL", fleet.keys.chunk(campaign.id, 1))

    with pytest.raises(InvalidArgument, match="SMSFLEET_TEXT_TTL_S"):
        campaign.retry_failed()
    with pytest.raises(InvalidArgument, match="DELIVERED"):
        campaign.retry_failed(["DELIVERED"])


# --- looking ------------------------------------------------------------------------------------


def test_campaigns_are_listed_the_newest_first() -> None:
    first, second = (start_campaign([], "Hello", name=name) for name in ("first", "second"))

    assert {first.id, second.id} == {one.campaign_id for one in campaigns()}
    assert json.dumps([one.as_dict() for one in campaigns()])


@pytest.mark.parametrize("name", ["autumn", "Cabcdefghij", "no key at all"])
def test_an_unknown_campaign_is_said_to_be(name: str) -> None:
    with pytest.raises(UnknownCampaign):
        find_campaign(name)
    for ask in ("progress", "pause", "resume", "cancel"):
        with pytest.raises(UnknownCampaign):
            getattr(Campaign("Cabcdefghij"), ask)()
    with pytest.raises(UnknownCampaign):
        Campaign("Cabcdefghij").set_rate(1)


def test_no_other_job_may_look_like_one_of_a_campaign() -> None:
    with pytest.raises(InvalidArgument, match="form of a campaign's jobs"):
        send_sms.delay("27999100001", "Hello", idempotency_key="Cabcdefghij:1")


# --- the duties ---------------------------------------------------------------------------------


def test_the_duties_give_out_what_is_due_and_forget_what_is_gone(runtime: Runtime, fleet: Fleet) -> None:
    campaign = start_campaign(numbers(1), "Hello")
    fleet.redis("ZADD", fleet.keys.campaign_chunks, 1, f"{campaign.id}.1")
    published: list[Any] = []

    chunks.give_out(runtime, lambda *words: published.append(words))
    chunks.forget(runtime)
    kept = len(campaigns())
    fleet.redis("DEL", fleet.keys.campaign(campaign.id))
    fleet.redis("ZADD", fleet.keys.campaign_chunks, 1, f"{campaign.id}.1")
    chunks.give_out(runtime, lambda *words: published.append(words))
    chunks.forget(runtime)

    assert [(campaign.id, "bulk", [1])] == published
    assert fleet.redis("EXISTS", fleet.keys.campaign_chunks) == 0
    assert (1, 0) == (kept, fleet.redis("EXISTS", fleet.keys.campaigns))


def test_a_chunk_that_ends_workers_pauses_its_campaign(runtime: Runtime) -> None:
    campaign = start_campaign(numbers(1), "Hello")
    for _ in range(3):
        runtime.store.run(runtime.jobs.count_delivery(f"{campaign.id}.1"))

    assert "paused" == Chunks(runtime).handle_redelivered(campaign.id, 1).word
    assert "paused" == campaign.progress().state
    campaign.resume()
    assert "done" == Chunks(runtime).handle_redelivered(campaign.id, 1).word


def test_a_chunk_waits_for_room_no_longer_than_its_patience(runtime: Runtime, store: Store) -> None:
    campaign = start_campaign(numbers(20), "Hello")
    narrow = Runtime(load({"SMSFLEET_OUTBOUND_LIMIT": "10", "SMSFLEET_RATE": "100000"}), store=store)
    seconds = iter(range(0, 1000, 10))

    ended = Chunks(narrow, clock=lambda: float(next(seconds))).handle(campaign.id, 1)

    assert ("back", 10, 10) == (ended.word, campaign.counts().queued, campaign.counts().pending)
    assert [(campaign.id, 1)] == runtime.store.run(runtime.campaigns.due(10))[1]


@pytest.mark.parametrize("what", ["chunk", "content"])
def test_a_campaign_that_this_version_cannot_read_is_paused(runtime: Runtime, what: str) -> None:
    campaign = start_campaign(numbers(1), "Hello")
    key = runtime.keys.chunk(campaign.id, 1) if what == "chunk" else runtime.keys.content(campaign.id)
    runtime.store.run(Call(("SET", key, "no JSON"), bool))

    ended = Chunks(runtime).handle(campaign.id, 1)

    assert ("paused", "paused", 1) == (ended.word, campaign.progress().state, campaign.counts().pending)


class Away:
    """A store that never answers."""

    def run_all(self, _calls: Any) -> Any:
        raise StoreUnavailable("the connection was refused")

    run = run_all


def test_a_chunk_waits_for_the_store_no_longer_than_its_patience(runtime: Runtime) -> None:
    runtime.store = Away()  # type: ignore[assignment]
    stopping = Stopping()

    ended = Chunks(runtime, stopping, clock=stopping.clock).handle("Cabcdefghij", 1)

    assert "back" == ended.word
    assert chunks.PATIENCE_S < sum(stopping.waits) < chunks.PATIENCE_S + chunks.RETRY_MOST_S + 1


def test_a_chunk_does_not_keep_a_worker_that_stops(runtime: Runtime) -> None:
    runtime.store = Away()  # type: ignore[assignment]
    stopping = Stopping()
    stopping.set()

    ended = Chunks(runtime, stopping, clock=stopping.clock).handle("Cabcdefghij", 1)

    assert ("back", 1) == (ended.word, len(stopping.waits))


def test_rows_that_wait_for_the_rate_are_made_ready_once(
    runtime: Runtime, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = RowMaker.make

    def noting(self: RowMaker, number: str, value: Any, **more: Any) -> Any:
        made.append(number)
        return make(self, number, value, **more)

    monkeypatch.setattr(RowMaker, "make", noting)
    campaign = start_campaign(numbers(60), "Hello")
    slow = Runtime(load({"SMSFLEET_RATE": "100"}), store=store)

    ended = Chunks(slow).handle(campaign.id, 1)

    assert ("done", 60) == (ended.word, campaign.counts().queued)
    assert [str(number) for number in range(1, 61)] == made


@pytest.mark.parametrize("name", ["", "j1", "Cabcdefghij", "Cabcdefghij.0", "Cabcdefghij.x", "Cabcdefghij:1"])
def test_a_message_that_names_no_chunk_is_left(runtime: Runtime, name: str) -> None:
    assert handled(Chunks(runtime), name, redelivered=False) is None


def test_whoever_ends_a_chunk_publishes_the_next(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = start_campaign(numbers(CHUNK_ROWS * 5), "Hello")
    published: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda _, task_id, **__: published.append(task_id))

    ended = handled(Chunks(runtime), f"{campaign.id}.1", redelivered=False)

    assert ended is not None
    assert ("done", [f"{campaign.id}.5"]) == (ended.word, published)
