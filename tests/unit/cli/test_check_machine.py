"""The doctor's checks of settings, files and packages: what is seldom meant is found, and what to do is said."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.unit.config.test_settings import BIND

from smsfleet.cli.check_broker import judge_workers
from smsfleet.cli.check_machine import (
    check_bind_settings,
    check_clock,
    check_files,
    check_names,
    check_packages,
    check_settings,
    known_names,
)
from smsfleet.cli.checkup import Finding, Severity
from smsfleet.config.environment import EnvironmentSettings
from smsfleet.config.errors import ConfigError
from smsfleet.config.settings import load
from smsfleet.config.smpp_settings import load_smpp
from smsfleet.tasks.app import QUEUES

OK, NOTE, WARNING, ERROR = Severity


def found(findings: Iterable[Finding], *words: str) -> Finding:
    """The one finding that holds these words."""
    kept = [finding for finding in findings if all(word in finding.found for word in words)]
    assert 1 == len(kept), kept
    return kept[0]


def severities(findings: Iterable[Finding]) -> set[Severity]:
    return {finding.severity for finding in findings}


# --- names and settings -------------------------------------------------------------------------


def test_a_misspelt_setting_is_told_with_the_one_that_is_meant() -> None:
    finding = found(check_names({"SMSFLEET_REDISURL": "x", "PATH": "y"}), "SMSFLEET_REDISURL")

    assert (WARNING, "is SMSFLEET_REDIS_URL meant?") == (finding.severity, finding.todo)


def test_a_misspelt_setting_in_the_settings_file_is_told_too(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("SMSFLEET_RATE=10\nSMSFLEET_BULK_RESERV=0.3\n")

    findings = [*check_names({"SMSFLEET_SETTINGS_FILE": str(file)})]

    assert "is SMSFLEET_BULK_RESERVE meant?" == found(findings, "SMSFLEET_BULK_RESERV is set").todo
    assert "2 settings are given" == findings[-1].found


def test_settings_that_are_known_are_counted() -> None:
    given = {**BIND, "SMSFLEET_RATE": "1", "SMSFLEET_WEBHOOK_HTTP": "1", "SMSFLEET_SIMULATOR_PASSWORD": "x"}

    assert [f"{len(given)} settings are given"] == [finding.found for finding in check_names(given)]


def test_the_settings_of_every_process_are_known() -> None:
    groups = [EnvironmentSettings]
    for group in groups:
        groups += group.__subclasses__()

    names = {group.prefix + name.upper() for group in groups for name in group.model_fields}

    assert {"SMSFLEET_RATE", "SMSFLEET_WEB_PORT", "SMSFLEET_FLOWER_PORT"} < names
    assert set() == names - known_names()


@pytest.mark.parametrize(
    ("given", "words", "severity"),
    [
        ({"ALLOW_VOLATILE_REDIS": "1"}, "SMSFLEET_ALLOW_VOLATILE_REDIS", WARNING),
        ({"LOG_LEVEL": "DEBUG"}, "SMSFLEET_LOG_LEVEL", NOTE),
        ({}, "SMSFLEET_SENDERS is empty", NOTE),
        ({"TEXT_TTL_S": "9999999"}, "SMSFLEET_TEXT_TTL_S", WARNING),
        ({"BACKOFF_S": "500"}, "SMSFLEET_BACKOFF_S", WARNING),
        ({"SWEEP_MARGIN_S": "300"}, "SMSFLEET_SWEEP_MARGIN_S", NOTE),
        ({"REDIS_URL": "redis://10.1.2.3"}, "asks for no password", WARNING),
        ({"REDIS_URL": "redis://:pw@10.1.2.3"}, "without TLS", NOTE),
        ({"REDIS_URL": "redis://:pw@10.1.2.3"}, "is in SMSFLEET_REDIS_URL", NOTE),
    ],
)
def test_what_the_rules_allow_and_is_seldom_meant(
    given: dict[str, str], words: str, severity: Severity
) -> None:
    settings = load({f"SMSFLEET_{name}": value for name, value in given.items()})

    assert severity == found(check_settings(settings), words).severity


def test_a_usual_installation_has_nothing_but_what_is_well() -> None:
    settings = load({"SMSFLEET_SENDERS": "Shop", "SMSFLEET_REDIS_URL": "redis://127.0.0.1:6379/0"})

    assert {OK} == severities(check_settings(settings))


# --- the bind's settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words", "severity"),
    [
        ({"PROFILE": "archive-2016"}, "SMSFLEET_SMPP_PROFILE", WARNING),
        ({"BIND_MODE": "transmitter"}, "no receipt", WARNING),
        ({"SYSTEM_TYPE": "SMPP"}, "API ID", NOTE),
        ({}, "SMSFLEET_SMPP_PASSWORD", NOTE),
        ({}, "not encrypted", NOTE),
    ],
)
def test_a_bind_that_the_guide_does_not_mean(given: dict[str, str], words: str, severity: Severity) -> None:
    environment = BIND | {f"SMSFLEET_SMPP_{name}": value for name, value in given.items()}

    assert severity == found(check_bind_settings(environment, load_smpp(environment)), words).severity


def test_every_setting_of_the_bind_that_is_refused_is_an_error_of_its_own() -> None:
    environment = {"SMSFLEET_SMPP_HOST": "h", "SMSFLEET_SMPP_ENQUIRE_LINK_S": "0"}
    with pytest.raises(ConfigError) as caught:
        load_smpp(environment)

    findings = [*check_bind_settings(environment, caught.value)]

    assert {ERROR} == severities(findings)
    for name in ("SYSTEM_ID", "PASSWORD", "SYSTEM_TYPE", "ENQUIRE_LINK_S"):
        assert found(findings, f"SMSFLEET_SMPP_{name}").todo


def test_a_machine_without_a_binder_needs_no_settings_of_the_bind() -> None:
    findings = [*check_bind_settings({}, ConfigError("SMSFLEET_SMPP_HOST is not set"))]

    assert [NOTE] == [finding.severity for finding in findings]


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["SMPP_PASSWORD", "REDIS_URL", "WEBHOOK_SECRET", "FLOWER_BASIC_AUTH", "WEB_USERS"]
)
@pytest.mark.parametrize(("mode", "severity"), [(0o644, WARNING), (0o620, WARNING), (0o640, OK), (0o400, OK)])
def test_a_secret_that_others_may_read_is_told(
    tmp_path: Path, name: str, mode: int, severity: Severity
) -> None:
    file = tmp_path / "password"
    file.write_text("x")
    file.chmod(mode)
    settings = load({"SMSFLEET_RUN_DIR": str(tmp_path)})

    findings = check_files({f"SMSFLEET_{name}_FILE": str(file)}, settings, os.getuid())

    assert severity == max(finding.severity for finding in findings)


def test_a_secret_of_somebody_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("x")
    file.chmod(0o400)
    if os.getuid() == 0:
        os.chown(file, 4242, -1)
    mine = 1 if os.getuid() == 0 else os.getuid() + 1
    settings = load({"SMSFLEET_RUN_DIR": str(tmp_path)})

    findings = check_files({"SMSFLEET_REDIS_URL_FILE": str(file)}, settings, mine)

    assert WARNING == found(findings, "belongs to uid").severity


def test_a_secret_that_is_no_file_is_told(tmp_path: Path) -> None:
    settings = load({"SMSFLEET_RUN_DIR": str(tmp_path)})

    missing = check_files({"SMSFLEET_SMPP_PASSWORD_FILE": str(tmp_path / "x")}, settings, os.getuid())
    folder = check_files({"SMSFLEET_SMPP_PASSWORD_FILE": str(tmp_path)}, settings, os.getuid())

    assert ERROR == found(missing, "cannot be read: FileNotFoundError").severity
    assert WARNING == found(folder, "is no plain file").severity


def test_the_folder_of_the_lock_is_one_that_can_be_written(tmp_path: Path) -> None:
    missing = load({"SMSFLEET_RUN_DIR": str(tmp_path / "missing")})

    assert ERROR == found(check_files({}, missing, 0), "SMSFLEET_RUN_DIR").severity
    assert NOTE == found(check_files({}, load({}), 0), "SMSFLEET_RUN_DIR is not set").severity


# --- packages, clock ----------------------------------------------------------------------------


def test_the_packages_that_are_locked_are_those_that_are_needed() -> None:
    findings = [*check_packages()]

    assert {OK} == severities(findings)
    assert all(name in findings[-1].found for name in ("smsfleet ", "celery 5.", "kombu 5.", "redis "))


def test_a_package_that_is_too_old_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "1.0")

    assert ERROR == found(check_packages(), "celery 1.0 is installed").severity


def test_the_zone_is_told_and_that_all_is_stored_as_utc() -> None:
    assert "time zone SAST (UTC+2 h)" in found(check_clock(("SAST", "SAST"), 7200), "UTC").found


# --- workers ------------------------------------------------------------------------------------


def worker(**changed: object) -> dict[str, object]:
    said = {
        "version": "1.0", "celery": "5.7.0", "pool": "thread", "concurrency": 8,
        "queues": list(QUEUES.values()), "account": "main", "rate": 100.0,
    }  # fmt: skip
    return said | changed


def judged(**workers: dict[str, object]) -> list[Finding]:
    return [*judge_workers(workers, load({}), "1.0")]


def test_two_equal_workers_are_well() -> None:
    assert {OK} == severities(judged(a=worker(), b=worker()))


@pytest.mark.parametrize(
    ("other", "words", "severity"),
    [
        (worker(version="0.9"), "several versions run: 0.9, 1.0 (here: 1.0)", WARNING),
        (worker(celery="5.6.2"), "several versions of Celery", WARNING),
        (worker(rate=50.0), "SMSFLEET_RATE is not the same everywhere: 50, 100", WARNING),
        (worker(account="other"), "workers of other accounts are on this broker: other", ERROR),
        ({"error": "unknown command"}, "1 workers do not know the question: b", WARNING),
        (worker(queues=["sms.high"]), "one worker alone consumes sms.normal, sms.bulk", NOTE),
    ],
)
def test_workers_that_are_not_alike_are_told(
    other: dict[str, object], words: str, severity: Severity
) -> None:
    assert severity == found(judged(a=worker(), b=other), words).severity


def test_a_lane_without_a_worker_is_an_error_with_the_command_that_mends_it() -> None:
    finding = found(judged(a=worker(queues=["sms.high", "sms.normal"])), "no worker consumes sms.bulk")

    assert ERROR == finding.severity
    assert "smsfleet worker --queues sms.bulk" in finding.todo
