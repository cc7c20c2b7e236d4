"""`smsfleet acl`: what it prints, and the files of passwords that it makes."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Smsfleet
from tests.unit.store.test_keys import SAMPLES, every_key

from smsfleet.cli.acl import broker_database
from smsfleet.store.acl import ROLES, rules, script_commands
from smsfleet.store.keys import Keys


def test_each_role_has_a_user_with_a_digest_and_the_default_one_is_off(
    smsfleet: Smsfleet, tmp_path: Path
) -> None:
    folder = tmp_path / "passwords"

    lines = smsfleet("acl", "--passwords", str(folder), account="shop").stdout.splitlines()

    assert "user default off" == lines[0]
    assert [f"shop-{role}" for role in ROLES] == [line.split()[1] for line in lines[1:]]
    for role, line in zip(ROLES, lines[1:], strict=True):
        password = (folder / f"shop-{role}").read_text().strip()
        assert 48 == len(password)
        assert hashlib.sha256(password.encode()).hexdigest() in line
        assert password not in line
        assert 0o600 == (folder / f"shop-{role}").stat().st_mode & 0o777
    assert 0o700 == folder.stat().st_mode & 0o777


def test_the_users_of_two_accounts_make_one_file_that_redis_takes(smsfleet: Smsfleet, tmp_path: Path) -> None:
    """A user that stands in it twice, and Redis does not start."""
    first = smsfleet("acl", "--passwords", str(tmp_path)).stdout
    second = smsfleet("acl", "--passwords", str(tmp_path), "--keep-default", account="second").stdout

    users = [line.split()[1] for line in (first + second).splitlines()]

    assert 1 + 2 * len(ROLES) == len(users) == len({*users})


def test_passwords_that_are_there_are_kept(smsfleet: Smsfleet, tmp_path: Path) -> None:
    first = smsfleet("acl", "--passwords", str(tmp_path)).stdout

    assert first == smsfleet("acl", "--passwords", str(tmp_path)).stdout


@pytest.mark.parametrize("content", ["", "short\n", "x" * 5000])
def test_a_file_that_holds_no_password_is_refused(smsfleet: Smsfleet, tmp_path: Path, content: str) -> None:
    (tmp_path / "main-web").write_text(content)

    result = smsfleet("acl", "--passwords", str(tmp_path), "--role", "web")

    assert 78 == result.exit_code
    assert "main-web" in result.stderr


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(smsfleet: Smsfleet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    result = smsfleet("acl", "--passwords", str(tmp_path / "file" / "below"))

    assert (78, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert "cannot be made: Not a directory" in result.stderr


def test_a_password_that_cannot_be_kept_leaves_no_half_of_the_file(
    smsfleet: Smsfleet, tmp_path: Path
) -> None:
    """Loaded, half of it would shut out whoever is not in it."""
    (tmp_path / f"main-{ROLES[-1]}").symlink_to(tmp_path / "nowhere" / "at all")

    result = smsfleet("acl", "--passwords", str(tmp_path))

    assert (78, "") == (result.exit_code, result.stdout)
    assert f"main-{ROLES[-1]}" in result.stderr


def test_the_queues_of_applications_are_the_workers(smsfleet: Smsfleet, tmp_path: Path) -> None:
    def line(role: str) -> str:
        arguments = (
            "acl",
            "--passwords",
            str(tmp_path),
            "--keep-default",
            "--role",
            role,
            "--queue",
            "billing",
        )
        return smsfleet(*arguments).stdout

    assert "~billing ~billing??[0-9]" in line("worker")
    assert "billing" not in line("application")
    assert 2 == smsfleet("acl", "--passwords", str(tmp_path), "--queue", "*").exit_code


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_do_what_concerns_the_whole_server(role: str) -> None:
    words = rules(role, "main").split()

    assert "-@all" in words
    assert [] == [word for word in words if word.startswith("+@")]
    for command in (
        "flushall",
        "flushdb",
        "shutdown",
        "config|set",
        "acl",
        "monitor",
        "keys",
        "debug",
        "replicaof",
    ):
        assert f"+{command}" not in words
    assert [] == [word for word in words if word in ("~*", "allkeys", "&*", "allchannels")]


def test_every_key_is_some_roles() -> None:
    """A new key belongs into store/acl.py too, or whoever needs it is refused where users are set up."""
    keys = Keys("main")
    allowed = [
        word.partition("~")[2]
        for role in ("worker", "binder")
        for word in rules(role, "main").split()
        if word.startswith(("~", "%R~"))
    ]

    missing = [
        key
        for key in every_key(keys)
        if key
        not in (keys.prefix, keys.channel(SAMPLES["job_id"]))  # no keys: channels have rules of their own
        and not any(fnmatchcase(key.decode("latin-1"), pattern) for pattern in allowed)
    ]
    assert [] == missing


def test_the_commands_of_the_scripts_are_read_from_them() -> None:
    assert {"hset", "xadd", "zadd", "time", "publish"} <= set(script_commands())
    assert [] == [command for command in script_commands() if not command.isalpha()]


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("smsfleet+redis://h:1/2", 2), ("redis://h", 0), ("rediss://u:p@h/15?ssl_cert_reqs=none", 15),
        ("smsfleet+sentinel://h/3;sentinel://i", 3), ("amqp://h//", 0),
    ],
)  # fmt: skip
def test_channels_are_those_of_the_brokers_database(url: str, database: int) -> None:
    assert database == broker_database(url)
