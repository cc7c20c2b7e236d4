"""The webhooks' settings: checked before anything is called, and the secret stays one."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.config.webhook_settings import load_webhooks

SECRET = "0123456789abcdef"


def test_without_a_secret_no_webhook_is_called_and_nothing_is_wrong() -> None:
    assert load_webhooks({}).secret is None


def test_the_secret_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\nsecond line\n")

    found = [
        load_webhooks({"SMSFLEET_WEBHOOK_SECRET": SECRET}),
        load_webhooks({"SMSFLEET_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}),
    ]

    assert [SECRET] * 2 == [settings.secret and settings.secret.get_secret_value() for settings in found]
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("SECRET", "short-secret", "has 12 characters: must be at least 16"),
        ("SECRET_FILE", "/nowhere/at/all", "cannot be read: FileNotFoundError"),
        ("ALLOW", "10.0.0.1/8", "'10.0.0.1/8' is no network"),
        ("ALLOW", "a.example, x/24", "'x/24' is no network"),
        ("TIMEOUT_S", "61", "at most 60"),
        ("ATTEMPTS", "0", "ATTEMPTS='0'"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_by_name(name: str, value: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule) as refused:
        load_webhooks({f"SMSFLEET_WEBHOOK_{name}": value})

    assert "short-secret" not in str(refused.value)


def test_secret_and_file_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)

    with pytest.raises(ConfigError, match="both set"):
        load_webhooks(
            {"SMSFLEET_WEBHOOK_SECRET": SECRET, "SMSFLEET_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
        )
