"""Who is called: read at the call, refused with the value and the rule."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import InvalidArgument
from smsfleet.config.settings import load
from smsfleet.config.targets import HookTarget, TaskTarget, parse_target


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("task:billing.on_sms@billing", TaskTarget("billing.on_sms", "billing")),
        ("task:on_sms", TaskTarget("on_sms", "celery")),
        ("https://Shop.Example/sms?a=1", HookTarget("https://Shop.Example/sms?a=1", "shop.example:443")),
        ("http://10.0.0.1:8080/", HookTarget("http://10.0.0.1:8080/", "10.0.0.1:8080")),
        ("https://[2001:db8::1]/", HookTarget("https://[2001:db8::1]/", "[2001:db8::1]:443")),
    ],
)
def test_a_task_or_a_url_is_meant(value: str, target: TaskTarget | HookTarget) -> None:
    assert target == parse_target(value)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "task:NAME@QUEUE or a URL"),
        ("billing.on_sms", "task:NAME@QUEUE or a URL"),
        ("task:", "a task is"),
        ("task:a@", "a task is"),
        ("task:a b@c", "a task is"),
        ("task:a@sms.high", r"queues sms\.\* are the fleet's"),
        ("ftp://a.example/", "https://"),
        ("https:///path", "https://"),
        ("https://a.example:port/", "cannot be read"),
        ("https://a.example/#top", "fragment"),
        ("https://a.example/a b", "https://"),
        ("https://a.example/" + "x" * 500, "at most 500"),
        ("https://é.example/", "printable ASCII"),
        ("https://a.example/\n", "printable ASCII"),
        (7, "printable ASCII"),
    ],
)
def test_anything_else_is_refused_with_the_rule(value: object, rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        parse_target(value)  # type: ignore[arg-type]


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidArgument, match="sign instead") as refused:
        parse_target("https://user:hunter2@a.example/")

    assert "hunter2" not in str(refused.value)


def test_the_setting_is_checked_alike() -> None:
    assert "task:a@b" == load({"SMSFLEET_CALLBACK": "task:a@b"}).callback
    with pytest.raises(Exception, match=r"SMSFLEET_CALLBACK='billing' is refused.*task:NAME@QUEUE"):
        load({"SMSFLEET_CALLBACK": "billing"})
