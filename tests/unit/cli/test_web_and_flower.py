"""`smsfleet web` and `smsfleet flower` do not start without a password; `web user` makes a line for one."""

from __future__ import annotations

import os
import re

import pytest
from tests.unit.cli.conftest import Smsfleet

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("command", "settings", "named"),
    [
        ("web", {}, "SMSFLEET_WEB_USERS_FILE is not set"),
        ("web", {"web_users_file": "/dev/null"}, "SMSFLEET_WEB_USERS_FILE names nobody"),
        ("web", {"web_users_file": "/no/such/file"}, "'/no/such/file' cannot be read"),
        ("web", {"web_users_file": "/dev/null", "web_port": "x"}, "SMSFLEET_WEB_PORT='x'"),
        ("web", {"web_users_file": "/dev/null", "web_hosts": "a b"}, "'a b' is no host name"),
        ("web", {"web_users_file": "/dev/null", "web_proxies": "here"}, "'here' is no address"),
        ("web", {"web_users_file": "/dev/null", "web_root_path": "sms/"}, "SMSFLEET_WEB_ROOT_PATH='sms/'"),
        ("flower", {}, "SMSFLEET_FLOWER_BASIC_AUTH_FILE is not set"),
        ("flower", {"flower_basic_auth_file": "/dev/null"}, "holds no user:password"),
    ],
)
def test_without_somebody_who_may_look_it_does_not_start(
    smsfleet: Smsfleet, command: str, settings: dict[str, str], named: str
) -> None:
    result = smsfleet(command, **settings)

    assert (os.EX_CONFIG, "") == (result.exit_code, result.stdout)
    assert named in result.stderr


@pytest.mark.parametrize(
    "option", ["--basic-auth=op:visible", "--read-only=False", "--conf=mine.py", "--auth=.*"]
)
def test_no_option_undoes_a_setting_of_flower(smsfleet: Smsfleet, option: str) -> None:
    result = smsfleet("flower", option, flower_basic_auth="op:Tq7-visible")

    assert (2, "") == (result.exit_code, result.stdout)
    assert f"{option.partition('=')[0]} is not passed on" in result.stderr
    assert "op:visible" not in result.stderr


@pytest.mark.parametrize("option", ["--natural-tyme=True", "--natural-time True", "x", "--loglevel=DEBUG"])
def test_what_flower_would_pass_over_in_silence_is_refused(smsfleet: Smsfleet, option: str) -> None:
    result = smsfleet("flower", *option.split(), flower_basic_auth="op:Tq7-visible")

    assert (2, "") == (result.exit_code, result.stdout)
    assert f"{option.split(maxsplit=1)[0].partition('=')[0]} is no option of Flower" in result.stderr
    assert "--NAME=VALUE" in result.stderr


def test_a_line_of_users_comes_from_a_password_on_standard_input(smsfleet: Smsfleet) -> None:
    made = smsfleet("web", "user", "anna", "--role", "operator", stdin=f"{PASSWORD}\n")

    assert 0 == made.exit_code
    assert re.fullmatch(r"anna:operator:scrypt\$\S+\n", made.stdout)


@pytest.mark.parametrize(
    ("arguments", "given", "rule"),
    [(["anna"], "short\n", "12 to 256"), (["anna"], "", "12 to 256"), (["a:b"], f"{PASSWORD}\n", "name 'a:b'")],
)  # fmt: skip
def test_a_line_that_cannot_be_is_not_printed(
    smsfleet: Smsfleet, arguments: list[str], given: str, rule: str
) -> None:
    made = smsfleet("web", "user", *arguments, stdin=given)

    assert (2, "") == (made.exit_code, made.stdout)
    assert rule in made.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("web", "not installed: jinja2, starlette, uvicorn; pip install 'smsfleet[web]'"),
        ("flower", "Flower is not installed: pip install 'smsfleet[flower]'"),
    ],
)
def test_a_missing_extra_is_said_before_a_password_is_asked_for(
    smsfleet: Smsfleet, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setattr(f"smsfleet.cli.{command}.find_spec", lambda _: None)

    result = smsfleet(command)

    assert (os.EX_CONFIG, f"smsfleet: {said}\n") == (result.exit_code, result.stderr)
