"""Who is called about a job is noted when it is admitted, or closed without that."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_outgoing import outgoing, take_in, take_in_raw

from smsfleet.workers.runtime import Runtime

OWN, SETTING = "task:billing.on_sms@billing", "https://shop.example/sms"


def called(fleet: Fleet, job_id: str = "j1") -> bytes | None:
    return fleet.redis("HGET", fleet.keys.job(job_id), "b")


@pytest.mark.parametrize(
    ("setting", "own", "noted"),
    [("", "", None), ("", OWN, OWN.encode()), (SETTING, "", b"*"), (SETTING, OWN, OWN.encode())],
)
@pytest.mark.parametrize("text", ["Hello", "x" * 400, "bell\a"])
def test_its_own_callback_goes_before_the_accounts(
    fleet: Fleet,
    make_runtime: Callable[..., Runtime],
    *,
    setting: str,
    own: str,
    noted: bytes | None,
    text: str,
) -> None:
    runtime = make_runtime(callback=setting, rate="100000")
    take_in(runtime, "j1", text=text, **({"callback": own} if own else {}))

    outgoing(runtime).handle(["j1"])

    assert noted == called(fleet)


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"callback": 7}), json.dumps({"to": "x"})])
def test_a_job_that_cannot_be_read_is_the_accounts(
    fleet: Fleet, make_runtime: Callable[..., Runtime], content: str
) -> None:
    runtime = make_runtime(callback=SETTING)
    take_in_raw(runtime, "j1", content)

    outgoing(runtime).handle(["j1"])

    assert (b"*", "record") == (called(fleet), str(fleet.job().refusal).partition(":")[0])


def test_a_job_that_is_cancelled_tells_whoever_is_called(fleet: Fleet, runtime: Runtime) -> None:
    take_in(runtime, "j1", callback=OWN)

    outgoing(runtime).cancel("j1", "revoked")

    assert OWN.encode() == called(fleet)
