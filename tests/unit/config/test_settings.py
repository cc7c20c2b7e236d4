"""Settings: every rule is checked before anything connects, and a message names setting, value and rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from smsfleet.config.errors import ConfigError
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing

BIND = {
    "SMSFLEET_SMPP_HOST": "smpp.example",
    "SMSFLEET_SMPP_SYSTEM_ID": "user",
    "SMSFLEET_SMPP_PASSWORD": "Zx9q7Kd",
    "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
}
SECRET = "Zx9q7Kd"


def shared(name: str, value: str) -> object:
    """The setting of this name after loading it with this value."""
    return getattr(load({f"SMSFLEET_{name}": value}), name.lower())


def of_bind(name: str, value: str) -> object:
    """The same for a setting of the bind."""
    return getattr(load_smpp(BIND | {f"SMSFLEET_SMPP_{name}": value}), name.lower())


def refusal(load_it: Callable[[dict[str, str]], object], environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_it(environment)
    return str(caught.value)


# --- defaults -----------------------------------------------------------------------------------


def test_an_application_needs_no_setting_at_all() -> None:
    settings = load({})

    assert ("redis://127.0.0.1:6379/0", "main", 100.0) == (
        settings.redis_url,
        settings.account,
        settings.rate,
    )


def test_the_broker_is_the_store_unless_told_otherwise() -> None:
    other = {"SMSFLEET_REDIS_URL": "redis://a:1/0", "SMSFLEET_BROKER_URL": "redis://b:1/0"}

    assert ("smsfleet+redis://a:1/0", "redis://b:1/0") == (
        load({"SMSFLEET_REDIS_URL": "redis://a:1/0"}).broker,
        load(other).broker,
    )


def test_the_defaults_of_the_bind_are_the_guides() -> None:
    smpp = load_smpp(BIND)

    assert (56.0, 30.0, 60.0, "transceiver", 50, 2775) == (
        smpp.enquire_link_s, smpp.reconnect_min_s, smpp.reconnect_max_s, smpp.bind_mode, smpp.window, smpp.port,
    )  # fmt: skip


def test_each_lane_has_its_policy() -> None:
    settings = load({"SMSFLEET_ON_AMBIGUOUS_BULK": "hold"})

    assert ["resend", "hold_then_resend", "hold"] == [
        settings.on_ambiguous("high"), settings.on_ambiguous("normal"), settings.on_ambiguous("bulk"),
    ]  # fmt: skip


def test_an_empty_value_is_as_good_as_none() -> None:
    assert load({}) == load({"SMSFLEET_RATE": "", "SMSFLEET_REDIS_URL": "", "SMSFLEET_LOG_LEVEL": ""})


def test_names_that_are_not_ours_are_ignored() -> None:
    assert load({}) == load({"SMSFLEET_NONSENSE": "1", "RATE": "5", "REDIS_URL": "redis://elsewhere"})


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSFLEET_RATE", "7")

    assert 7.0 == load().rate


def test_no_env_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SMSFLEET_RATE=7\n")
    monkeypatch.chdir(tmp_path)

    assert 100.0 == load({}).rate


def test_settings_cannot_be_changed() -> None:
    settings = load({})

    with pytest.raises(ValidationError):
        settings.rate = 5.0


# --- rules --------------------------------------------------------------------------------------

TAKEN = [
    (shared, "REDIS_URL", ["redis://h", "rediss://u:p@h:1/2"]),
    (shared, "ACCOUNT", ["a", "A-z_0.9", "x" * 32]),
    (shared, "RATE", ["0.1", "100000"]),
    (shared, "BULK_RESERVE", ["0", "0.99"]),
    (shared, "ORPHAN_LIMIT", ["1000", "10000000"]),
    (shared, "OUTBOUND_LIMIT", ["10", "1000000"]),
    (shared, "CAMPAIGN_CHUNKS", ["4", "100000"]),
    (shared, "MAX_SEGMENTS", ["1", "255"]),
    (shared, "REFERENCE_OCTETS", ["1", "2"]),
    (shared, "DEFAULT_COUNTRY_CODE", ["1", "27", "358"]),
    (shared, "TRANSLITERATE", ["off", "typographic", "lossy"]),
    (shared, "LONG_MESSAGES", ["udh", "payload", "sar"]),
    (shared, "SENDERS", ["Acme", "Acme,27821234567", "+27 82 123-4567"]),
    (shared, "ALLOW_PREFIXES", ["27", "27,44,1999"]),
    (shared, "DENY_PREFIXES", ["882", "1" * 15]),
    (shared, "ON_AMBIGUOUS_HIGH", ["resend", "hold", "hold_then_resend", "fail"]),
    (shared, "ON_AMBIGUOUS_NORMAL", ["resend", "hold", "hold_then_resend", "fail"]),
    (shared, "ON_AMBIGUOUS_BULK", ["resend", "hold", "hold_then_resend", "fail"]),
    (shared, "HOLD_S", ["1", "604800"]),
    (shared, "MATCH_AFTER_S", ["1", "604800"]),
    (shared, "QUERY_AFTER_S", ["1", "3600,21600,604800"]),
    (shared, "SETTLE_AFTER_S", ["1", "604800"]),
    (shared, "MAX_ATTEMPTS", ["1", "100"]),
    (shared, "BACKOFF_S", ["0.1", "3600"]),
    (shared, "BACKOFF_MAX_S", ["0.1", "86400"]),
    (shared, "PROBE_S", ["1", "3600"]),
    (shared, "TARIFF", ["44=2", "27=5/3,*=1", " 44 = 2 , 4477=7/3 ", "1=0"]),
    (shared, "TIME_ZONE", ["UTC", "Africa/Johannesburg", "America/Argentina/Salta"]),
    (shared, "CREDIT_MINIMUM", ["0", "5000", "1000000000"]),
    (shared, "CREDIT_ALERT", ["0", "1000000000"]),
    (shared, "PRODUCTION_SINCE", ["2026-11-16", "2027-02-28"]),
    (shared, "QUOTAS", ["billing=0", "a=1,b=2", " a=1 , b=1000000000 ", "A-z_0.9=7"]),
    (shared, "JOB_TTL_S", ["604800"]),
    (shared, "TEXT_TTL_S", ["60"]),
    (shared, "INDEX_TTL_S", ["691200"]),
    (shared, "MO_ALPHABET", ["gsm", "latin-1"]),
    (shared, "MO_ROUTES", ["* * stream", "27 A,B task:x.y@z; * * stream"]),
    (shared, "MO_PARTS_TTL_S", ["1", "604800"]),
    (shared, "MO_DUPLICATE_S", ["1", "604800"]),
    (shared, "MO_REPLY_S", ["0", "2678400"]),
    (shared, "RECEIPT_STATUS", ["BUFFERED=8", "A=4, b=-"]),
    (shared, "RECEIPT_ERR", ["0a1=10"]),
    (shared, "RAW_RECEIPTS", ["odd", "all", "none"]),
    (shared, "OPT_OUT_WORDS", ["* - -", "* @en,X @de"]),
    (shared, "OPT_OUT_MATCH", ["whole", "first"]),
    (shared, "OPT_OUT_SCOPE", ["all", "sender"]),
    (shared, "OPT_OUT_REPLY", ["x" * 1000]),
    (shared, "OPT_IN_REPLY", ["x" * 1000]),
    (shared, "SWEEP_S", ["0.5", "3600"]),
    (shared, "SWEEP_MARGIN_S", ["0.5", "86400"]),
    (shared, "VISIBILITY_TIMEOUT_S", ["1", "86400"]),
    (shared, "LEASE_TTL_S", ["0.5", "60"]),
    (shared, "WATCHDOG_S", ["0", "3600"]),
    (shared, "ALLOW_VOLATILE_REDIS", ["1", "0", "true", "false"]),
    (shared, "WORKER_CONCURRENCY", ["1", "512"]),
    (shared, "EVENT_SHARE", ["0", "0.01", "1"]),
    (shared, "LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"]),
    (shared, "LOG_FORMAT", ["json", "console"]),
    (shared, "METRICS", ["127.0.0.1:9464", "0.0.0.0:0", "localhost:65535"]),
    (of_bind, "PORT", ["1", "65535"]),
    (of_bind, "SYSTEM_ID", ["u", "x" * 15]),
    (of_bind, "PASSWORD", ["p", "8letters", "a b!#$%&"]),
    (of_bind, "SYSTEM_TYPE", ["3", "x" * 12]),
    (of_bind, "BIND_MODE", ["transceiver", "transmitter_receiver", "transmitter"]),
    (of_bind, "WINDOW", ["1", "10000"]),
    (of_bind, "RESPONSE_TIMEOUT_S", ["5", "600"]),
    (of_bind, "ENQUIRE_LINK_S", ["55", "55.5", "57"]),
    (of_bind, "ENQUIRE_LINK_TIMEOUT_S", ["1", "54.9"]),
    (of_bind, "RECONNECT_MIN_S", ["30", "60"]),
    (of_bind, "RECONNECT_MAX_S", ["30", "60"]),
    (of_bind, "DRAIN_S", ["0", "300"]),
    (of_bind, "CAPTURE_PDUS", ["0", "100000"]),
    (of_bind, "QUERY_RATE", ["0", "0.1", "100"]),
    (of_bind, "PROFILE", ["guide-2.4.5", "archive-2016"]),
    (of_bind, "INTERFACE_VERSION", ["3.4"]),
    (of_bind, "TCP_USER_TIMEOUT_S", ["1", "600"]),
    (of_bind, "TLS", ["0", "1"]),
]

REFUSED = [
    (shared, "ACCOUNT", ["a b", "{a}", "x" * 33, "main\n", "ä"]),
    (shared, "RATE", ["0", "-1", "100001", "nan", "inf", "many"]),
    (shared, "BULK_RESERVE", ["-0.1", "1"]),
    (shared, "ORPHAN_LIMIT", ["999", "10000001", "1.5"]),
    (shared, "OUTBOUND_LIMIT", ["9", "1000001", "1.5"]),
    (shared, "CAMPAIGN_CHUNKS", ["3", "100001", "1.5"]),
    (shared, "MAX_SEGMENTS", ["0", "256"]),
    (shared, "REFERENCE_OCTETS", ["0", "3"]),
    (shared, "DEFAULT_COUNTRY_CODE", ["0", "+27", "1234"]),
    (shared, "TRANSLITERATE", ["on", "Lossy"]),
    (shared, "LONG_MESSAGES", ["tlv", "UDH"]),
    (shared, "SENDERS", ["Ключ", "a" * 22, "@", "@no/such/file"]),
    (shared, "ALLOW_PREFIXES", ["+27", "0", "27,x", "1" * 16]),
    (shared, "DENY_PREFIXES", ["٣", "27;44", "@no/such/file"]),
    (shared, "ON_AMBIGUOUS_HIGH", ["retry"]),
    (shared, "ON_AMBIGUOUS_NORMAL", ["RESEND"]),
    (shared, "ON_AMBIGUOUS_BULK", ["never"]),
    (shared, "HOLD_S", ["0.9", "604801"]),
    (shared, "MATCH_AFTER_S", ["0.9", "604801"]),
    (shared, "QUERY_AFTER_S", ["0", "604801", "1.5", "1h", "3600;7200", "-1", ",", "٣"]),
    (shared, "SETTLE_AFTER_S", ["0.9", "604801"]),
    (shared, "MAX_ATTEMPTS", ["0", "101"]),
    (shared, "BACKOFF_S", ["0", "3601"]),
    (shared, "BACKOFF_MAX_S", ["0", "86401"]),
    (shared, "PROBE_S", ["0.9", "3601"]),
    (shared, "TARIFF", ["44", "44=1.5", "44=-1", "+44=1", "44=1,44=2", "44=1001"]),
    (shared, "TIME_ZONE", ["Mars/Olympus", "Africa", "../etc/passwd", "+02:00"]),
    (shared, "CREDIT_MINIMUM", ["-1", "5000.5", "1000000001"]),
    (shared, "CREDIT_ALERT", ["-1", "many", "1000000001"]),
    (shared, "PRODUCTION_SINCE", ["2026-02-29", "16.11.2026", "soon"]),
    (shared, "QUOTAS", ["billing", "=5", "a b=5", "a=-1", "a=1.5", "a=1000000001", "a=1,a=2", "a=\u0665"]),
    (shared, "JOB_TTL_S", ["604799"]),
    (shared, "TEXT_TTL_S", ["59"]),
    (shared, "INDEX_TTL_S", ["691199"]),
    (shared, "SWEEP_S", ["0", "3601"]),
    (shared, "SWEEP_MARGIN_S", ["0", "86401"]),
    (shared, "VISIBILITY_TIMEOUT_S", ["0", "86401"]),
    (shared, "LEASE_TTL_S", ["0.4", "61"]),
    (shared, "WATCHDOG_S", ["-1", "3601"]),
    (shared, "ALLOW_VOLATILE_REDIS", ["maybe"]),
    (shared, "WORKER_CONCURRENCY", ["0", "513"]),
    (shared, "EVENT_SHARE", ["-0.1", "1.1"]),
    (shared, "LOG_LEVEL", ["info", "LOUD"]),
    (shared, "LOG_FORMAT", ["xml"]),
    (shared, "METRICS", ["9464", ":9464", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x"]),
    (of_bind, "PORT", ["0", "65536", "2775x"]),
    (of_bind, "SYSTEM_ID", ["x" * 16, "ümlaut", "a\tb"]),
    (of_bind, "SYSTEM_TYPE", ["x" * 13, "ümlaut"]),
    (of_bind, "BIND_MODE", ["receiver"]),
    (of_bind, "WINDOW", ["0", "10001"]),
    (of_bind, "RESPONSE_TIMEOUT_S", ["4.9", "601"]),
    (of_bind, "ENQUIRE_LINK_S", ["54.9", "57.1", "nan"]),
    (of_bind, "ENQUIRE_LINK_TIMEOUT_S", ["0.9", "55"]),
    (of_bind, "RECONNECT_MIN_S", ["29.9", "60.1"]),
    (of_bind, "RECONNECT_MAX_S", ["29.9", "60.1"]),
    (of_bind, "DRAIN_S", ["-1", "301"]),
    (of_bind, "CAPTURE_PDUS", ["-1", "100001", "many"]),
    (of_bind, "QUERY_RATE", ["-1", "101", "slow"]),
    (of_bind, "PROFILE", ["guide", "2.4.5"]),
    (of_bind, "INTERFACE_VERSION", ["3", "5.0", "0x34"]),
    (of_bind, "TCP_USER_TIMEOUT_S", ["0", "601"]),
    (of_bind, "TLS", ["perhaps"]),
]


def cases(table: list[tuple[Callable[[str, str], object], str, list[str]]]) -> list[object]:
    return [
        pytest.param(read, name, value, id=f"{name}={value!a}")
        for read, name, values in table
        for value in values
    ]


@pytest.mark.parametrize(("read", "name", "value"), cases(TAKEN))
def test_a_value_within_its_rule_is_taken(read: Callable[[str, str], object], name: str, value: str) -> None:
    read(name, value)


@pytest.mark.parametrize(("read", "name", "value"), cases(REFUSED))
def test_a_value_outside_its_rule_is_refused_by_name_value_and_rule(
    read: Callable[[str, str], object], name: str, value: str
) -> None:
    settings = Settings if read is shared else SmppSettings
    full_name = ("SMSFLEET_" if read is shared else "SMSFLEET_SMPP_") + name

    with pytest.raises(ConfigError) as caught:
        read(name, value)

    rule = settings.model_fields[name.lower()].description
    assert f"{full_name}={value!r} is refused: must be {rule}" in str(caught.value)


def test_every_setting_has_a_rule_and_is_tested_here() -> None:
    tested = {name for _, name, _ in TAKEN + REFUSED} | {
        "BROKER_URL",
        "CALLBACK",  # test_targets.py
        "RUN_DIR",
        "HOST",
        "BROKER_URL_FILE",
        "PASSWORD_FILE",
        "REDIS_URL_FILE",
        "SETTINGS_FILE",
        "TLS_CA_FILE",
        "TLS_SERVER_NAME",
    }
    fields = Settings.model_fields | SmppSettings.model_fields

    assert {name.upper() for name in fields} == tested
    assert [] == [name for name, field in fields.items() if not field.description]


def test_every_broken_rule_is_named_at_once() -> None:
    message = refusal(load, {"SMSFLEET_RATE": "0", "SMSFLEET_ACCOUNT": "a b"})

    assert "SMSFLEET_RATE" in message
    assert "SMSFLEET_ACCOUNT" in message


def test_everything_that_a_bind_needs_is_named_when_it_is_missing() -> None:
    message = refusal(load_smpp, {})

    assert [] == [name for name in BIND if f"{name} is not set" not in message]


def test_a_reconnect_that_would_start_after_its_end_is_refused() -> None:
    message = refusal(
        load_smpp, BIND | {"SMSFLEET_SMPP_RECONNECT_MIN_S": "50", "SMSFLEET_SMPP_RECONNECT_MAX_S": "40"}
    )

    assert "SMSFLEET_SMPP_RECONNECT_MIN_S=50" in message
    assert "SMSFLEET_SMPP_RECONNECT_MAX_S=40" in message


@pytest.mark.parametrize("seconds", ["1", "30", "300"])
def test_the_archived_pages_allow_another_enquire_link(seconds: str) -> None:
    archived = BIND | {"SMSFLEET_SMPP_ENQUIRE_LINK_S": seconds}

    assert float(seconds) == load_smpp(archived | {"SMSFLEET_SMPP_PROFILE": "archive-2016"}).enquire_link_s
    assert "the profile is guide-2.4.5" in refusal(load_smpp, archived)


def test_smpp_3_3_has_no_transceiver() -> None:
    message = refusal(load_smpp, BIND | {"SMSFLEET_SMPP_INTERFACE_VERSION": "3.3"})

    assert "SMSFLEET_SMPP_BIND_MODE='transceiver' is refused: must be transmitter_receiver or" in message


@pytest.mark.parametrize("name", ["TLS_CA_FILE", "TLS_SERVER_NAME"])
def test_a_setting_of_tls_without_tls_is_refused(name: str) -> None:
    setting = {f"SMSFLEET_SMPP_{name}": "x"}

    assert f"SMSFLEET_SMPP_{name} is set, and SMSFLEET_SMPP_TLS is off" in refusal(load_smpp, BIND | setting)
    assert load_smpp(BIND | setting | {"SMSFLEET_SMPP_TLS": "1"}).tls


# --- the password -------------------------------------------------------------------------------


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\r\nsecond line\n")

    smpp = load_smpp(without_password() | {"SMSFLEET_SMPP_PASSWORD_FILE": str(file)})

    assert SECRET == smpp.password.get_secret_value()


def test_a_password_in_two_places_is_refused(tmp_path: Path) -> None:
    message = refusal(load_smpp, BIND | {"SMSFLEET_SMPP_PASSWORD_FILE": str(tmp_path / "password")})

    assert "SMSFLEET_SMPP_PASSWORD and SMSFLEET_SMPP_PASSWORD_FILE are both set" in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b""], ids=["missing", "no text", "empty"])
def test_a_password_file_that_gives_no_password_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    message = refusal(load_smpp, without_password() | {"SMSFLEET_SMPP_PASSWORD_FILE": str(file)})

    assert "SMSFLEET_SMPP_PASSWORD" in message


def test_a_password_file_with_an_impossible_name_is_refused() -> None:
    message = refusal(load_smpp, without_password() | {"SMSFLEET_SMPP_PASSWORD_FILE": "a\0b"})

    assert "SMSFLEET_SMPP_PASSWORD_FILE" in message


@pytest.mark.parametrize("password", ["nine-char", "gehörig", "tab\tx", "x" * 60])
def test_a_password_that_the_gateway_cannot_take_is_refused_and_not_shown(password: str) -> None:
    message = refusal(load_smpp, BIND | {"SMSFLEET_SMPP_PASSWORD": password})

    assert f"SMSFLEET_SMPP_PASSWORD has {len(password)} characters: must be 1-8" in message
    assert password not in message


def without_password() -> dict[str, str]:
    return {name: value for name, value in BIND.items() if name != "SMSFLEET_SMPP_PASSWORD"}


# --- nothing secret is shown --------------------------------------------------------------------


def test_no_secret_is_in_what_settings_show_of_themselves() -> None:
    urls = {
        "SMSFLEET_REDIS_URL": f"redis://:{SECRET}@redis.example/0",
        "SMSFLEET_BROKER_URL": f"redis://user:{SECRET}@broker.example/0",
    }
    settings, smpp = load(urls), load_smpp(BIND)

    assert (
        SECRET not in f"{settings!r} {settings} {smpp!r} {smpp} {smpp.model_dump()} {smpp.model_dump_json()}"
    )


def test_no_secret_is_in_the_message_about_a_url() -> None:
    message = refusal(load, {"SMSFLEET_REDIS_URL": f"http://user:{SECRET}@redis.example"})

    assert "SMSFLEET_REDIS_URL=(hidden) is refused" in message
    assert "must start with redis://, rediss://, sentinel://" in message
    assert SECRET not in message


@pytest.mark.parametrize("url", ["redis", "http://h", "unix:///run/redis.sock", "smsfleet+redis://h"])
def test_a_store_that_is_no_redis_by_tcp_is_refused(url: str) -> None:
    assert "SMSFLEET_REDIS_URL=(hidden) is refused" in refusal(load, {"SMSFLEET_REDIS_URL": url})


def test_no_secret_is_in_the_message_about_another_setting() -> None:
    message = refusal(load_smpp, BIND | {"SMSFLEET_SMPP_PORT": "0"})

    assert SECRET not in message


def test_an_error_brings_no_chain_that_shows_the_values() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"SMSFLEET_REDIS_URL": f"http://user:{SECRET}@redis.example"})

    assert caught.value.__suppress_context__


# --- the times of the binder --------------------------------------------------------------------


def test_the_binders_times_are_those_of_the_settings() -> None:
    settings = load({"SMSFLEET_LEASE_TTL_S": "5"})
    smpp = load_smpp(BIND | {"SMSFLEET_SMPP_ENQUIRE_LINK_S": "55", "SMSFLEET_SMPP_DRAIN_S": "3"})

    timing = Timing.of(settings, smpp)

    assert (5.0, 55.0, 3.0, 30.0, 60.0, 60.0) == (
        timing.lease_ttl_s, timing.enquire_link_s, timing.drain_s, timing.reconnect_min_s, timing.reconnect_max_s,
        timing.response_timeout_s,
    )  # fmt: skip


def test_the_default_times_are_those_of_the_default_settings() -> None:
    assert Timing.of(load({}), load_smpp(BIND)) == Timing()


def settings_file(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "settings"
    file.write_text(text, encoding="utf-8")
    return {"SMSFLEET_SETTINGS_FILE": str(file)}


def test_a_settings_file_gives_what_the_environment_does_not(tmp_path: Path) -> None:
    given = settings_file(
        tmp_path, "# rates\n\nSMSFLEET_RATE=50\n  SMSFLEET_BACKOFF_S=3\nSMSFLEET_SMPP_WINDOW=9\n"
    )

    settings = load(given | {"SMSFLEET_BACKOFF_S": "4"})

    assert (settings.rate, settings.backoff_s) == (50.0, 4.0)
    assert load_smpp(BIND | given).window == 9


@pytest.mark.parametrize(
    "line", ["RATE=5", "SMSFLEET_RATE", "export SMSFLEET_RATE=5", "SMSFLEET_SETTINGS_FILE=x"]
)
def test_a_line_that_is_no_setting_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    message = refusal(load, settings_file(tmp_path, f"# first\n{line}\n"))

    assert "line 2: must be SMSFLEET_<NAME>=value" in message


def test_a_bad_value_of_a_settings_file_is_named_like_any_other(tmp_path: Path) -> None:
    message = refusal(load, settings_file(tmp_path, "SMSFLEET_RATE=fast\n"))

    assert "SMSFLEET_RATE='fast' is refused" in message


def test_a_settings_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    message = refusal(load, {"SMSFLEET_SETTINGS_FILE": str(tmp_path / "none")})

    assert "cannot be read: FileNotFoundError" in message


def test_a_reload_changes_its_settings_and_no_other() -> None:
    settings = load({"SMSFLEET_RATE": "7", "SMSFLEET_ACCOUNT": "one"})

    changed = settings.with_live({"rate": 9, "account": "two", "on_ambiguous_bulk": "hold"})

    assert (changed.rate, changed.account, changed.on_ambiguous_bulk) == (9.0, "one", "hold")
    assert settings.rate == 7.0


def test_a_reload_with_a_bad_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"SMSFLEET_BULK_RESERVE='1\.5' is refused"):
        load({}).with_live({"bulk_reserve": 1.5})


def test_ages_are_sorted_and_each_counts_once() -> None:
    assert (1_000, 3_600_000) == load({"SMSFLEET_QUERY_AFTER_S": "3600, 1,3600"}).query_ages_ms


@pytest.mark.parametrize(
    ("given", "per_s"),
    [
        ({}, 1.0),
        ({"SMSFLEET_SMPP_QUERY_RATE": "0"}, 0.0),
        ({"SMSFLEET_SMPP_PROFILE": "archive-2016"}, 0.0),
        ({"SMSFLEET_SMPP_PROFILE": "archive-2016", "SMSFLEET_SMPP_QUERY_RATE": "1"}, 1.0),
    ],
)
def test_query_sm_is_asked_where_the_profile_lists_it_or_somebody_says_so(
    given: dict[str, str], per_s: float
) -> None:
    assert per_s == load_smpp(BIND | given).queries_per_s


def test_a_list_is_parted_by_commas_and_lines_and_a_file_of_it_may_have_remarks(tmp_path: Path) -> None:
    file = tmp_path / "prefixes"
    file.write_text("# pumped lately\n882, 883\n\n  # and\n2799\n882\n")

    settings = load({"SMSFLEET_DENY_PREFIXES": f"@{file}", "SMSFLEET_SENDERS": " Acme , Shop,,"})

    assert ("882,883,2799", "Acme,Shop") == (settings.deny_prefixes, settings.senders)


def test_a_reload_hands_over_what_a_file_held_and_not_its_name(tmp_path: Path) -> None:
    file = tmp_path / "senders"
    file.write_text("Acme\nShop\n")
    live = load({"SMSFLEET_SENDERS": f"@{file}"}).live()
    file.unlink()

    assert "Acme,Shop" == load({}).with_live(live).senders


# --- secrets in files ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["REDIS_URL", "BROKER_URL"])
def test_a_url_may_be_the_first_line_of_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "url"
    file.write_text(f"redis://user:{SECRET}@redis.example/1\nnot this\n")

    settings = load({f"SMSFLEET_{name}_FILE": str(file)})

    assert f"redis://user:{SECRET}@redis.example/1" == getattr(settings, name.lower())
    assert SECRET not in repr(settings)


def test_a_url_given_twice_is_refused(tmp_path: Path) -> None:
    message = refusal(load, {"SMSFLEET_REDIS_URL": "redis://h", "SMSFLEET_REDIS_URL_FILE": str(tmp_path)})

    assert "SMSFLEET_REDIS_URL and SMSFLEET_REDIS_URL_FILE are both set: set one of them" in message


def test_a_file_that_never_ends_is_refused() -> None:
    message = refusal(load, {"SMSFLEET_REDIS_URL_FILE": "/dev/zero"})

    assert "SMSFLEET_REDIS_URL_FILE='/dev/zero' cannot be read: TooLong" in message


@pytest.mark.parametrize("name", ["SMSFLEET_SETTINGS_FILE", "SMSFLEET_SENDERS"])
def test_a_list_that_never_ends_is_refused(name: str) -> None:
    message = refusal(load, {name: "/dev/zero" if name.endswith("FILE") else "@/dev/zero"})

    assert name in message
    assert "the file cannot be read: TooLong" in message or "cannot be read: TooLong" in message


# --- Sentinels ----------------------------------------------------------------------------------

SENTINELS = "sentinel://user:pw@one:26379/2?master_name=fleet&sentinel_password=x;sentinel://two:26380"


def test_the_broker_is_where_the_sentinels_say_too() -> None:
    settings = load({"SMSFLEET_REDIS_URL": SENTINELS})

    assert "smsfleet+sentinel://user:pw@one:26379/2;sentinel://two:26380" == settings.broker
    assert {"master_name": "fleet", "sentinel_kwargs": {"password": "x"}} == settings.broker_options
    assert settings.broker_is_the_store


@pytest.mark.parametrize(
    ("broker", "same"),
    [("", True), (f"smsfleet+{SENTINELS}", True), ("smsfleet+sentinel://one", False), ("redis://h/1", False)],
)
def test_one_script_writes_both_where_the_broker_is_the_store(broker: str, same: bool) -> None:
    assert same is load({"SMSFLEET_REDIS_URL": SENTINELS, "SMSFLEET_BROKER_URL": broker}).broker_is_the_store


def test_a_broker_of_sentinels_of_its_own_is_told_their_name() -> None:
    settings = load({"SMSFLEET_BROKER_URL": "sentinel://one?master_name=broker;sentinel://two"})

    assert "sentinel://one;sentinel://two" == settings.broker
    assert {"master_name": "broker"} == settings.broker_options
