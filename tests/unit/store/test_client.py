"""What the store's errors say."""

from __future__ import annotations

import pytest
import redis
from kombu.exceptions import OperationalError

from smsfleet.config.errors import StoreError, StoreForbidden, StoreMisconfigured, StoreUnavailable
from smsfleet.store.client import translated, why

IN_A_PIPELINE = "Command # 1 (XADD {main}:deliveries * p 27820000001 the text) of pipeline caused error: %s"


@pytest.mark.parametrize(
    ("kind", "said", "ours"),
    [
        (redis.ReadOnlyError, "You can't write against a read only replica.", StoreUnavailable),
        (redis.OutOfMemoryError, "command not allowed when used memory > 'maxmemory'.", StoreUnavailable),
        (redis.ResponseError, "MISCONF Errors writing to the AOF file", StoreUnavailable),
        (redis.ResponseError, "WRONGTYPE of key", StoreError),
    ],
)
def test_an_error_within_a_pipeline_says_what_the_server_said_and_not_what_was_written(
    kind: type[redis.RedisError], said: str, ours: type[StoreError]
) -> None:
    with pytest.raises(ours) as raised, translated():
        raise kind(IN_A_PIPELINE % said)

    assert said in str(raised.value)
    assert "the text" not in str(raised.value)


def test_a_refused_login_is_a_matter_of_the_settings() -> None:
    with pytest.raises(StoreMisconfigured, match="check the user and password"), translated():
        raise redis.AuthenticationError("invalid username-password pair or user is disabled.")


def test_a_command_that_the_user_may_not_give_says_where_to_look() -> None:
    with pytest.raises(StoreForbidden, match="SMSFLEET_ACCOUNT") as raised, translated():
        raise redis.exceptions.NoPermissionError("this user has no permissions to access one of the keys")

    assert "no permissions to access one of the keys" in str(raised.value)


@pytest.mark.parametrize("silent", [TimeoutError(), redis.TimeoutError(), ConnectionResetError()])
def test_an_error_that_says_nothing_is_named(silent: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=rf"now: {silent.__class__.__name__}\b"), translated():
        raise silent


@pytest.mark.parametrize("silent", [TimeoutError(), redis.TimeoutError("Timeout reading from socket")])
def test_a_server_that_does_not_answer_may_be_frozen(silent: Exception) -> None:
    with pytest.raises(StoreUnavailable, match="is it frozen, or held by a long command"), translated():
        raise silent


def test_a_full_server_is_said_to_be_full_whichever_client_has_met_it() -> None:
    full = "command not allowed when used memory > 'maxmemory'."
    with pytest.raises(StoreUnavailable, match="it is full, raise its maxmemory"), translated():
        raise redis.OutOfMemoryError(full)

    said = why(OperationalError(IN_A_PIPELINE % full))

    assert f"it is full, raise its maxmemory ({full})" == said
