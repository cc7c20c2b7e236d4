"""The documents are true as far as a program can tell: links, commands, settings, Python, generated pages."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import re
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest
from tests.acceptance.examples import AS, EXAMPLES, SLOW
from tests.acceptance.reference_states import STATES
from tests.command_rules import RULES, goes_on, held_to_its_rule, words_of
from tests.documents import DOCS, MARKERS, PAGES, ROOT, Block, blocks, blocks_of, plain
from tests.not_run import NEVER, NOT_RUN

from smsfleet import tasks
from smsfleet.cli.compliance import NOT_YET
from smsfleet.cli.main import EXIT_CODES, cli
from smsfleet.cli.times import INTERRUPTED
from smsfleet.config.environment import PREFIX
from smsfleet.config.flower_settings import FLOWER_PREFIX, FlowerSettings
from smsfleet.config.opt_out import IN, OUT
from smsfleet.config.settings import LIVE, Settings
from smsfleet.config.smpp_settings import SMPP_PREFIX, SmppSettings
from smsfleet.config.statuses import RANKED, RECEIPT_STATUS
from smsfleet.config.web_settings import WEB_PREFIX, WebSettings
from smsfleet.config.webhook_settings import WEBHOOK_PREFIX, WebhookSettings
from smsfleet.store.keys import LANES, Keys
from smsfleet.tasks.app import configuration
from smsfleet.tasks.status import FINAL_STATES, OPEN_STATES, JobStatus, SegmentStatus
from smsfleet.workers.options import _NUMBERS, WireOptions
from smsfleet.workers.request import SmsRequest

SETTINGS = {
    prefix + name.upper()
    for prefix, settings in (
        (PREFIX, Settings),
        (SMPP_PREFIX, SmppSettings),
        (WEBHOOK_PREFIX, WebhookSettings),
        (FLOWER_PREFIX, FlowerSettings),
        (WEB_PREFIX, WebSettings),
    )
    for name in settings.model_fields
}
OTHERS = {
    "SMSFLEET_SIMULATOR_PASSWORD",  # cli/simulator.py
    "SMSFLEET_SIMULATOR_CONTROL",
    "SMSFLEET_SECRETS",  # docker-compose.yml
    "SMSFLEET_FSYNC",  # docker-compose.yml
    "SMSFLEET_VALKEY_LIMIT",
    "SMSFLEET_VALKEY_MEMORY",
}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def script(path: Path) -> ModuleType:
    """A program beside the pages, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return script(DOCS / "generate.py")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return script(DOCS / "generate_reference.py")


# --- pages and links ----------------------------------------------------------------------------

LINKS = [
    (page, target)
    for page in PAGES
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page))
    if not target.startswith(("http://", "https://", "mailto:"))
]


@pytest.mark.parametrize(
    ("page", "target"), LINKS, ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page

    assert place.is_relative_to(ROOT)
    assert place.exists()
    assert not anchor or anchor in anchors(place)


PICTURES = {path.name for path in (DOCS / "images").iterdir()}


def test_every_picture_is_shown_by_a_page() -> None:
    shown = {Path(name).name for page in PAGES for name in re.findall(r"images/[\w.-]+", text_of(page))}

    assert PICTURES == shown


def test_every_picture_is_made_by_a_script() -> None:
    terminal = re.findall(r'(?:save|picture_of_command)\(\s*"([\w-]+)"', text_of(DOCS / "screenshots.py"))
    browser = re.findall(r'camera\.(?:take|keep)\(\s*"([\w-]+)"', text_of(ROOT / "tests/screenshots.py"))

    assert PICTURES == {f"{name}.svg" for name in terminal} | {f"{name}.png" for name in browser}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_is_small_and_asks_nobody_else(name: str) -> None:
    octets = (DOCS / "images" / name).read_bytes()

    assert len(octets) < 150_000
    if name.endswith(".svg"):
        assert not re.search(rb"@font-face|<script|href=|/tmp/", octets)


def test_the_settings_that_a_reload_changes_are_listed_where_one_looks_for_them() -> None:
    section = text_of(DOCS / "operations.md").partition("### Change a rate")[2].partition("\n### ")[0]

    listed = re.findall(r"`([A-Z_]+)`", section.partition("| of | settings |")[2].partition("\n\n")[0])

    assert sorted(name.upper() for name in LIVE) == sorted(listed)


def test_every_extra_is_explained_where_one_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = text_of(DOCS / "install.md").partition("| extra | brings |")[2].partition("\n\n")[0]

    assert set(project["optional-dependencies"]) == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_the_index_leads_to_every_page() -> None:
    index = text_of(DOCS / "index.md")
    missing = [str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md")) if page.name != "index.md"]

    assert [] == [page for page in missing if f"]({page}" not in index]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_path_of_a_developers_machine(page: Path) -> None:
    assert [] == re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users)/\w+", text_of(page))


# --- commands -----------------------------------------------------------------------------------

CONSOLE = [*blocks("console"), *blocks("bash")]
"""What tests/acceptance/test_documents.py and test_reference.py run."""

SHOWN = {plain(command) for block in CONSOLE for command in block.commands}

EXAMPLES_OF_HELP = [
    plain(command)
    for block in CONSOLE
    if block.page.name == "cli.md"
    for command in block.commands
    if plain(command) not in NOT_RUN
]


def named(block: Block) -> str:
    return block.name


def test_there_are_commands_to_check() -> None:
    assert len([command for block in CONSOLE for command in block.commands]) > 100


@pytest.mark.parametrize("block", CONSOLE, ids=named)
def test_every_program_would_understand_its_command(block: Block) -> None:
    assert block.commands, "each command stands behind a `$ `"

    for command in block.commands:
        held_to_its_rule(command, block.name)


MENTIONED = {
    mention.replace("...", ""): page.name
    for page in PAGES
    for mention in re.findall(
        r"`(smsfleet [a-z][^`\n|\[]*)`", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    )
}
"""What stands between the lines, such as `smsfleet resume`; often without its arguments."""


@pytest.mark.parametrize("mention", MENTIONED)
def test_a_command_that_is_mentioned_exists_with_its_options(mention: str) -> None:
    incomplete = (click.MissingParameter, click.BadOptionUsage, click.exceptions.NoArgsIsHelpError)

    with contextlib.suppress(*incomplete):
        RULES["smsfleet"](words_of(mention)[1:], MENTIONED[mention])


def test_every_example_of_a_help_text_is_run_and_no_row_is_of_another() -> None:
    assert {*EXAMPLES, *AS, *SLOW} - {"make demo", "make demo KEEP=1"} == set(EXAMPLES_OF_HELP)
    assert set() == set(EXAMPLES) & {*AS, *SLOW}
    assert set(AS.values()) <= set(SLOW)


def test_an_example_names_a_state_that_there_is() -> None:
    assert set() == {example.given for example in EXAMPLES.values()} - {"", *STATES}


def test_whatever_is_not_run_is_shown_somewhere_and_has_a_reason() -> None:
    assert set() == {*NOT_RUN, *SLOW} - SHOWN
    assert all(NOT_RUN.values())
    assert set() == set(NOT_RUN) & {*EXAMPLES, *SLOW, *AS}


@pytest.mark.parametrize("program", NEVER)
def test_a_program_that_changes_the_machine_is_run_by_no_block(program: str) -> None:
    run = [command for command in SHOWN - {*NOT_RUN, *SLOW} if program in words_of(command)]

    assert [] == run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_markers_of_blocks_are_known(page: Path) -> None:
    unknown = [block.name for block in blocks_of(page) if set(block.markers) - set(MARKERS)]

    assert [] == unknown


def test_every_marker_is_explained_to_developers() -> None:
    part = text_of(ROOT / "CONTRIBUTING.md").partition("## Documents")[2].partition("\n## ")[0]

    assert [] == [marker for marker in MARKERS if f"`{marker}" not in part]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("smsfleet sned 27999100001", "sned"),
        ("smsfleet send 27999100001 Hello --prio 1", "--prio"),
        ("smsfleet status | smsfleet bind stauts", "stauts"),
        ("make demmo", "demmo"),
        ("docker compose exec bindr smsfleet status", "bindr"),
        ("docker compose exec binder smsfleet stauts", "stauts"),
        ("docker compose --profile flowr up", "flowr"),
        ("sudo systemctl restart smsfleet-bindr", "bindr"),
        ("pip install 'smsfleet[numbrs]'", "numbrs"),
        ("smsfleet status 'no end", "unexpected EOF"),
    ],
)
def test_a_rule_finds_what_is_wrong(command: str, complaint: str) -> None:
    with pytest.raises((AssertionError, click.UsageError)) as error:
        held_to_its_rule(command, "here")

    assert complaint in str(getattr(error.value, "message", error.value))


def test_parts_of_the_fleet_go_on_and_their_commands_do_not() -> None:
    commands = (
        "smsfleet binder",
        "A=1 smsfleet worker -E",
        "smsfleet demo --keep",
        "celery -A smsfleet.tasks worker",
        "smsfleet simulator ctl status",
        "smsfleet top --once",
        "smsfleet demo",
        "celery -A smsfleet.tasks inspect ping",
        "smsfleet status",
    )

    assert [True] * 4 + [False] * 5 == [goes_on(command) for command in commands]


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli, **cli.context_settings)))
def test_every_command_is_told_of_by_more_than_the_reference(name: str) -> None:
    assert f"smsfleet {name}" in "".join(text_of(page) for page in PAGES if page.name != "cli.md")


def test_every_exit_code_is_explained() -> None:
    table = text_of(DOCS / "operations.md").partition("## Exit codes")[2].partition("\n## ")[0]

    assert {0, 1, 2, NOT_YET, INTERRUPTED, *(code for _, code in EXIT_CODES)} == {
        int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    }


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "docker-compose.yml", ROOT / "Dockerfile", *sorted((ROOT / "systemd").iterdir())],
    ids=lambda page: page.name,
)
def test_every_variable_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"SMSFLEET_[A-Z0-9_]*[A-Z0-9]", text_of(page)))

    assert set() == named - SETTINGS - OTHERS


def test_the_page_of_settings_is_up_to_date(generate: ModuleType) -> None:
    assert generate.page() == text_of(DOCS / "settings.md"), "run: python docs/generate.py"


def test_the_page_of_settings_has_every_setting_with_a_meaning(generate: ModuleType) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", generate.page(), re.MULTILINE)

    assert SETTINGS == {name for name, *_ in rows if name in SETTINGS}


def test_every_setting_of_the_celery_app_has_its_reason() -> None:
    reasons = text_of(DOCS / "adr" / "0003-celery-settings.md")
    names = [*configuration(), *configuration()["broker_transport_options"]]

    assert [] == [name for name in names if f"`{name}`" not in reasons]


# --- the reference ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cli.md", "tasks.md", "errors.md"])
def test_a_page_of_the_reference_is_up_to_date(reference: ModuleType, name: str) -> None:
    assert reference.PAGES[name]() == text_of(DOCS / name), "run: python docs/generate.py"


def test_the_reference_has_every_argument_of_send_sms() -> None:
    part = text_of(DOCS / "tasks.md").partition("## send_sms")[2].partition("\n## ")[0]
    arguments = {*inspect.signature(SmsRequest.checked).parameters, *_NUMBERS, "idempotency_key"}
    arguments |= {*inspect.signature(WireOptions.checked).parameters}
    ours = {"default_country_code", "reference_octets", "rules", "now_ms", "options", "numbers"}

    assert arguments - ours == set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))


def test_the_reference_has_whatever_applications_import() -> None:
    assert [] == [name for name in tasks.__all__ if f"\n## {name}\n" not in text_of(DOCS / "tasks.md")]


# --- semantics ----------------------------------------------------------------------------------

SEMANTICS = text_of(DOCS / "semantics.md")


@pytest.mark.parametrize("state", [*OPEN_STATES, *FINAL_STATES])
def test_every_state_is_explained_with_its_finality(state: str) -> None:
    (row,) = re.findall(rf"^\| `{state}` \|.*\| (yes|no) \|$", SEMANTICS, re.MULTILINE)

    assert ("yes" if state in FINAL_STATES else "no") == row


@pytest.mark.parametrize("field", [*JobStatus.__dataclass_fields__, *SegmentStatus.__dataclass_fields__])
def test_every_field_of_job_status_is_explained(field: str) -> None:
    part = SEMANTICS.partition("## job_status")[2].partition("\n## ")[0]

    assert f"`{field}`" in part


def test_the_ranks_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^001 < .*$", SEMANTICS, re.MULTILINE)

    assert list(RANKED) == [int(number) for number in re.findall(r"\d{3}", line)]


@pytest.mark.parametrize(("word", "status"), RECEIPT_STATUS.items())
def test_every_word_of_a_receipt_is_explained(word: str, status: int) -> None:
    assert re.search(rf"^\| {word} \|.*\| {status:03d} \|$", SEMANTICS, re.MULTILINE)


@pytest.mark.parametrize("language", OUT)
def test_the_words_of_the_opt_out_are_those_of_the_code(language: str) -> None:
    (words,) = re.findall(rf"^\| `@{language}` \| (.+) \| (.+) \|$", SEMANTICS, re.MULTILINE)

    assert (OUT[language], IN[language]) == tuple(frozenset(listed.split()) for listed in words)


def test_every_key_of_the_contract_is_explained() -> None:
    part = SEMANTICS.partition("## The Redis contract")[2]
    explained = {re.sub(r":<.*", "", name) for name in re.findall(r"`([a-z:<> ]+)`", part)}
    keys = Keys("a")
    used = {
        key.removeprefix(keys.prefix).decode()
        for value in vars(keys).values()
        for key in (value.values() if isinstance(value, dict) else [value])
        if key != keys.prefix
    }

    assert (
        set()
        == {name.removesuffix(f":{lane}") for name in used for lane in LANES if name.endswith(lane)}
        - explained
    )
    assert set() == {name for name in used if not name.endswith(LANES)} - explained


BUILT = {
    name: method
    for name, method in vars(Keys).items()
    if inspect.isfunction(method) and not name.startswith("_") and name not in ("outbounds", "channel")
}
"""What makes the keys that have a name of their own in them."""


@pytest.mark.parametrize("name", BUILT)
def test_every_key_with_a_name_in_it_is_in_the_table_with_its_lifetime(name: str) -> None:
    rows = re.findall(
        r"^\| (`.+?) \| .+? \| .+? \| (.+?) \|$",
        SEMANTICS.partition("## The Redis contract")[2],
        re.MULTILINE,
    )
    parameters = [*inspect.signature(BUILT[name]).parameters.values()][1:]
    values = [
        7 if each.annotation == "int" else b"x" if each.annotation == "bytes" else "x" for each in parameters
    ]

    key = BUILT[name](Keys("a"), *values).removeprefix(Keys("a").prefix).decode()

    pattern = [
        lifetime for told, lifetime in rows for word in re.findall(r"`(.+?)`", told) if fits(word, key)
    ]
    assert pattern, f"{key} is in no row of the table"
    assert all(pattern)


def fits(word: str, key: str) -> bool:
    """Whether a name of the table, such as `index:<day>:<bucket>`, is that of this key."""
    return re.fullmatch(re.sub(r"<[^>]+>", "[^:]+", word), key) is not None


# --- Python -------------------------------------------------------------------------------------


def test_there_is_python_to_check() -> None:
    assert len(blocks("python")) >= 4


@pytest.mark.parametrize("block", blocks("python"), ids=named)
def test_python_compiles_and_imports_what_exists(block: Block) -> None:
    compile(block.text, block.name, "exec")

    for module, names in re.findall(r"^from (smsfleet[\w.]*) import (.+)$", block.text, re.MULTILINE):
        imported = importlib.import_module(module)
        assert [] == [name for name in names.split(", ") if not hasattr(imported, name)]


# --- security -----------------------------------------------------------------------------------

SECURITY = text_of(DOCS / "security.md")


@pytest.mark.parametrize(
    "place", sorted(set(re.findall(r"`([a-z_]+/[a-z_/0-9]*(?:\.py|\.lua|/))`", SECURITY)))
)
def test_every_place_that_a_risk_names_exists(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_[a-z_]+\.py)`", SECURITY))))
def test_every_test_that_a_risk_names_exists(name: str) -> None:
    assert [*(ROOT / "tests").rglob(name)]


@pytest.mark.parametrize("heading", ["Risks", "Bounds"])
def test_every_risk_and_bound_has_a_place_and_a_test(heading: str) -> None:
    table = SECURITY.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]

    assert 8 < len(rows)
    assert [] == [row for row in rows if len(row) != 4 or not all(cell.strip() for cell in row)]
