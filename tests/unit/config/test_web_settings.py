"""The page's settings: by which names it is reached, and whose word it takes."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.config.web_settings import WebSettings, load_web


def given(**values: str) -> WebSettings:
    return load_web(
        {"SMSFLEET_WEB_USERS_FILE": "u"}
        | {f"SMSFLEET_WEB_{name.upper()}": value for name, value in values.items()}
    )


def test_it_is_on_loopback_and_believes_no_proxy_unless_told_otherwise() -> None:
    settings = given()

    assert ("127.0.0.1", ["localhost", "127.0.0.1"], "", False) == (
        settings.address, settings.host_names, settings.proxies, settings.https,
    )  # fmt: skip


def test_host_names_are_compared_as_browsers_send_them() -> None:
    assert ["sms.example", "*.sms.example"] == given(hosts=" SMS.Example , *.sms.example,").host_names


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"hosts": " , "}, "no host name is given"),
        ({"hosts": "*"}, "'*' is no host name"),
        ({"hosts": "https://sms.example"}, "'https://sms.example' is no host name"),
        ({"proxies": "10.0.0.0/8, nginx"}, "'nginx' is no address"),
        ({"proxies": "*"}, "'*' is no address"),
        ({"root_path": "/sms/"}, "SMSFLEET_WEB_ROOT_PATH='/sms/'"),
        ({"root_path": "//evil.example"}, "SMSFLEET_WEB_ROOT_PATH='//evil.example'"),
        ({"session_s": "59"}, "SMSFLEET_WEB_SESSION_S='59'"),
        ({"users_file": ""}, "SMSFLEET_WEB_USERS_FILE"),
    ],
)
def test_what_would_reach_nobody_or_believe_everybody_is_refused(values: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        given(**values)

    assert rule in str(caught.value)
