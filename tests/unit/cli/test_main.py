"""The command without any server: help, wrong usage, wrong settings, estimate."""
# ruff: noqa: RUF001 - look-alikes are what some of these tests are about

from __future__ import annotations

import json
import os
import re
import socket
import threading
from pathlib import Path

import pytest
from tests.documents import DOCS
from tests.unit.cli.conftest import Smsfleet

from smsfleet.cli.checkup import REDIS_PAGE
from smsfleet.cli.main import EXIT_CODES, Group, cli, main
from smsfleet.config import errors
from smsfleet.config.errors import SmsfleetError

NOBODY = "redis://127.0.0.1:1/0"

SMPP = {
    "smpp_host": "smpp.example", "smpp_system_id": "user", "smpp_password": "secret",
    "smpp_system_type": "3000000",
}  # fmt: skip


@pytest.mark.parametrize("command", Group.parts)
def test_every_command_has_a_help_with_an_example_of_it(smsfleet: Smsfleet, command: str) -> None:
    shown = smsfleet(command, "--help")

    assert (0, "") == (shown.exit_code, shown.stderr)
    assert re.search(rf"Examples?:\n(.*\n)*.*smsfleet {command}", shown.output)
    assert shown.output == smsfleet(command, "-h").output


def test_the_help_lists_every_command_in_the_order_in_which_one_meets_them(smsfleet: Smsfleet) -> None:
    shown = smsfleet("--help").output

    listed = re.findall(r"^  (\w+)  ", shown.partition("Commands:")[2], re.MULTILINE)
    assert list(Group.parts) == listed
    assert "smsfleet demo" in shown


def test_the_version_is_that_of_the_package(smsfleet: Smsfleet) -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        expected = version("smsfleet")
    except PackageNotFoundError:
        pytest.skip("not installed here: tests/integration/test_wheel.py asks the installed command")

    assert f"smsfleet, version {expected}\n" == smsfleet("--version").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",), ("--no-such-option",), ("send",), ("send", "27999100001", "Hello", "--priority", "high"),
        ("send", "27999100001", "Hello", "--lane", "vip"), ("send", "27999100001", "Hello", "--wait", "soon"),
        ("send", "27999100001", "Hello", "more"), ("status", "a", "b"), ("estimate",),
        ("estimate", "Hello", "--encoding", "utf-8"), ("server", "--fsync", "never"),
        ("simulator", "--port", "high"), ("binder", "now"),
        ("send", "27999100001", "Hello", "--wait", "-5"), ("send", "27999100001", "Hello", "--wait", "nan"),
        ("job", "j1", "--timeout", "nan"), ("campaign", "show", "C1", "--timeout", "nan"),
        ("campaign", "start", "f", "--text", "x", "--timeout", "nan"), ("query", "j1", "--wait", "nan"),
        ("bind", "pause", "--wait", "nan"), ("bind", "resume", "--wait", "-1"), ("top", "--interval", "nan"),
        ("doctor", "--timeout", "nan"), ("compliance", "--simulate", "--hours", "nan"),
        ("compliance", "--simulate", "--hours", "-1"), ("simulator", "--receipt-delay", "nan"),
        ("simulator", "--control", "65536"), ("server", "--port", "65536"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_with_2(smsfleet: Smsfleet, arguments: tuple[str, ...]) -> None:
    result = smsfleet(*arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert "Usage: smsfleet" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "named"),
    [
        (("send", "0800-FLOWERS", "Hello"), {}, 2, "0800-FLOWERS"),
        (("send", "27999100001", ""), {}, 2, "text is empty"),
        (("send", "27999100001"), {}, 2, "text is empty"),
        (("send", "27999100001", "x", "--data", "0a"), {}, 2, "text is given beside data"),
        (("send", "27999100001", "--data", "0g"), {}, 2, "data is refused"),
        (("send", "27999100001", "x", "--schedule", "2027-01-31T08:00"), {}, 2, "no time zone"),
        (("send", "27999100001", "x", "--validity", "soon"), {}, 2, "validity 'soon'"),
        (("send", "27999100001", "x", "--priority", "4"), {}, 2, "priority_flag 4"),
        (
            ("send", "27999100001", "x"),
            {"deny_prefixes": "2799"},
            2,
            "'2799' is one of SMSFLEET_DENY_PREFIXES",
        ),
        (
            ("send", "27999100001", "x", "--sender", "Bank"),
            {"senders": "Shop"},
            2,
            "'Bank' is not in the list",
        ),
        (("send", "27999100001", "x", "--sender", "much too long"), {}, 2, "much too long"),
        (("send", "27999100001", "x", "--validity", "0"), {}, 2, "validity of 0 s"),
        (("send", "27999100001", "x", "--validity", "nan"), {}, 2, "validity"),
        (("send", "27999100001", "x", "--idempotency-key", "a#1"), {}, 2, "idempotency_key 'a#1'"),
        (("estimate", "bell\a"), {}, 2, "U+0007"),
        (("estimate", "Hello", "--to", "12"), {}, 2, "'12'"),
        (("send", "27999100001", "x"), {"rate": "0"}, os.EX_CONFIG, "SMSFLEET_RATE='0'"),
        (("demo", "--folder", "/dev/null/d"), {}, os.EX_CONFIG, "'/dev/null/d' cannot be made"),
        (("demo", "--folder", "/dev"), {}, os.EX_CONFIG, "'/dev' cannot be made: File exists"),
        (("server", "--folder", "/dev/null/d"), {}, os.EX_CONFIG, "cannot be made: Not a directory"),
        (
            ("simulator", "--port", "0", "--journal", "/dev/null/j"),
            {},
            os.EX_CONFIG,
            "cannot run: Not a directory",
        ),
        (("simulator", "--host", "192.0.2.1"), {}, os.EX_CONFIG, "the simulator cannot run: "),
        (("status",), {"redis_url": "localhost"}, os.EX_CONFIG, "SMSFLEET_REDIS_URL"),
        (("status", "j1"), {"account": "a b"}, os.EX_CONFIG, "SMSFLEET_ACCOUNT"),
        (("worker",), {"worker_concurrency": "0"}, os.EX_CONFIG, "SMSFLEET_WORKER_CONCURRENCY"),
        (("binder",), {}, os.EX_CONFIG, "SMSFLEET_SMPP_HOST is not set"),
        (("binder",), SMPP | {"smpp_window": "0"}, os.EX_CONFIG, "SMSFLEET_SMPP_WINDOW"),
        (("binder",), SMPP | {"smpp_bind_mode": "receiver"}, os.EX_CONFIG, "transceiver"),
        (("binder",), SMPP | {"redis_url": NOBODY}, os.EX_UNAVAILABLE, "Redis"),
        (("worker",), {"redis_url": NOBODY}, os.EX_UNAVAILABLE, "Redis"),
        (("status",), {"redis_url": NOBODY}, os.EX_UNAVAILABLE, f"({REDIS_PAGE})"),
        (("status", "j1"), {"redis_url": NOBODY}, os.EX_UNAVAILABLE, "Redis"),
        (("status", "j1", "--json"), {"redis_url": NOBODY}, os.EX_UNAVAILABLE, "Redis"),
    ],
)
def test_an_error_is_one_line_on_stderr_and_its_exit_code(
    smsfleet: Smsfleet, arguments: tuple[str, ...], settings: dict[str, str], code: int, named: str
) -> None:
    result = smsfleet(*arguments, **{"redis_url": NOBODY} | settings)

    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]  # a process' log
    assert (code, "", 1) == (result.exit_code, result.stdout, len(lines))
    assert lines[0].startswith("smsfleet: ")
    assert named in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port/0", "redis://:pa/ss@127.0.0.1:6379/0"])
def test_a_redis_url_that_cannot_be_read_is_a_wrong_setting(smsfleet: Smsfleet, url: str) -> None:
    assert os.EX_CONFIG == smsfleet("status", redis_url=url).exit_code


def test_what_answers_and_is_no_redis_is_an_error_of_one_line(smsfleet: Smsfleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.0 400 swordfish\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        result = smsfleet("status", redis_url=f"redis://127.0.0.1:{listening.getsockname()[1]}/0")
        answering.join()

    assert (os.EX_UNAVAILABLE, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "what answers at SMSFLEET_REDIS_URL is no Redis" in result.stderr
    assert "swordfish" not in result.stderr


def test_the_page_that_an_error_of_redis_names_has_that_heading() -> None:
    page, heading = REDIS_PAGE.removesuffix("'").split(", '")

    assert f"### {heading}" in (DOCS.parent / page).read_text(encoding="utf-8").splitlines()


def test_every_error_of_ours_has_an_exit_code_of_its_own_kind() -> None:
    codes = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, SmsfleetError):
            codes[kind.__name__] = next(code for base, code in EXIT_CODES if issubclass(kind, base))

    assert {
        "InvalidArgument": 2, "InvalidDestination": 2, "InvalidSender": 2, "InvalidText": 2, "TextTooLong": 2,
        "DestinationDenied": 2, "SenderDenied": 2, "QuotaExceeded": 2, "IdempotencyConflict": 2,
        "InvalidField": 2, "InvalidFile": 2, "UnknownCampaign": 1,
        "UnknownJob": 1, "UnknownMessage": 1, "NotAsked": 1, "ConfigError": os.EX_CONFIG,
        "StoreMisconfigured": os.EX_CONFIG, "StoreForbidden": os.EX_CONFIG,
        "StoreUnavailable": os.EX_UNAVAILABLE, "ServerError": os.EX_UNAVAILABLE, "BinderSilent": os.EX_UNAVAILABLE,
    } == {name: code for name, code in codes.items() if code != os.EX_SOFTWARE}  # fmt: skip
    assert os.EX_SOFTWARE == codes["SmsfleetError"]


# --- estimate: needs nothing ------------------------------------------------------------------------


def test_an_estimate_says_encoding_segments_and_credits(smsfleet: Smsfleet) -> None:
    result = smsfleet("estimate", "Grüße aus Köln")

    assert (0, "") == (result.exit_code, result.stderr)
    assert [
        "encoding  gsm0338", "segments  1 (14 septets, 146 left in the last)", "credits   1",
    ] == result.stdout.splitlines()  # fmt: skip


def test_an_estimate_names_the_characters_that_cost_the_most(smsfleet: Smsfleet) -> None:
    lines = smsfleet("estimate", "Sale… " + "🎂" * 12).stdout.splitlines()

    assert "not GSM   … U+2026 HORIZONTAL ELLIPSIS at position 4" in lines
    assert ("encoding  ucs2", "          and 3 more") == (lines[0], lines[-1])


def test_an_estimate_for_programs_is_json(smsfleet: Smsfleet) -> None:
    result = smsfleet("estimate", "Sale… 50 % off", "--to", "27999100001", "--json")

    said = json.loads(result.stdout)
    assert ("ucs2", 1, "1/3", 4) == (
        said["encoding"], said["segments"], said["credits"], said["not_gsm"][0]["position"],
    )  # fmt: skip


def test_an_estimate_in_the_encoding_that_is_asked_for(smsfleet: Smsfleet) -> None:
    assert "encoding  ucs2" in smsfleet("estimate", "Hello", "--encoding", "ucs2").stdout
    assert 2 == smsfleet("estimate", "🎂", "--encoding", "gsm").exit_code


def test_an_estimate_says_what_a_transliteration_would_save(smsfleet: Smsfleet) -> None:
    text = "It’s our summer sale – everything 50 % off. " * 3

    asked = smsfleet("estimate", text).stdout.splitlines()
    done = smsfleet("estimate", text, "--transliterate", "typographic").stdout.splitlines()

    assert "segments  2 (132 UTF-16 units, 2 left in the last)" in asked
    assert "saving    --transliterate typographic: 1 segments, 1 credits, 6 places replaced" in asked
    assert ["encoding  gsm0338", "segments  1 (132 septets, 28 left in the last)"] == done[:2]
    assert "replaced  6 places by transliteration" in done


def test_an_estimate_has_the_settings_that_send_sms_has(smsfleet: Smsfleet) -> None:
    settings = {"transliterate": "typographic", "max_segments": "2", "deny_prefixes": "2799"}

    said = json.loads(smsfleet("estimate", "‘" * 400, "--to", "27999100001", "--json", **settings).stdout)

    assert ("gsm0338", 3, 400, "1") == (said["encoding"], said["segments"], said["replaced"], said["credits"])
    assert ["refused: more segments", "refused: destination '"] == [remark[:22] for remark in said["remarks"]]


def test_an_argument_that_is_not_utf_8_is_refused_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def takes_utf_8_only(*_: object, **__: object) -> None:
        "wrong \udcff text".encode()

    monkeypatch.setattr(cli, "main", takes_utf_8_only)

    with pytest.raises(SystemExit) as ended:
        main(["pause", "--reason", "wrong \udcff text"])

    assert 2 == ended.value.code
    assert "smsfleet: 'wrong \\udcff text' is refused: it is not UTF-8\n" == capsys.readouterr().err


def test_a_campaign_plan_names_a_file_that_cannot_be_written(smsfleet: Smsfleet, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("27999100001\n")

    shown = smsfleet("campaign", "plan", str(rows), "--text", "Hi", "--invalid", "x" * 5000)

    assert 2 == shown.exit_code
    assert shown.stderr.startswith("smsfleet: xxx")
    assert "cannot be written" in shown.stderr
