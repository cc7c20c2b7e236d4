"""Redis URLs: what is read from them, and that a refusal never shows a part of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from smsfleet.config.redis_urls import LONGEST, MOST_SENTINELS, broker_of, check_url, sentinel_url

SECRET = "hunter2pw"


def test_sentinels_their_server_and_their_own_login_are_read() -> None:
    url = (
        "sentinel://us%40er:p%2Fw@one:26379/3?master_name=fleet&sentinel_username=s&sentinel_password=t"
        ";sentinel://two;sentinel://[::1]:26381"
    )

    found = sentinel_url(url)

    assert (("one", 26379), ("two", 26379), ("::1", 26381)) == found.sentinels
    assert "fleet" == found.master_name
    assert {"db": 3, "username": "us@er", "password": "p/w"} == found.server
    assert {"username": "s", "password": "t"} == found.login
    assert "p/w" not in repr(found)


def test_what_is_not_given_has_the_usual_values() -> None:
    found = sentinel_url("sentinel://one")

    assert ((("one", 26379),), "mymaster", {"db": 0}, {}) == (
        found.sentinels,
        found.master_name,
        found.server,
        found.login,
    )


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        (f"sentinel://:{SECRET}@one:port", "is each port a number?"),
        (f"sentinel://:{SECRET}@one;redis://two", "each part must be sentinel://host:port"),
        (f"sentinel://:{SECRET}@one;", "each part must be sentinel://host:port"),
        (f"sentinel://one;sentinel://:{SECRET}@two", "belong into the first part"),
        ("sentinel://one;sentinel://two/1", "belong into the first part"),
        (f"sentinel://:{SECRET}@one?master=fleet", "the query may hold master_name"),
        (f"sentinel://one?{SECRET}=1", "the query may hold master_name"),
        (f"sentinel://:{SECRET}@one?master_name=a%20b", "master_name must be"),
        (f"sentinel://:{SECRET}@one/main", "the database must be a number"),
        (f"sentinel://:{SECRET}@one?ssl_ca_certs=/ca.pem", "TLS with Sentinels is rediss+sentinel://"),
        (f"rediss+sentinel://:{SECRET}@one;sentinel://two", "each part must be rediss+sentinel://"),
        (f"rediss+sentinel://:{SECRET}@one?ssl_cert_reqs=never", "ssl_cert_reqs must be"),
        (f"rediss+sentinel://:{SECRET}@one?sentinel_tls={SECRET}", "sentinel_tls must be yes or no"),
        (";".join(["sentinel://one"] * (MOST_SENTINELS + 1)), f"more than {MOST_SENTINELS} Sentinels"),
        (f"redis://:{SECRET}@one:port", "is the port a number"),
        ("redis://" + "x" * LONGEST, f"longer than {LONGEST}"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_a_part_of_it(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)) as caught:
        check_url(url)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["rediss", "rediss+sentinel"])
@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"])
def test_a_missing_file_of_tls_is_named_with_its_option(scheme: str, option: str, tmp_path: Path) -> None:
    url = f"{scheme}://:{SECRET}@one/0?{option}={tmp_path}/there"

    with pytest.raises(ValueError, match=f"{option}='{tmp_path}/there' cannot be read: ") as caught:
        check_url(url)
    (tmp_path / "there").touch()

    assert SECRET not in str(caught.value)
    assert url == check_url(url)


def test_a_pipe_that_nobody_writes_to_does_not_keep_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert check_url(f"rediss://one/0?ssl_keyfile={tmp_path}/pipe")


TLS = "rediss+sentinel://us:pw@one/3?master_name=fleet&ssl_ca_certs=/ca.pem;rediss+sentinel://two:26380"


def test_by_tls_the_servers_and_the_sentinels_have_to_prove_their_names() -> None:
    found = sentinel_url(TLS)

    tls = {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": "/ca.pem"}
    assert (("one", 26379), ("two", 26380)) == found.sentinels
    assert {"db": 3, "username": "us", "password": "pw", **tls} == found.server
    assert tls == found.login


def test_sentinels_may_have_no_tls_and_names_that_are_not_checked() -> None:
    found = sentinel_url("rediss+sentinel://one?sentinel_tls=no&ssl_check_hostname=false&sentinel_password=t")

    assert {"password": "t"} == found.login
    assert (True, "required", False) == tuple(
        found.server[name] for name in ("ssl", "ssl_cert_reqs", "ssl_check_hostname")
    )


def test_kombu_is_told_of_tls_in_its_own_form() -> None:
    url, options = broker_of(f"smsfleet+{TLS}")

    assert url == (
        "smsfleet+sentinel://us:pw@one/3?ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs=%2Fca.pem"
        ";sentinel://two:26380"
    )
    tls = {name: value for name, value in sentinel_url(TLS).server.items() if name.startswith("ssl")}
    assert {"master_name": "fleet", "sentinel_kwargs": tls} == options


@pytest.mark.parametrize("url", ["redis://h", "amqp://h", "smsfleet+rediss://h/1", "smsfleet+sentinel://h/x"])
def test_a_broker_that_no_sentinel_names_stays_as_it_is(url: str) -> None:
    assert (url, {}) == broker_of(url)
