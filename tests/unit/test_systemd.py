"""The units of systemd/: they start commands that exist, with settings that exist, shut in as far as they can be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.command_rules import held_to_its_rule
from tests.documents import ROOT

from smsfleet.config.settings import Settings

FOLDER = ROOT / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
COMMAND = "/opt/smsfleet/bin/smsfleet"

SHUT_IN = (
    "User=smsfleet", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes",
    "PrivateTmp=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes", "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=@system-service", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "UMask=0077",
)  # fmt: skip

BOOT_ID = "/proc/sys/kernel/random/boot_id"

EXPOSURE = 20
"""In tenths, as systemd counts: 0 is shut in, 100 is wide open."""


def lines(unit: Path) -> list[str]:
    return unit.read_text(encoding="utf-8").splitlines()


def named(unit: Path) -> str:
    return unit.name


def test_there_is_a_unit_for_each_role() -> None:
    assert {
        "smsfleet-binder.service", "smsfleet-worker@.service", "smsfleet-flower.service", "smsfleet-web.service",
    } == {unit.name for unit in UNITS}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    (start,) = [line.partition("=")[2] for line in lines(unit) if line.startswith("ExecStart=")]

    assert start.startswith(f"{COMMAND} ")
    held_to_its_rule(start.replace(COMMAND, "smsfleet"), unit.name)


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_a_unit_is_shut_in(unit: Path) -> None:
    assert [] == [line for line in SHUT_IN if line not in lines(unit)]


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_a_unit_starts_again_for_ever_and_has_no_secret(unit: Path) -> None:
    assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(lines(unit))
    assert [] == re.findall(r"^Environment=\w*(?:PASSWORD|SECRET|AUTH)=", unit.read_text(), re.MULTILINE)


def test_every_file_that_the_units_read_is_put_there_by_the_page_of_the_installation() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    told = {word for line in page.splitlines() if line.startswith("$ sudo install") for word in line.split()}
    needed = {
        word
        for file in (*UNITS, FOLDER / "smsfleet.env")
        for line in lines(file)
        if not line.startswith("#")
        for word in re.findall(r"/etc/smsfleet/[\w./]+", line)
    }

    assert set() == needed - told


def test_a_redis_url_with_a_password_has_its_way_in_by_a_credential() -> None:
    told = [line.removeprefix("# ") for line in lines(FOLDER / "smsfleet.env")]

    at = told.index("LoadCredential=redis_url:/etc/smsfleet/secrets/redis_url_binder")
    assert "Environment=SMSFLEET_REDIS_URL_FILE=%d/redis_url" == told[at + 1]
    assert "redis_url_file" in Settings.model_fields


def test_a_stop_waits_as_long_as_the_documents_say() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    for role in ("binder", "worker"):
        (unit,) = FOLDER.glob(f"smsfleet-{role}*.service")
        (allowed,) = re.findall(rf"\*\*{role.title()}\*\*:(?:.|\n)*?Allow (\d+) s", operations)
        assert f"TimeoutStopSec={allowed}" in lines(unit)


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_a_server_on_the_same_machine_is_there_until_the_unit_has_ended(unit: Path) -> None:
    """Else a shutdown stops all at once, and what the gateway answers while the binder drains is not stored."""
    after = {name for line in lines(unit) if line.startswith("After=") for name in line[6:].split()}

    assert {"redis-server.service", "redis.service", "valkey-server.service", "valkey.service"} <= after
    assert ("worker" in unit.name) == ("smsfleet-binder.service" in after)  # workers, binder, Redis


def test_the_binder_sees_the_boot_id_that_its_file_of_failed_logins_goes_by() -> None:
    assert "ProcSubset=pid" not in lines(FOLDER / "smsfleet-binder.service")
    assert BOOT_ID in (ROOT / "binder" / "logins.py").read_text(encoding="utf-8")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as if the command were installed here."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(COMMAND, "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_systemd_itself_finds_nothing_wrong(unit: Path, installed: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on PATH: install systemd to have the units verified")

    verified, judged = (
        subprocess.run(
            ["systemd-analyze", *words, str(installed / unit.name)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for words in (("verify",), ("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager"))
    )

    assert (0, "") == (verified.returncode, verified.stderr)
    assert 0 == judged.returncode, judged.stdout
