"""docker-compose.yml and the Dockerfile keep what the documents promise of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.unit import yaml_subset

from smsfleet.cli.main import cli
from smsfleet.config.environment import PREFIX
from smsfleet.config.flower_settings import FLOWER_PREFIX, FlowerSettings
from smsfleet.config.settings import Settings
from smsfleet.config.smpp_settings import SMPP_PREFIX, SmppSettings
from smsfleet.config.web_settings import WEB_PREFIX, WebSettings, load_web
from smsfleet.config.webhook_settings import WEBHOOK_PREFIX, WebhookSettings, load_webhooks
from smsfleet.store.server import findings
from smsfleet.web.app import ROUTES

ROLES = ("binder", "worker", "web", "flower", "simulator")
KNOWN = {
    prefix + name.upper()
    for prefix, settings in (
        (PREFIX, Settings),
        (SMPP_PREFIX, SmppSettings),
        (FLOWER_PREFIX, FlowerSettings),
        (WEB_PREFIX, WebSettings),
        (WEBHOOK_PREFIX, WebhookSettings),
    )
    for name in settings.model_fields
}


@pytest.fixture(scope="module")
def root() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    return yaml_subset.read((root / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text(encoding="utf-8")


# --- compose ------------------------------------------------------------------------------------


def test_the_services_are_the_fleet(compose: dict[str, Any]) -> None:
    assert {"valkey", *ROLES} == set(compose["services"])


def test_there_is_one_binder(compose: dict[str, Any]) -> None:
    binder = compose["services"]["binder"]

    assert "1" == binder["deploy"]["replicas"]
    assert "hostname" not in binder


@pytest.mark.parametrize("role", ROLES)
def test_a_role_can_change_nothing_on_its_machine(compose: dict[str, Any], role: str) -> None:
    service = compose["services"][role]

    assert "true" == service["read_only"]
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]


@pytest.mark.parametrize("service", ["valkey", *ROLES])
def test_no_service_is_root_or_may_take_the_whole_machine(
    compose: dict[str, Any], dockerfile: str, service: str
) -> None:
    found = compose["services"][service]

    assert ["ALL"] == found["cap_drop"]
    assert "true" == found["read_only"]
    assert ["no-new-privileges:true"] == found["security_opt"]
    assert found["mem_limit"]
    assert 0 < int(found["pids_limit"]) <= 256
    assert "999:1000" == found["user"] if service == "valkey" else "USER 10001:10001" in dockerfile


def test_the_server_is_reached_from_inside_only_and_who_goes_outside_is_named(
    compose: dict[str, Any],
) -> None:
    assert {"internal": "true"} == compose["networks"]["fleet"]
    outside = {name for name, found in compose["services"].items() if "outside" in found["networks"]}

    assert {"binder", "worker", "web", "flower"} == outside
    assert ["fleet"] == compose["services"]["valkey"]["networks"]


def test_the_server_has_room_for_the_rewrite_of_its_file(compose: dict[str, Any]) -> None:
    words = compose["services"]["valkey"]["command"]
    memory = words[words.index("--maxmemory") + 1]

    assert ("${SMSFLEET_VALKEY_MEMORY:-1gb}", "${SMSFLEET_VALKEY_LIMIT:-2g}") == (
        memory,
        compose["services"]["valkey"]["mem_limit"],
    )


def test_a_frozen_binder_ends_itself_and_is_started_again(compose: dict[str, Any]) -> None:
    assert "unless-stopped" == compose["services"]["binder"]["restart"]
    assert Settings.model_fields["watchdog_s"].default > 0
    assert "SMSFLEET_WATCHDOG_S" not in compose["services"]["binder"]["environment"]


@pytest.mark.parametrize(("role", "profile"), [("simulator", "demo"), ("web", "web"), ("flower", "flower")])
def test_what_is_not_always_wanted_has_a_profile(compose: dict[str, Any], role: str, profile: str) -> None:
    assert [profile] == compose["services"][role]["profiles"]


def test_the_server_is_durable_by_the_rule_that_processes_check(compose: dict[str, Any]) -> None:
    words = compose["services"]["valkey"]["command"]
    flags = dict(zip(words[1::2], words[2::2], strict=True))
    info = {
        "redis_version": "7.2.4",
        "aof_enabled": "1" if flags["--appendonly"] == "yes" else "0",
        "maxmemory_policy": flags["--maxmemory-policy"],
    }

    assert [] == findings(info)
    assert ["valkey:/data"] == compose["services"]["valkey"]["volumes"]


def test_only_what_browsers_ask_has_a_port_and_only_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}

    assert {"web": ["127.0.0.1:8060:8060"], "flower": ["127.0.0.1:5555:5555"]} == ports
    assert 8060 == WebSettings.model_fields["port"].default
    assert 5555 == FlowerSettings.model_fields["port"].default


def test_flower_reads_only_and_asks_for_a_password_from_a_secret(compose: dict[str, Any]) -> None:
    flower = compose["services"]["flower"]

    assert ["flower_basic_auth"] == flower["secrets"]
    assert ["flower"] == flower["command"]  # read-only unless a setting says otherwise
    assert "/run/secrets/flower_basic_auth" == flower["environment"]["SMSFLEET_FLOWER_BASIC_AUTH_FILE"]
    assert "SMSFLEET_FLOWER_READ_ONLY" not in flower["environment"]


def test_the_page_knows_its_users_from_a_secret_and_its_health_check_is_let_in(
    compose: dict[str, Any],
) -> None:
    web = compose["services"]["web"]
    environment = web["environment"]
    hosts = environment["SMSFLEET_WEB_HOSTS"].replace("${SMSFLEET_WEB_HOSTS:-localhost}", "sms.example")
    settings = load_web(
        {"SMSFLEET_WEB_USERS_FILE": environment["SMSFLEET_WEB_USERS_FILE"], "SMSFLEET_WEB_HOSTS": hosts}
    )

    assert ["web_users"] == web["secrets"]
    assert "/run/secrets/web_users" == settings.users_file
    assert ["sms.example", "127.0.0.1"] == settings.host_names
    assert f"http://127.0.0.1:{settings.port}/healthz" in web["healthcheck"]["test"][-1]
    assert "/healthz" in {route.path for route in ROUTES}


def test_no_secret_is_in_an_environment(compose: dict[str, Any]) -> None:
    names = [name for service in compose["services"].values() for name in service.get("environment", {})]

    assert [] == [name for name in names if re.search("PASSWORD$|SECRET$|AUTH$", name)]


def test_the_password_comes_from_its_secret(compose: dict[str, Any]) -> None:
    binder = compose["services"]["binder"]

    assert "/run/secrets/smpp_password" == binder["environment"]["SMSFLEET_SMPP_PASSWORD_FILE"]
    assert ["smpp_password"] == binder["secrets"]
    assert all("file" in secret for secret in compose["secrets"].values())


def test_the_worker_calls_webhooks_and_signs_them_with_a_secret(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    worker = compose["services"]["worker"]
    (tmp_path / "webhook_secret").write_text("0123456789abcdef\n")

    environment = {
        name: value.replace("/run/secrets", str(tmp_path))
        for name, value in worker["environment"].items()
        if name.startswith(WEBHOOK_PREFIX) and "${" not in value
    }

    assert ["webhook_secret"] == worker["secrets"]
    assert load_webhooks(environment).secret is not None


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_exists(compose: dict[str, Any], role: str) -> None:
    environment = compose["services"][role].get("environment", {})

    assert set() == {name for name in environment if name.startswith("SMSFLEET_")} - KNOWN


@pytest.mark.parametrize("role", ROLES)
def test_every_command_is_one_of_smsfleet(compose: dict[str, Any], role: str) -> None:
    command = compose["services"][role]["command"]
    words = command if isinstance(command, list) else command.split()

    result = CliRunner().invoke(cli, [words[0], "--help"])

    assert 0 == result.exit_code
    assert [] == [word for word in words[1:] if word.startswith("--") and word not in result.output]


@pytest.mark.parametrize("role", ["valkey", "binder", "worker", "web", "flower"])
def test_a_service_says_whether_it_is_well(compose: dict[str, Any], role: str) -> None:
    assert compose["services"][role]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("role", ["binder", "worker", "web", "flower"])
def test_a_role_starts_after_the_server(compose: dict[str, Any], role: str) -> None:
    assert "service_healthy" == compose["services"][role]["depends_on"]["valkey"]["condition"]


def test_a_stop_waits_longer_than_the_binder_drains(compose: dict[str, Any]) -> None:
    given = int(compose["services"]["binder"]["stop_grace_period"].removesuffix("s"))

    assert given > SmppSettings.model_fields["drain_s"].default + 2


def test_compose_itself_accepts_the_file(root: Path, tmp_path: Path) -> None:
    """`config` needs no engine: Debian's docker-compose 1.29 does, which lacks nothing of the file but `name`."""
    text = (root / "docker-compose.yml").read_text(encoding="utf-8")
    if has_plugin():
        command = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        command = ["docker-compose"]
        text = text.replace("\nname: smsfleet\n", "\n")
    else:
        pytest.skip("no docker compose here: the file is only read by yaml_subset")
    (tmp_path / "docker-compose.yml").write_text(text, encoding="utf-8")

    profiles = [word for profile in ("demo", "web", "flower") for word in ("--profile", profile)]
    result = subprocess.run(
        [*command, *profiles, "config", "--services"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == result.returncode, result.stderr
    assert {"valkey", *ROLES} == set(result.stdout.split())


def has_plugin() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    )


# --- image --------------------------------------------------------------------------------------


def test_the_image_is_pinned_and_new_enough(root: Path, dockerfile: str) -> None:
    pin = re.search(r"^ARG PYTHON=(\d+)\.(\d+)\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
    needs = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]

    assert pin is not None
    assert tuple(map(int, needs.removeprefix(">=").split("."))) <= (int(pin[1]), int(pin[2]))


def test_the_image_installs_what_is_locked_and_nothing_else(dockerfile: str) -> None:
    installs = [line for line in dockerfile.splitlines() if re.search(r"\binstall\b", line) and "pip" in line]

    assert 2 == len(installs)
    assert "--require-hashes" in installs[0]
    assert "--no-deps" in installs[1]


def test_the_image_runs_as_nobody_in_particular(dockerfile: str) -> None:
    users = re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)

    assert ["10001:10001"] == users


def test_the_image_gets_every_package_and_no_test(root: Path) -> None:
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["package-dir"].values()

    assert "*" in ignore
    assert {line[1:] for line in ignore if line.startswith("!")} == {
        "pyproject.toml", "README.md", "LICENSE", "requirements.lock", *(path.split("/")[0] for path in packages),
    }  # fmt: skip


# --- the reader ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a:\n  - b: {c: 1}", "a: 'b'", "- a", "a\n", "a: b # c"])
def test_what_the_reader_does_not_know_it_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        yaml_subset.read(text)
