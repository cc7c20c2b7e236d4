# ruff: noqa: INP001 - a script beside the pages, no package
"""Write docs/settings.md from config/*settings.py; the scripts beside this one write the other such pages.

A test says when one of them is old.

Run from a checkout with smsfleet installed: `python docs/generate.py`.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from smsfleet.config.environment import PREFIX
from smsfleet.config.flower_settings import FLOWER_PREFIX, FlowerSettings
from smsfleet.config.settings import Settings
from smsfleet.config.smpp_settings import SMPP_PREFIX, SmppSettings
from smsfleet.config.web_settings import WEB_PREFIX, WebSettings
from smsfleet.config.webhook_settings import WEBHOOK_PREFIX, WebhookSettings

PAGE = Path(__file__).parent / "settings.md"

HEAD = """# Settings

Generated from `config/*settings.py` by `docs/generate.py`. Do not edit: a test compares the two.

Every setting is an environment variable. An empty value counts as not set. Unknown names are ignored: check
the spelling. No `.env` file is read. A value that breaks its rule stops the process before anything connects,
with exit code 78 and a message that names the setting, the value and the rule. Secrets are never shown.

`-` in the column *default* means that the setting must be given. Names that end in `_S` are seconds.
"""

COMMON = """Applications, workers, the binder and the commands read these. Give all of them the same values:
an application with another `SMSFLEET_ACCOUNT` speaks of other keys, and two workers with different
`SMSFLEET_RATE` change the one rate of the account back and forth."""

BIND = """Nothing else needs the account's password. The limits are those of the guide. Give the password by
`SMSFLEET_SMPP_PASSWORD_FILE` (better) or by `SMSFLEET_SMPP_PASSWORD`, not by both."""

HOOKS = """Give them to every worker. Give the secret by `SMSFLEET_WEBHOOK_SECRET_FILE` (better) or by
`SMSFLEET_WEBHOOK_SECRET`, not by both; the receivers of webhooks need it too, nobody else does. See
[callbacks](operations.md#callbacks-and-webhooks)."""

FLOWER = """Give the user and password by `SMSFLEET_FLOWER_BASIC_AUTH_FILE` (better) or by
`SMSFLEET_FLOWER_BASIC_AUTH`, not by both; without them it does not start. See [Flower](flower.md)."""

WEB = """The page reads the settings for every process too, and needs none of the bind's. See
[the operations page](web.md)."""

GROUPS = (
    (PREFIX, Settings, "For every process", COMMON),
    (SMPP_PREFIX, SmppSettings, "For the binder only", BIND),
    (WEBHOOK_PREFIX, WebhookSettings, "For workers that call webhooks", HOOKS),
    (FLOWER_PREFIX, FlowerSettings, "For `smsfleet flower`", FLOWER),
    (WEB_PREFIX, WebSettings, "For `smsfleet web`", WEB),
)

FUNCTIONS = {
    "_ascii": "printable ASCII",
    "check_url": "`redis://`, `rediss://`, `sentinel://` or `rediss+sentinel://`",
    "_senders": "at most 21 printable ASCII characters each",
    "_prefixes": "1-15 digits each",
    "_quotas": "`client=credits,...`",
    "_tariff": "`prefix=credits,...`, whole credits or thirds",
    "_zone": "a name of the tz database",
    "_day": "a date",
    "_routes": "rules, or `@FILE`",
    "_words": "rules, or `@FILE`",
    "_table": "`NAME=STATUS`, with commas between them",
    "_callback": "`task:NAME`, `task:NAME@QUEUE` or a URL",
    "_address": "`host:port`; each process of a machine needs a port of its own",
    "_allowed": "names and networks",
    "_hosts": "host names",
    "_proxies": "addresses and networks",
    "_ages": "1 to 604,800 each",
}

TABLE = "\n| variable | default | meaning | rule |\n|---|---|---|---|\n"

TAIL = """
## Other variables

| variable | read by | meaning |
|---|---|---|
| `SMSFLEET_SIMULATOR_PASSWORD` | `smsfleet simulator` | the same as `--password` |
| `SMSFLEET_SIMULATOR_CONTROL` | `smsfleet simulator ctl` | the same as `--control` |
| `SMSFLEET_SECRETS` | `docker-compose.yml` | the folder of the secrets' files, by default `.run/secrets` |
| `SMSFLEET_FSYNC` | `docker-compose.yml` | `everysec` (default) or `always`: Valkey's appendfsync |
| `SMSFLEET_VALKEY_MEMORY` | `docker-compose.yml` | Valkey's maxmemory, by default `1gb` |
| `SMSFLEET_VALKEY_LIMIT` | `docker-compose.yml` | the memory of its container, by default `2g` |
| `WORKER_OPTIONS` | `docker-compose.yml` | further options of the worker, such as `-E` |
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for prefix, settings, title, remark in GROUPS:
        parts.append(
            f"\n## {title}\n\n{remark}\n\n| variable | default | meaning | rule |\n|---|---|---|---|\n"
        )
        parts += [_row(prefix + name.upper(), field) for name, field in _fields(settings)]
    return "".join([*parts, TAIL])


def _fields(settings: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    own = settings.__annotations__
    return sorted(settings.model_fields.items(), key=lambda row: row[0] not in own)


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _default(field), field.description or "", _rule(field))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "-"
    value = field.default
    if value in ("", None):
        return "empty"
    if isinstance(value, bool):
        return f"`{int(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _rule(field: FieldInfo) -> str:
    """What the settings check, read from the field itself."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    words: dict[Any, str] = {
        int: "integer",
        float: "number",
        bool: "`1` or `0`",
        str: "text",
        SecretStr: "secret",
        SecretStr | None: "secret",
    }
    return ", ".join([words.get(kind, "text"), *filter(None, map(_limit, field.metadata))])


def _limit(rule: Any) -> str:
    for name, words in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
        limit = getattr(rule, name, None)
        if limit is not None:
            return f"{words} {limit:,}" if limit >= 10_000 else f"{words} {limit:g}"
    if getattr(rule, "min_length", None) is not None:
        return f"at least {rule.min_length} octets"
    if getattr(rule, "max_length", None) is not None:
        return f"at most {rule.max_length} octets"
    if getattr(rule, "pattern", None) is not None:
        return f"`{rule.pattern}`"
    if getattr(rule, "func", None) is not None:
        return FUNCTIONS[rule.func.__name__]
    return ""


def variables() -> set[str]:
    """Every name of the page."""
    return set(re.findall(r"^\| `([A-Z_]+)`", page(), re.MULTILINE))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for other in Path(__file__).parent.glob("generate_*.py"):
        runpy.run_path(str(other), run_name="__main__")
