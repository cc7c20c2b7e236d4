"""Sessions end by themselves, and failed logins are counted by address and by name."""

from __future__ import annotations

from smsfleet.web.sessions import (
    MOST_KEYS,
    MOST_SESSIONS,
    OF_ADDRESS,
    OF_NAME,
    WINDOW_S,
    Sessions,
    Throttle,
    is_from_page,
)
from smsfleet.web.users import Role, User

ANNA = User("anna", Role.OPERATOR)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_its_session_until_that_ends() -> None:
    clock = Clock()
    sessions = Sessions(60, clock)
    token = sessions.begin(ANNA)

    found = sessions.of(token)

    assert found is not None
    assert ANNA == found.user
    clock.now += 60
    assert sessions.of(token) is None


def test_a_token_of_nobody_is_nobodys() -> None:
    sessions = Sessions(60, Clock())
    sessions.begin(ANNA)

    assert [None] * 3 == [sessions.of(None), sessions.of(""), sessions.of("guessed")]


def test_a_session_that_was_ended_is_gone_and_others_are_not() -> None:
    sessions = Sessions(60, Clock())
    first, second, third = (sessions.begin(ANNA) for _ in range(3))

    sessions.end(first)
    kept = sessions.of(second)
    assert kept is not None
    sessions.end_session(kept)

    assert [True, True, False] == [sessions.of(token) is None for token in (first, second, third)]


def test_no_two_sessions_have_a_token_or_a_csrf_in_common() -> None:
    sessions = Sessions(60, Clock())
    tokens = [sessions.begin(ANNA) for _ in range(50)]
    found = [session.csrf for token in tokens if (session := sessions.of(token))]

    assert 100 == len({*tokens, *found})
    assert found[0] not in repr(sessions.of(tokens[0]))


def test_there_are_never_more_sessions_than_fit() -> None:
    sessions = Sessions(60, Clock())
    tokens = [sessions.begin(ANNA) for _ in range(MOST_SESSIONS + 2)]

    assert [True, True, False] == [sessions.of(token) is None for token in tokens[:3]]


def test_a_form_must_bring_the_token_of_its_session() -> None:
    sessions = Sessions(60, Clock())
    mine, other = (sessions.of(sessions.begin(ANNA)) for _ in range(2))
    assert mine is not None
    assert other is not None

    assert [True, False, False, False] == [
        is_from_page(mine, mine.csrf), is_from_page(mine, other.csrf), is_from_page(mine, ""), is_from_page(mine, "é"),
    ]  # fmt: skip


def test_an_address_waits_after_some_failures_and_no_longer_than_the_window() -> None:
    clock = Clock()
    throttle = Throttle(clock)

    waits = []
    for n in range(OF_ADDRESS):
        waits.append(throttle.wait_s("10.0.0.1", f"name-{n}"))
        throttle.failed("10.0.0.1", f"name-{n}")

    assert [0] * OF_ADDRESS == waits
    assert WINDOW_S == throttle.wait_s("10.0.0.1", "another")
    assert 0 == throttle.wait_s("10.0.0.2", "another")
    clock.now += WINDOW_S
    assert 0 == throttle.wait_s("10.0.0.1", "another")


def test_a_name_that_is_tried_from_everywhere_waits_too() -> None:
    throttle = Throttle(Clock())

    for n in range(OF_NAME):
        assert 0 == throttle.wait_s(f"10.0.0.{n}", "anna")
        throttle.failed(f"10.0.0.{n}", "anna")

    assert WINDOW_S == throttle.wait_s("10.0.1.1", "anna")
    assert 0 == throttle.wait_s("10.0.1.1", "vera")


def test_a_right_password_forgives() -> None:
    throttle = Throttle(Clock())
    for _ in range(OF_ADDRESS - 1):
        throttle.failed("10.0.0.1", "anna")

    throttle.succeeded("10.0.0.1", "anna")
    throttle.failed("10.0.0.1", "anna")

    assert 0 == throttle.wait_s("10.0.0.1", "anna")


def test_names_that_are_invented_do_not_fill_the_memory() -> None:
    throttle = Throttle(Clock())

    for n in range(MOST_KEYS):
        throttle.failed(f"address-{n}", f"name-{n}")

    assert MOST_KEYS == len(throttle._failed)
