# ruff: noqa: INP001 - a script beside the pages, no package
"""Write docs/cli.md, docs/tasks.md and docs/errors.md from the code; a test says when one of them is old.

Run from a checkout with smsfleet installed: `python docs/generate.py`, which runs this too.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import smsfleet.tasks
from smsfleet.cli.main import EXIT_CODES, cli
from smsfleet.config import errors
from smsfleet.config.codes import APPENDIX_A, CommandStatus
from smsfleet.config.statuses import APPENDIX_B, MESSAGE_STATE_WORD, RANK, RECEIPT_STATUS
from smsfleet.tasks.sms import SendSms
from smsfleet.workers.options import WireOptions
from smsfleet.workers.request import SmsRequest

FOLDER = Path(__file__).parent

GENERATED = "Generated from {source} by `docs/generate_reference.py`. Do not edit: a test compares the two.\n"

CLI_INTRO = """
All commands read the [settings](settings.md). `--json` is for scripts: fields may be added, none goes
before a major version. Exit codes: [errors.md](errors.md#exit-codes). `smsfleet --version` prints the
version.
"""

TASKS_INTRO = """
What applications import: `from smsfleet.tasks import send_sms, job_status, ...`. The same is in the
docstrings.
"""

BY_NAME = """
By name, for applications without smsfleet, the task is `sms.send_sms`, with the same arguments as JSON:
[scripts](howto/script.md#by-the-name-of-the-task).
"""

RESULT = """
`send_sms.delay(...)` and `send_sms.apply_async(args, kwargs, ...)` return Celery's `AsyncResult`, whose
`id` is the job id. `await send_sms.adelay(...)` is `delay` for asyncio.
"""

APP = """
## app

The fleet's Celery app, `celery -A smsfleet.tasks`. It is never the current app of the importing process.
"""

ERRORS = """
## Errors

All are in `smsfleet.config.errors`. *Retryable*: the same call may succeed later without a change. The
code is stored with a refused job, in front of its `error`; scripts may compare it.
"""

EXITS = """
## Exit codes

Of every command, by the error that ended it; what to do:
[operations](operations.md#exit-codes-of-smsfleet). 0 is done, 1 not as wished, 2 wrong usage. Commands with
further codes say so in their help.
"""

STATUSES = """
## Statuses

Appendix B of the guide (§15). The rank decides which of two is kept: the higher
([semantics](semantics.md#ranks)). 014 is known from other interfaces of Clickatell only.
"""

WORDS = """
## Words of receipts

This project's reading; the guide gives none. `SMSFLEET_RECEIPT_STATUS` changes it.
"""

GATEWAY = """
## Errors of the gateway

Appendix A of the guide (§14). What each reaction does: [semantics](semantics.md#errors-of-the-gateway).
"""


def head(title: str, source: str) -> str:
    """The beginning of a page."""
    return f"# {title}\n\n{GENERATED.format(source=source)}"


def cell(text: object) -> str:
    """Text for a cell of a table."""
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip()


def row(*cells: object) -> str:
    """One row of a table."""
    return "| " + " | ".join(map(cell, cells)) + " |\n"


def table(*names: str) -> str:
    """The head of a table."""
    return "\n" + row(*names) + "|" + "---|" * len(names) + "\n"


# --- the command ----------------------------------------------------------------------------------


EXAMPLE = re.compile(r"(\w+=\S+ )*((smsfleet|celery|tshark|zcat) |\\$)")
"""How a line of an epilog begins that is typed as it stands; others are remarks."""


def cli_page() -> str:
    """Every command with its options and examples."""
    parts = [head("The command `smsfleet`", "the commands in `cli/`"), CLI_INTRO]
    context = click.Context(cli, info_name="smsfleet", **cli.context_settings)
    parts += [_command(cli.get_command(context, name), name, context) for name in cli.list_commands(context)]
    return "".join(parts)


def _command(command: click.Command | None, name: str, parent: click.Context) -> str:
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    depth = "#" * (path.count(" ") + 1)
    parts = [f"\n{depth} {path}\n\n{_prose(command.help or '')}\n\n`{usage}`\n", *_options(command, context)]
    if command.epilog:
        parts.append(_epilog(command.epilog))
    if isinstance(command, click.Group):
        parts += [
            _command(command.get_command(context, each), each, context)
            for each in command.list_commands(context)
        ]
    return "".join(parts)


def _prose(text: str) -> str:
    """Paragraphs of a help text; lines that follow a form feed or backspace stay lines."""
    return textwrap.dedent(inspect.cleandoc(text).replace("\b\n", "")).strip()


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if not options:
        return
    yield table("option", "default", "meaning")
    for option in options:
        value = "" if option.is_flag else f" {option.make_metavar(context)}"
        names = ", ".join(f"`{name}{value}`" for name in [*option.opts, *option.secondary_opts])
        default = option.to_info_dict()["default"]
        shown = (
            f"`{default}`"
            if not option.is_flag and isinstance(default, str | float) and default != ""
            else ""
        )
        variable = f" Or by `{option.envvar}`." if isinstance(option.envvar, str) else ""
        many = " May be given several times." if option.multiple else ""
        yield row(names, shown, (option.help or "") + many + variable)


def _epilog(text: str) -> str:
    """What stands below the options: remarks, exit codes, and examples as commands."""
    lines = inspect.cleandoc(text.replace("\b", "")).strip().splitlines()
    parts, commands = [], []
    for line in lines:
        plain = line.strip()
        if commands and commands[-1].endswith("\\"):
            commands.append("  " + plain)
        elif line.startswith("  ") and EXAMPLE.match(plain):
            # Behind three spaces is what an example is for.
            command, _, remark = re.sub(r"\s{3,}", "\0", plain).partition("\0")
            commands.append(f"$ {command}" + (f"    # {remark}" if remark else ""))
        elif plain and plain not in ("Example:", "Examples:"):
            parts.append(plain)
    prose = "\n" + "\n".join(parts) + "\n" if parts else ""
    shown = "\n```console\n" + "\n".join(commands) + "\n```\n" if commands else ""
    return prose + shown


# --- the tasks ------------------------------------------------------------------------------------


def tasks_page() -> str:
    """Arguments of send_sms, and everything else that `smsfleet.tasks` offers."""
    intro, _, rest = (inspect.getdoc(SendSms) or "").partition("\nArguments:\n")
    arguments, _, raises = rest.partition("\n\nRaises ")
    parts = [
        head("Tasks and functions", "`smsfleet.tasks`"),
        TASKS_INTRO,
        f"\n## send_sms\n\n{_linked(intro.strip())}\n",
        BY_NAME,
        table("argument", "default", "meaning"),
        *(row(f"`{name}`", _default(name), meaning) for name, meaning in _arguments(arguments)),
        f"\nRaises {_linked(raises.strip())} [All errors](errors.md#errors).\n",
        RESULT,
    ]
    for name in smsfleet.tasks.__all__:
        thing = getattr(smsfleet.tasks, name)
        if name not in ("app", "send_sms"):
            told = (inspect.getdoc(thing) or "").strip()
            parts.append(f"\n## {name}\n\n{_signature(name, thing)}{told}\n")
    return "".join([*parts, APP])


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    """Name and meaning of each line `name: meaning`; some lines have several."""
    begin = r"(?:^ +|(?<=\. ))([a-z_]+(?:, [a-z_]+)*): "
    _, *found = re.split(begin, text, flags=re.MULTILINE)
    for names, meaning in zip(found[::2], found[1::2], strict=True):
        for name in names.split(", "):
            yield name, re.sub(r",?( and| with)?$", "", meaning.strip())


def _parameters() -> dict[str, inspect.Parameter]:
    """Every argument of send_sms: those of a request, and those that only the wire or the intake knows."""
    found = dict(inspect.signature(SmsRequest.checked).parameters)
    wire = {
        name: parameter
        for name, parameter in inspect.signature(WireOptions.checked).parameters.items()
        if name != "now_ms"
    }
    key = inspect.Parameter("idempotency_key", inspect.Parameter.KEYWORD_ONLY, default=None)
    ours = ("default_country_code", "reference_octets", "rules", "now_ms", "options")
    return {
        name: value for name, value in {**found, **wire, "idempotency_key": key}.items() if name not in ours
    }


SETTING = {"max_segments", "transliterate", "long_messages", "callback"}
"""Arguments whose default is a setting."""


def _default(name: str) -> str:
    parameter = _parameters().get(name)
    if name in SETTING:
        return f"`SMSFLEET_{name.upper()}`"
    if parameter is None or parameter.default in (None, ""):
        return ""
    return "-" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"


def _signature(name: str, thing: Any) -> str:
    if inspect.isclass(thing):
        fields = ", ".join(getattr(thing, "__dataclass_fields__", {}))
        return f"A frozen record: `{fields}`.\n\n" if fields else ""
    if not inspect.isfunction(thing):
        return ""
    words = re.sub(r"(: |-> )'([^']+)'", r"\1\2", str(inspect.signature(thing)))
    words = re.sub(r"<built-in function (.+?)>", r"\1", words)
    return f"`{name}{words}`\n\n"


def _linked(text: str) -> str:
    return re.sub(r"[ ]*\n[ ]*", "\n", text)


# --- errors and statuses --------------------------------------------------------------------------


def errors_page() -> str:
    """The error tree, exit codes, Appendix A and B, words of receipts."""
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    parts = [
        head("Errors and statuses", "`config/errors.py`, `codes.py`, `statuses.py` and `cli/main.py`"),
        ERRORS,
        table("error", "is a", "code", "retryable", "when"),
        *(_error_row(kind) for kind in kinds if issubclass(kind, errors.SmsfleetError)),
        EXITS,
        table("error", "code"),
        *(row(f"`{kind.__name__}`", code) for kind, code in EXIT_CODES),
        STATUSES,
        table("number", "meaning", "final", "charged", "rank"),
        *(
            row(f"`{each.number:03d}`", each.name, *map(_yes, (each.final, each.charged)), RANK[each.number])
            for each in APPENDIX_B.values()
        ),
        WORDS,
        table("word", "message_state", "status"),
        *(row(f"`{word}`", _state(word), f"`{status:03d}`") for word, status in RECEIPT_STATUS.items()),
        GATEWAY,
        table("command_status", "name", "meaning", "reaction", "shown as"),
        *map(_gateway_row, APPENDIX_A.values()),
    ]
    return "".join(parts)


def _gateway_row(each: CommandStatus) -> str:
    shown = "-" if each.shown_status is None else f"`{each.shown_status:03d}`"
    return row(f"`0x{each.code:08X}`", f"`{each.name}`", each.description, each.reaction.value, shown)


def _error_row(kind: type[errors.SmsfleetError]) -> str:
    bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    return row(
        f"`{kind.__name__}`", bases, f"`{kind.code}`", _yes(kind.retryable), inspect.getdoc(kind) or ""
    )


def _yes(value: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if value else "no"


def _state(word: str) -> str:
    return next((str(state) for state, each in MESSAGE_STATE_WORD.items() if each == word), "-")


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli_page, "tasks.md": tasks_page, "errors.md": errors_page}


if __name__ == "__main__":
    for file, page in PAGES.items():
        (FOLDER / file).write_text(page(), encoding="utf-8")
