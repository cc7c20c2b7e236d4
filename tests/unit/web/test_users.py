"""Who may log in: a file that holds no password, and errors that show nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.config.errors import ConfigError, InvalidArgument
from smsfleet.web.users import Role, User, Users, line_of

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return ["# operators", line_of("anna", "operator", PASSWORD), "", line_of("vera", "viewer", "x" * 256)]


def test_a_password_is_checked_against_its_own_line(lines: list[str]) -> None:
    users = Users(lines)

    assert User("anna", Role.OPERATOR) == users.check("anna", PASSWORD)
    assert User("vera", Role.VIEWER) == users.check("vera", "x" * 256)
    assert [None] * 4 == [
        users.check("anna", PASSWORD + "!"), users.check("vera", PASSWORD), users.check("nobody", PASSWORD),
        users.check("anna", ""),
    ]  # fmt: skip


def test_a_line_shows_no_password_and_is_another_each_time() -> None:
    first, second = line_of("anna", "viewer", PASSWORD), line_of("anna", "viewer", PASSWORD)

    assert PASSWORD not in first
    assert first != second
    assert first.startswith("anna:viewer:scrypt$")


def test_only_operators_operate() -> None:
    assert (True, False) == (User("a", Role.OPERATOR).may_operate, User("v", Role.VIEWER).may_operate)


@pytest.mark.parametrize(
    ("name", "password", "rule"),
    [
        ("", PASSWORD, "name '' is refused"),
        ("a:b", PASSWORD, "name 'a:b' is refused"),
        ("a" * 65, PASSWORD, "is refused"),
        ("anna", "elevenchars", "a password of 11 characters is refused: must have 12 to 256"),
        ("anna", "x" * 257, "a password of 257 characters"),
    ],
)
def test_what_breaks_a_rule_gets_no_line(name: str, password: str, rule: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        line_of(name, "viewer", password)

    assert rule in str(caught.value)
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "anna", "anna:viewer", f"anna:viewer:{PASSWORD}", "anna:admin:scrypt$YQ==$YQ==", "anna:viewer:md5$YQ==$YQ==",
        "anna:viewer:scrypt$!$YQ==", "an na:viewer:scrypt$YQ==$YQ==",
    ],
)  # fmt: skip
def test_a_line_of_another_form_is_named_and_not_shown(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Users(["# one", line])

    assert "SMSFLEET_WEB_USERS_FILE, line 2 is refused" in str(caught.value)
    assert "anna" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_name_that_stands_twice_is_refused_with_both_lines(lines: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Users([*lines, line_of("anna", "viewer", PASSWORD)])

    assert "SMSFLEET_WEB_USERS_FILE, lines 2 and 5 name the same person: remove one" == str(caught.value)


def test_a_file_of_nobody_and_no_file_are_refused(tmp_path: Path) -> None:
    nobody = tmp_path / "users"
    nobody.write_text("# later\n")

    for path, rule in ((nobody, "names nobody"), (tmp_path / "none", "cannot be read: FileNotFoundError")):
        with pytest.raises(ConfigError, match=rule):
            Users.of_file(str(path))
