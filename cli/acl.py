"""`smsfleet acl`: the lines of an ACL file for Redis, one user for each role."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

import click

from smsfleet.config.errors import ConfigError
from smsfleet.config.files import SECRET_OCTETS, make_folder, read_bounded
from smsfleet.config.settings import load
from smsfleet.store.acl import ROLES, user_line, user_name

_DATABASE = re.compile(r"://[^/]*/(\d+)$")
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


def _named(_context: click.Context, _option: click.Parameter, queues: tuple[str, ...]) -> tuple[str, ...]:
    for queue in queues:
        if not _QUEUE.fullmatch(queue):  # a * in it would be a pattern
            raise click.BadParameter(f"{queue!r} must be 1-200 of A-Z a-z 0-9 _ . : -")
    return queues


@click.command(
    epilog="""\b
Examples:
  smsfleet acl --passwords /srv/smsfleet/passwords > users.acl
  smsfleet acl --passwords /srv/smsfleet/passwords --role worker --role binder
A second account on the same server, in a database of its own:
  SMSFLEET_ACCOUNT=second SMSFLEET_REDIS_URL=redis://redis:6379/1 smsfleet acl \\
    --passwords /srv/smsfleet/passwords --keep-default >> users.acl
Then start Redis with `aclfile /path/users.acl`, or `ACL LOAD`, and give each process its own user:
  redis://main-worker:<the password>@redis:6379/0
"""
)
@click.option(
    "--passwords",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with a file for each role; those that are missing are made, mode 0600.",
)
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="May be repeated; else all.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    callback=_named,
    help="Queue of an application's tasks that workers call (callbacks, incoming messages); may be repeated.",
)
@click.option(
    "--keep-default",
    is_flag=True,
    help="Leave the user `default` as it is; else it is switched off. A file may do that once.",
)
def acl(*, passwords: Path, roles: tuple[str, ...], queues: tuple[str, ...], keep_default: bool) -> None:
    """Print the Redis users of this account (SMSFLEET_ACCOUNT): each may do its role's work and nothing else.

    The broker's channels begin with the number of its database: give the SMSFLEET_REDIS_URL (or
    SMSFLEET_BROKER_URL) that the processes have; the server is not asked.

    Only digests of the passwords are printed. Sentinels and replicas need users of their own.
    """
    settings = load()
    account, database = settings.account, broker_database(settings.broker)
    make_folder(passwords, mode=0o700)
    # All or nothing: whoever is missing in a file that is loaded would be shut out.
    lines = [
        user_line(role, account, _password(passwords / user_name(role, account)), database, queues)
        for role in roles or ROLES
    ]
    click.echo("\n".join(lines if keep_default else ["user default off", *lines]))


def broker_database(url: str) -> int:
    """The number of the database in a broker's URL: kombu's channels begin with it."""
    found = _DATABASE.search(url.partition(";")[0].partition("?")[0])
    return int(found[1]) if found else 0


def _password(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _kept(path)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error.__class__.__name__}") from None
    with os.fdopen(descriptor, "w") as file:
        password = secrets.token_hex(24)
        file.write(password + "\n")
    return password


def _kept(path: Path) -> str:
    try:
        lines = read_bounded(path, SECRET_OCTETS).splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error.__class__.__name__}") from None
    if not lines or len(lines[0]) < 16:
        raise ConfigError(f"{path}: its first line must be a password of at least 16 characters")
    return lines[0]
