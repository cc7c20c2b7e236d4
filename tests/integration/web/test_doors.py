"""Who gets in, and what no form of another site can do."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain, repeat

import pytest
from starlette.routing import Route
from tests.integration.store.steps import Fleet
from tests.integration.web.conftest import PASSWORD, Visitor

from smsfleet.config.errors import StoreUnavailable
from smsfleet.web.app import ROUTES
from smsfleet.web.guard import HEADERS, MOST_OCTETS
from smsfleet.web.live import MOST_STREAMS, live
from smsfleet.web.sessions import OF_ADDRESS, WINDOW_S
from smsfleet.web.visit import Visit as Visited

pytestmark = pytest.mark.server

Visit = Callable[..., Visitor]

OPEN = {"/login", "/healthz"}
"""What answers without a session."""

FORMS = {
    "/lanes/pause": {"lane": "bulk"},
    "/lanes/resume": {"lane": "bulk"},
    "/jobs": {"to": "27999100001"},
    "/jobs/j1/cancel": {},
    "/campaigns/c1": {"decision": "pause"},
    "/held/decide": {"ref": "j1#1", "decision": "fail"},
    "/logout": {},
}


def paths(method: str) -> list[str]:
    return [
        route.path.replace("{job_id}", "j1").replace("{campaign_id}", "c1")
        for route in ROUTES
        if method in (route.methods or ()) and route.path not in OPEN
    ]


def test_every_form_is_tried_below() -> None:
    assert set(FORMS) == set(paths("POST"))


def test_nothing_is_shown_to_whoever_is_not_logged_in(visit: Visit, fleet: Fleet) -> None:
    del fleet
    somebody = visit()
    somebody.page.stopping = lambda: True  # a stream that is given all the same ends

    answers = {path: somebody.get(path) for path in paths("GET")}

    shown = {path: (answer.status_code, answer.text) for path, answer in answers.items()}
    over = (200, "event: over\ndata: \n\n")  # at which a page goes to the login
    assert {path: over if path.startswith("/live/") else (303, "") for path in answers} == shown
    assert {"/login"} == {answer.headers.get("location", "/login") for answer in answers.values()}


def test_a_stream_is_over_when_its_session_is(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator", refresh_s="0.5")

    def logs_out(visited: Visited) -> str:
        assert "operator" == visited.session.user.name
        visited.page.sessions.end_session(visited.session)
        return "<p>the last"

    # The server ends a little later: a stream that does not look at its session ends too, with more than that.
    anna.page.stopping = chain(repeat(False, 3), repeat(True)).__next__
    anna.client.app.router.routes.insert(0, Route("/live/held", live(logs_out)))  # type: ignore[attr-defined]
    said = anna.get("/live/held").text

    assert "retry: 5000\n\nevent: part\ndata: <p>the last\n\nevent: over\ndata: \n\n" == said
    assert 0 == anna.page.streams


def test_a_stream_that_cannot_look_says_why_as_its_role_may_know_it(visit: Visit, fleet: Fleet) -> None:
    del fleet
    vera = visit("viewer", refresh_s="0.5")

    def fails(visited: Visited) -> str:
        visited.page.sessions.end_session(visited.session)
        raise StoreUnavailable("Redis is away for '27999100001'")

    vera.client.app.router.routes.insert(0, Route("/live/held", live(fails)))  # type: ignore[attr-defined]
    said = vera.get("/live/held").text

    trouble = "Redis is away for '27*******01'. What is below is from before."
    assert f"retry: 5000\n\nevent: trouble\ndata: {trouble}\n\nevent: over\ndata: \n\n" == said


def test_when_all_streams_are_taken_a_page_is_told_to_ask_later(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator")
    anna.page.streams = MOST_STREAMS

    answer = anna.get("/live/held")

    assert (503, "30") == (answer.status_code, answer.headers["retry-after"])
    assert MOST_STREAMS == anna.page.streams


def test_nothing_is_done_for_whoever_is_not_logged_in(visit: Visit, fleet: Fleet) -> None:
    fleet.send("j1")
    somebody = visit()

    answers = [
        somebody.client.post(path, data={"csrf": "guessed", **form}, follow_redirects=False)
        for path, form in FORMS.items()
    ]

    assert {(303, "/login")} == {(answer.status_code, answer.headers["location"]) for answer in answers}
    assert (1, {}) == (len(fleet.outbound()), fleet.standing.paused)


@pytest.mark.parametrize("csrf", ["", "guessed", "é"])
def test_a_form_without_the_token_of_its_session_does_nothing(visit: Visit, fleet: Fleet, csrf: str) -> None:
    fleet.send("j1")
    anna = visit("operator")

    answers = [anna.post(path, csrf=csrf, **form) for path, form in FORMS.items()]

    assert {(403, True)} == {(a.status_code, "The form is not of this page" in a.text) for a in answers}
    assert (1, {}) == (len(fleet.outbound()), fleet.standing.paused)
    assert 200 == anna.get("/").status_code  # nobody was logged out


def test_the_token_of_another_session_is_none(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna, mallory = visit("operator"), visit("viewer")

    assert 403 == anna.post("/lanes/pause", csrf=mallory.csrf, lane="bulk").status_code


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/lanes/pause", "/login"])
def test_a_form_that_another_site_sends_is_refused(
    visit: Visit, fleet: Fleet, path: str, headers: dict[str, str]
) -> None:
    anna = visit("operator")
    form = {"csrf": anna.csrf, "lane": "bulk", "name": "anna", "password": PASSWORD}

    answer = anna.client.post(path, data=form, headers=headers, follow_redirects=False)

    assert 403 == answer.status_code
    assert {} == fleet.standing.paused
    assert "set-cookie" not in answer.headers


def test_a_viewer_changes_nothing(visit: Visit, fleet: Fleet) -> None:
    fleet.send("j1")
    vera = visit("viewer")

    answers = [vera.post(path, **FORMS[path]) for path in sorted(set(FORMS) - {"/jobs", "/logout"})]

    assert {(403, True)} == {(a.status_code, "only operators may do this" in a.text) for a in answers}
    assert (1, {}) == (len(fleet.outbound()), fleet.standing.paused)


def test_a_right_password_opens_and_the_cookie_is_of_no_use_to_scripts(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit()

    answer = anna.client.post("/login", data={"name": "anna", "password": PASSWORD}, follow_redirects=False)

    assert (303, "/") == (answer.status_code, answer.headers["location"])
    assert re.fullmatch(
        r"smsfleet=[\w-]{43}; HttpOnly; Max-Age=28800; Path=/; SameSite=strict", answer.headers["set-cookie"]
    )
    assert "anna" in anna.get("/").text


def test_by_https_the_cookie_is_bound_to_its_host(visit: Visit) -> None:
    anna = visit(https="1")

    answer = anna.client.post("/login", data={"name": "anna", "password": PASSWORD}, follow_redirects=False)

    assert answer.headers["set-cookie"].startswith("__Host-smsfleet=")
    assert answer.headers["set-cookie"].endswith("Path=/; SameSite=strict; Secure")
    assert "max-age=31536000" == answer.headers["strict-transport-security"]


def test_a_login_makes_a_new_session_and_ends_the_one_before(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("viewer")
    before = anna.client.cookies["smsfleet"]

    anna.client.cookies.clear()
    anna.client.post(
        "/login",
        data={"name": "anna", "password": PASSWORD},
        headers={"Cookie": f"smsfleet={before}"},
        follow_redirects=False,
    )

    assert before != anna.client.cookies["smsfleet"]
    assert anna.page.sessions.of(before) is None


def test_after_a_logout_the_token_is_worth_nothing(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator")
    token = anna.client.cookies["smsfleet"]

    answer = anna.post("/logout")

    assert (303, "/login") == (answer.status_code, answer.headers["location"])
    assert anna.page.sessions.of(token) is None


def test_some_wrong_passwords_make_everybody_at_that_address_wait(visit: Visit) -> None:
    now = [1000.0]
    mallory = visit(clock=lambda: now[0])
    wrong = {"name": "anna", "password": "wrong"}

    tried = [mallory.client.post("/login", data=wrong) for _ in range(OF_ADDRESS)]
    right = mallory.client.post("/login", data={"name": "anna", "password": PASSWORD})

    assert [401] * OF_ADDRESS == [answer.status_code for answer in tried]
    assert {"This name and password do not go together."} == {
        re.findall(r'role="alert">([^<]+)', answer.text)[0] for answer in tried
    }
    assert (429, str(int(WINDOW_S))) == (right.status_code, right.headers["retry-after"])
    now[0] += WINDOW_S
    late = mallory.client.post("/login", data={"name": "anna", "password": PASSWORD}, follow_redirects=False)
    assert 303 == late.status_code


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/login", "/nowhere", "/static/page.css", "/static/nothing", "/healthz"]
)
def test_every_answer_has_the_headers(visit: Visit, fleet: Fleet, path: str) -> None:
    del fleet

    answer = visit("viewer").get(path)

    assert HEADERS == {name: answer.headers[name] for name in HEADERS}
    assert "server" not in answer.headers


def test_an_answer_to_a_defect_has_them_too_and_says_nothing_of_it(
    visit: Visit, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_limit: int) -> None:
        raise RuntimeError("the password is swordfish")

    del fleet
    monkeypatch.setattr("smsfleet.web.views.campaigns.campaigns", broken)

    answer = visit("viewer").get("/campaigns")

    assert (500, "Something is wrong with this page: see its log.") == (answer.status_code, answer.text)
    assert HEADERS == {name: answer.headers.get(name) for name in HEADERS}


@pytest.mark.parametrize("path", ["/", "/jobs", "/held", "/bind", "/jobs/j1", "/login"])
def test_a_page_has_no_script_and_no_style_of_its_own_and_nothing_from_elsewhere(
    visit: Visit, fleet: Fleet, path: str
) -> None:
    fleet.send("j1")

    text = visit("operator").get(path).text + visit().get("/login").text

    assert [] == re.findall(r"<style|<script(?! src=\"/static/)| style=| on\w+=|javascript:|https?://", text)


def test_a_host_that_is_not_ours_is_refused(visit: Visit) -> None:
    assert 400 == visit().client.get("/login", headers={"Host": "evil.example"}).status_code
    assert 200 == visit(hosts="sms.example").client.get("/login", headers={"Host": "sms.example"}).status_code


def test_a_form_is_bounded(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator")

    long = [
        anna.post("/jobs", to="9" * MOST_OCTETS),
        anna.client.post("/login", data={"name": "x" * MOST_OCTETS}),
    ]
    many = anna.client.post("/jobs", data={f"f{n}": "1" for n in range(100)})

    assert [413, 413, 413] == [answer.status_code for answer in (*long, many)]


def test_behind_a_path_every_address_begins_with_it(visit: Visit, fleet: Fleet) -> None:
    del fleet
    anna = visit("operator", root_path="/sms")

    found = re.findall(r'(?:href|src|action|data-live)="([^"]*)"', anna.get("/").text)

    assert len(found) > 5
    assert [] == [address for address in found if not address.startswith("/sms/")]
    assert "/sms/login" == visit(root_path="/sms").get("/").headers["location"]


def test_whether_the_page_is_well_says_nothing_of_the_fleet(visit: Visit, fleet: Fleet) -> None:
    del fleet
    somebody = visit()
    somebody.page.watch.look()

    answer = somebody.get("/healthz")

    assert (200, "OK") == (answer.status_code, answer.text)
