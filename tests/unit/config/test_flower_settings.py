"""Flower's settings: no password, no Flower; and no message shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.config.flower_settings import FlowerSettings, load_flower

SECRET = "Tq7-visible"


def test_it_is_read_only_and_on_loopback_unless_told_otherwise() -> None:
    settings = load_flower({"SMSFLEET_FLOWER_BASIC_AUTH": f"op:{SECRET}"})

    assert ("127.0.0.1", 5555, True, "") == (
        settings.address,
        settings.port,
        settings.read_only,
        settings.root_path,
    )


def test_a_file_has_one_who_may_look_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "auth"
    file.write_text(f"# operators\nop:{SECRET}\n\nanna:pass:with:colons\n")

    settings = load_flower({"SMSFLEET_FLOWER_BASIC_AUTH_FILE": str(file)})

    assert [f"op:{SECRET}", "anna:pass:with:colons"] == settings.pairs
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "rule"),
    [
        ({}, "SMSFLEET_FLOWER_BASIC_AUTH_FILE is not set"),
        ({"BASIC_AUTH": ""}, "SMSFLEET_FLOWER_BASIC_AUTH_FILE is not set"),
        ({"BASIC_AUTH": SECRET}, "entry 1 is refused: must be user:password"),
        ({"BASIC_AUTH": f":{SECRET}"}, "entry 1 is refused"),
        ({"BASIC_AUTH": "op:seven77"}, "at least 8 characters"),
        ({"BASIC_AUTH": f"op:{SECRET}\nöp:{SECRET}"}, "entry 2 is refused"),
        ({"BASIC_AUTH_FILE": "/no/such/file"}, "'/no/such/file' cannot be read: FileNotFoundError"),
        ({"BASIC_AUTH_FILE": "/dev/null"}, "holds no user:password"),
        ({"BASIC_AUTH": f"op:{SECRET}", "BASIC_AUTH_FILE": "/dev/null"}, "both set"),
        ({"BASIC_AUTH": f"op:{SECRET}", "PORT": "65536"}, "SMSFLEET_FLOWER_PORT='65536'"),
        ({"BASIC_AUTH": f"op:{SECRET}", "ROOT_PATH": "flower/"}, "SMSFLEET_FLOWER_ROOT_PATH='flower/'"),
    ],
)
def test_what_breaks_a_rule_is_refused_without_the_password(environment: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_flower({f"SMSFLEET_FLOWER_{name}": value for name, value in environment.items()})

    assert rule in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_length_that_is_told_is_the_one_that_is_checked() -> None:
    assert "at least 8 characters" in str(FlowerSettings.model_fields["basic_auth"].description)
