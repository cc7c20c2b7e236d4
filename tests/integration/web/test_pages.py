"""What the pages show: to whom, of what, and that no word of others becomes a part of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from tests.integration.store.steps import OK, PERMANENT, TO, Fleet
from tests.integration.web.conftest import Visitor

from smsfleet.config.masking import mask_number
from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.tasks.campaign import Campaign
from smsfleet.tasks.campaign_start import start_campaign
from smsfleet.tasks.search import BATCH
from smsfleet.web.views import jobs

pytestmark = pytest.mark.server

Visit = Callable[..., Visitor]

HOSTILE = "\"><script>alert('1')</script><img src=x onerror=alert(1)>{{ 7*7 }}"
ESCAPED = "&lt;script&gt;alert("


def held(fleet: Fleet, job_id: str = "j1") -> bytes:
    """The ref of a job whose answer was lost."""
    (ref,) = fleet.send(job_id, policy="hold")
    fleet.lost(ref)
    return ref


def words(html: str) -> str:
    """What somebody reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


# --- the overview -------------------------------------------------------------------------------------


def test_the_overview_says_how_the_bind_is_and_what_waits(visit: Visit, fleet: Fleet) -> None:
    fleet.send("j1", segments=2)
    fleet.take_in("j2", lane="high")

    said = words(visit("viewer").get("/").text)

    assert "no binder runs" not in said  # A leads, and has not reported yet
    assert "Bind standby" in said
    assert re.search(r"high 1 0 0 [\w ]+ open normal 0 0 2", said)
    assert "What waits scheduled jobs 0" in said


def test_what_is_wrong_is_told_with_what_to_do(visit: Visit, fleet: Fleet) -> None:
    fleet.redis("DEL", fleet.keys.lease)

    text = visit("viewer").get("/").text

    assert "critical no binder runs: nothing goes out start smsfleet binder" in words(text)
    assert "start <code>smsfleet binder</code>" in text


def test_the_credits_of_the_month_are_shown_where_they_are_counted(visit: Visit, fleet: Fleet) -> None:
    del fleet
    month = {
        "month": "2026-11", "balance": "37/3", "account_used": "1234", "minimum": 5000, "forecast": "7000/3",
        "days_left": 3, "clients": {"": {"used": "1"}, "billing<b>": {"used": "1233"}}, "warnings": ["it is short"],
    }  # fmt: skip

    counted, not_counted = (words(visit("viewer", credits_=found).get("/").text) for found in (month, None))

    assert (
        "Credits in 2026-11 balance 12 1/3 used 1,234 of the minimum 5,000 forecast 2,333, 3 days are left"
        in counted
    )
    assert "no client named 1 billing<b> 1,233" in counted
    assert "Credits" not in not_counted


def test_a_lane_is_paused_and_goes_on(visit: Visit, fleet: Fleet) -> None:
    anna = visit("operator")

    paused = anna.send("/lanes/pause", lane="bulk", reason="wrong text")

    assert "Lane bulk is paused: nothing more of it begins." in words(paused)
    assert {"bulk": "wrong text"} == {lane: held.reason for lane, held in fleet.standing.paused.items()}
    assert "paused" in words(anna.get("/").text)
    resumed = anna.send("/lanes/resume", lane="bulk")
    assert "Lane bulk goes on within two seconds." in words(resumed)
    assert {} == fleet.standing.paused


def test_what_is_told_is_told_once(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator")

    assert 'role="status"' in anna.send("/lanes/resume", lane="all")
    assert 'role="status"' not in anna.get("/").text


@pytest.mark.parametrize(("lane", "reason"), [("vip", ""), ("", ""), ("bulk", "x" * 201)])
def test_what_cannot_be_paused_is_refused(visit: Visit, fleet: Fleet, lane: str, reason: str) -> None:
    answer = visit("operator").post("/lanes/pause", lane=lane, reason=reason)

    assert (400, {}) == (answer.status_code, fleet.standing.paused)


def test_a_viewer_sees_no_button(visit: Visit, fleet: Fleet) -> None:
    held(fleet)

    pages = [visit("viewer").get(path).text for path in ("/", "/held", "/jobs/j1")]

    assert [["Log out"]] * 3 == [re.findall(r"<button[^>]*>([^<]+)", page) for page in pages]


@pytest.mark.parametrize("path", ["/", "/held", "/campaigns"])
def test_every_button_says_what_it_is_about_to_whoever_hears_the_page(
    visit: Visit, fleet: Fleet, path: str
) -> None:
    for job_id in ("j1", "j2"):
        held(fleet, job_id)
    anna = visit("operator")
    for name in ("autumn", "winter"):
        start_campaign([TO], "Hello", name=name)

    buttons = re.findall(r"<button([^>]*)>([^<]+)", anna.get(path).text.partition("<main>")[2])
    heard = [re.findall(r'aria-label="([^"]+)"', attributes) or [text] for attributes, text in buttons]

    assert 4 == len(heard) == len({words for (words,) in heard})


# --- jobs ---------------------------------------------------------------------------------------------


def test_a_job_is_shown_with_who_said_what(visit: Visit, fleet: Fleet) -> None:
    (ref,) = fleet.send("order:17")
    fleet.answer(ref, PERMANENT)

    said = words(visit("operator").get("/jobs/order%3A17").text)

    assert "order:17 REJECTED status 009 routing error" in said
    assert f"to {TO}" in said
    assert re.search(r"application taken in .* binder sending .* response refused: 0x0*400", said)


@pytest.mark.parametrize("path", ["/jobs/j1", "/held"])
def test_numbers_are_masked_unless_the_role_allows_them(visit: Visit, fleet: Fleet, path: str) -> None:
    held(fleet)

    viewers, operators = (visit(role).get(path).text for role in ("viewer", "operator"))

    assert (False, True) == (TO in viewers, mask_number(TO) in viewers)
    assert (True, False) == (TO in operators, mask_number(TO) in operators)
    assert "Numbers are masked for your role." in viewers


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"to": "+27 99 910 0001"}, {"j1", "j2", "j3"}),
        ({"to": "27999100002"}, set()),
        ({"state": "REJECTED"}, {"j2"}),
        ({"status": "9"}, {"j2"}),
        ({"lane": "high"}, {"j3"}),
        ({"lane": "normal", "state": "SENDING"}, {"j1"}),
        ({"since": "1 hour"}, set()),
        ({"since": ""}, {"j1", "j2", "j3"}),
    ],
)
def test_jobs_are_found(visit: Visit, fleet: Fleet, asked: dict[str, str], found: set[str]) -> None:
    fleet.send("j1")
    (ref,) = fleet.send("j2")
    fleet.answer(ref, PERMANENT)
    fleet.take_in("j3", lane="high")

    answer = visit("viewer").post("/jobs", **asked)

    assert 200 == answer.status_code
    assert found == set(re.findall(r'href="/jobs/(j\d)"', answer.text))
    assert f"{len(found)} found" in words(answer.text)
    assert TO not in answer.text.partition("<section")[2]


def test_a_search_that_takes_too_long_shows_what_it_has_found(
    visit: Visit, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(2 * BATCH):
        fleet.take_in(f"j{n}")
    monkeypatch.setattr("smsfleet.web.views.jobs.PATIENCE_S", 0.0)

    said = words(visit("viewer").post("/jobs").text)

    found = re.search(r"(\d+) found Not all jobs were looked at in time", said)
    assert found is not None
    assert 0 < int(found[1]) < 2 * BATCH


def test_one_search_runs_at_a_time(visit: Visit, fleet: Fleet) -> None:
    del fleet
    vera = visit("viewer")

    with jobs._one_at_a_time:
        answer = vera.post("/jobs")

    assert (503, True) == (answer.status_code, "Somebody else is searching" in answer.text)
    assert 200 == vera.post("/jobs").status_code


def test_a_job_that_is_named_is_shown_itself(visit: Visit, fleet: Fleet) -> None:
    fleet.take_in("j:1", key="order:17")
    anna = visit("viewer")

    assert ["/jobs/j%3A1"] * 2 == [
        anna.post("/jobs", job_id=asked).headers["location"] for asked in (" order:17 ", "j:1")
    ]


@pytest.mark.parametrize("asked", [TO, f"+{TO}", "..", "a/../b", "<b>x"])
def test_what_is_no_job_comes_into_no_address(visit: Visit, fleet: Fleet, asked: str) -> None:
    del fleet

    answer = visit("viewer").post("/jobs", job_id=asked)

    assert (404, True, None) == (
        answer.status_code, "Not found" in answer.text, answer.headers.get("location"),
    )  # fmt: skip
    assert [] == [wanted for wanted in (TO, "<b>x") if wanted in answer.text]


@pytest.mark.parametrize(
    "asked", [{"to": "12"}, {"to": "0800-FLOWERS"}, {"state": "ODD"}, {"status": "999"}, {"status": "²"}, {"lane": "vip"}, {"status": "0004" + 5000 * "0"}]
)  # fmt: skip
def test_what_cannot_be_looked_for_is_refused(visit: Visit, fleet: Fleet, asked: dict[str, str]) -> None:
    del fleet

    answer = visit("viewer").post("/jobs", **asked)

    assert (400, True) == (answer.status_code, "That was not done" in answer.text)


@pytest.mark.parametrize("job_id", ["nobodys", "%D1%8F", "a%23b", "x" * 300])
def test_a_job_that_is_not_there_is_not_found(visit: Visit, fleet: Fleet, job_id: str) -> None:
    del fleet

    assert 404 == visit("viewer").get(f"/jobs/{job_id}").status_code


def test_a_job_is_cancelled(visit: Visit, fleet: Fleet) -> None:
    fleet.take_in("j1")
    anna = visit("operator")

    said = words(anna.send("/jobs/j1/cancel"))

    assert "Cancelled: nothing of it is sent." in said
    assert "j1 CANCELLED status 006" in said
    assert "Cancel the job" not in said


def test_what_the_gateway_has_cannot_be_cancelled(visit: Visit, fleet: Fleet) -> None:
    (ref,) = fleet.send("j1")
    fleet.answer(ref, OK)

    assert "Too late: the gateway has it" in words(visit("operator").send("/jobs/j1/cancel"))


# --- held segments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "state", "told"),
    [("resend", "Q", "is queued again"), ("fail", "F", "is given up")],
)
def test_an_operator_decides_about_a_held_segment(
    visit: Visit, fleet: Fleet, decision: str, state: str, told: str
) -> None:
    held(fleet)
    anna = visit("operator")
    assert "1 held" in words(anna.get("/held").text)

    said = words(anna.send("/held/decide", ref="j1#1", decision=decision))

    assert f"j1#1 {told}" in said
    assert "Nothing is held." in said
    assert state == fleet.states("j1")


def test_what_is_not_held_any_more_is_said(visit: Visit, fleet: Fleet) -> None:
    fleet.answer(held(fleet))

    assert "is not held any more: nothing is done" in words(
        visit("operator").send("/held/decide", ref="j1#1", decision="resend")
    )
    assert "A" == fleet.states("j1")


@pytest.mark.parametrize(
    ("ref", "decision"), [("", "fail"), ("j1", "fail"), ("j1#x", "fail"), ("j1#1", "drop"), ("j1#1", ""), ("a b#1", "fail")]
)  # fmt: skip
def test_a_decision_of_no_sense_is_refused(visit: Visit, fleet: Fleet, ref: str, decision: str) -> None:
    held(fleet)

    assert 400 == visit("operator").post("/held/decide", ref=ref, decision=decision).status_code
    assert "H" == fleet.states("j1")


# --- campaigns ----------------------------------------------------------------------------------------


@pytest.fixture
def campaign(visit: Visit, fleet: Fleet) -> Campaign:
    """A campaign of three rows, one of them refused; the page's runtime is that of the test."""
    del visit, fleet
    return start_campaign([TO, "27999100002", "12"], "Hello", name="autumn")


def test_a_campaign_is_shown_with_what_became_of_its_rows(visit: Visit, campaign: Campaign) -> None:
    anna = visit("operator")

    listed, shown = (words(anna.get(path).text) for path in ("/campaigns", f"/campaigns/{campaign.id}"))

    assert re.search(r"autumn \d{4}-\d\d-\d\d \S+ bulk running 3 0", listed)
    assert f"id {campaign.id}" in shown
    assert "3 rows" in shown


def test_a_campaign_is_paused_goes_on_and_is_cancelled(visit: Visit, campaign: Campaign) -> None:
    anna, path = visit("operator"), f"/campaigns/{campaign.id}"

    told = [words(anna.send(path, decision=decision)) for decision in ("pause", "pause", "resume", "cancel")]

    expected = ("is paused", "was paused before", "goes on", "is cancelled")
    assert [True] * 4 == [
        f"Campaign autumn {what}" in said for what, said in zip(expected, told, strict=True)
    ]
    assert "cancelled" == campaign.progress().state


@pytest.mark.parametrize("decision", ["pause", "resume", "cancel"])
def test_what_is_finished_cannot_be_changed_and_says_so(visit: Visit, fleet: Fleet, decision: str) -> None:
    del fleet
    anna = visit("operator")
    finished = start_campaign([], "Hello", name="nobody")

    said = words(anna.send(f"/campaigns/{finished.id}", decision=decision))

    assert "Campaign nobody is finished." in said
    assert "finished" == finished.progress().state


def test_a_viewer_cannot_touch_a_campaign(visit: Visit, campaign: Campaign) -> None:
    vera = visit("viewer")

    assert 403 == vera.post(f"/campaigns/{campaign.id}", decision="cancel").status_code
    assert "running" == campaign.progress().state


def test_a_number_in_the_name_of_a_campaign_is_masked_unless_the_role_allows_it(
    visit: Visit, fleet: Fleet
) -> None:
    del fleet
    anna, vera = visit("operator"), visit("viewer")
    campaign = start_campaign([], "Hello", name=f"Sale {TO}", idempotency_key=TO)

    for path in ("/campaigns", f"/campaigns/{campaign.id}"):
        shown = [TO in who.get(path).text for who in (anna, vera)]
        assert [True, False] == shown


@pytest.mark.parametrize(("name", "decision", "status"), [("nobodys", "pause", 404), ("", "drop", 400)])
def test_what_is_no_campaign_or_no_decision_is_refused(
    visit: Visit, campaign: Campaign, name: str, decision: str, status: int
) -> None:
    answer = visit("operator").post(f"/campaigns/{name or campaign.id}", decision=decision)

    assert (status, "running") == (answer.status_code, campaign.progress().state)


# --- the bind -----------------------------------------------------------------------------------------


def test_the_history_of_the_bind_has_what_says_something(visit: Visit, fleet: Fleet) -> None:
    log = JournalLog(fleet.keys)
    entries = [
        JournalEntry(1, "r", 1, "connecting", {"mode": "transceiver"}),
        *(JournalEntry(2, "r", n, "enquire_link", {"mode": "transceiver"}) for n in range(2, 700)),
        JournalEntry(3, "r", 700, "disconnected", {"mode": "transceiver", "reason": "reset by +27999100001"}),
    ]
    fleet.store.run_all([log.append(entry) for entry in entries])

    said = words(visit("viewer").get("/bind").text)

    assert re.search(r"disconnected transceiver reset by 27\*+01 .* connecting transceiver", said)
    assert "enquire link" not in said


# --- words of others ----------------------------------------------------------------------------------


def test_no_word_of_others_becomes_a_part_of_the_page(visit: Visit, fleet: Fleet) -> None:
    """Pause reasons, the binder's report and journal, campaign names, and whatever is typed into a form."""
    anna = visit("operator")
    report = {
        "state": "refused", "why": HOSTILE, "last_disconnect": HOSTILE, "gateway": HOSTILE, "bind_mode": HOSTILE,
        "sides": [{"mode": HOSTILE, "state": "refused", "why": HOSTILE}, {"mode": "b"}],
    }  # fmt: skip
    fleet.redis("SET", fleet.keys.binder, json.dumps(report))
    fleet.run(fleet.standings.pause(("bulk",), HOSTILE))
    fleet.run(
        JournalLog(fleet.keys).append(JournalEntry(1, "r", 1, HOSTILE, {"mode": HOSTILE, "reason": HOSTILE}))
    )
    campaign = start_campaign([TO], "Hello", name=HOSTILE[:100])
    anna.page.watch.look()

    pages = {path: anna.get(path).text for path in ("/", "/bind", "/campaigns", f"/campaigns/{campaign.id}")}
    pages["told"] = anna.send(f"/campaigns/{campaign.id}", decision="pause")
    pages["state"] = anna.post("/jobs", state=HOSTILE).text
    pages["to"] = anna.post("/jobs", to=HOSTILE).text
    pages["ref"] = anna.post("/held/decide", ref=HOSTILE, decision="fail").text
    pages["job"] = anna.get("/jobs/%3Cscript%3Ealert('1')").text
    pages["login"] = anna.client.post("/login", data={"name": HOSTILE, "password": HOSTILE}).text

    assert [] == [
        path for path, text in pages.items() if "<script>" in text or "<img" in text or "49" in words(text)
    ]
    assert [] == [path for path in pages if path not in ("login", "job") and ESCAPED not in pages[path]]


def test_the_binders_words_are_masked_for_viewers(visit: Visit, fleet: Fleet) -> None:
    fleet.redis("SET", fleet.keys.binder, json.dumps({"state": "waiting", "why": f"about {TO}", "sides": []}))

    assert TO not in visit("viewer").get("/").text


# --- trouble ------------------------------------------------------------------------------------------


def test_a_page_says_that_redis_is_away(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator")
    anna.get("/")

    from smsfleet.config.settings import load
    from smsfleet.tasks.app import use_runtime
    from smsfleet.workers.runtime import Runtime

    use_runtime(Runtime(load({"SMSFLEET_REDIS_URL": "redis://127.0.0.1:1/0"})))
    answer = anna.get("/held")

    assert (503, True) == (answer.status_code, "Redis cannot be used now" in answer.text)
    assert "5" == answer.headers["refresh"]  # it is shown when Redis is back, without a hand
    assert "refresh" not in anna.post("/jobs", to=TO).headers
