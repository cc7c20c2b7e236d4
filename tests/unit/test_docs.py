"""The documents are true as far as a program can tell: links, commands, settings, Python, generated pages."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest

from smsfleet.cli.compliance import NOT_YET
from smsfleet.cli.main import EXIT_CODES, cli
from smsfleet.config.environment import PREFIX
from smsfleet.config.opt_out import IN, OUT
from smsfleet.config.settings import Settings
from smsfleet.config.smpp_settings import SMPP_PREFIX, SmppSettings
from smsfleet.config.statuses import RANKED, RECEIPT_STATUS
from smsfleet.config.webhook_settings import WEBHOOK_PREFIX, WebhookSettings
from smsfleet.store.keys import LANES, Keys
from smsfleet.tasks.app import configuration
from smsfleet.tasks.status import FINAL_STATES, OPEN_STATES, JobStatus, SegmentStatus

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
SETTINGS = {
    prefix + name.upper()
    for prefix, settings in (
        (PREFIX, Settings),
        (SMPP_PREFIX, SmppSettings),
        (WEBHOOK_PREFIX, WebhookSettings),
    )
    for name in settings.model_fields
}
OTHERS = {
    "SMSFLEET_SIMULATOR_PASSWORD",  # cli/simulator.py
    "SMSFLEET_SIMULATOR_CONTROL",
    "SMSFLEET_SECRETS",  # docker-compose.yml
    "SMSFLEET_FSYNC",  # docker-compose.yml
}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[Path, str]]:
    """The fenced blocks of this language, with the page that each is in."""
    fence = re.compile(rf"^[ ]*```{language}\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
    return [(page, block) for page in PAGES for block in fence.findall(text_of(page))]


def commands() -> list[tuple[str, list[str]]]:
    """Every `smsfleet ...` of the console blocks, as words."""
    found = []
    for page, block in blocks("console"):
        for line in block.splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if "smsfleet" in words:
                found.append((page.name, words[words.index("smsfleet") + 1 :]))
    return found


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_the_index_leads_to_every_page() -> None:
    index = text_of(DOCS / "index.md")
    missing = [str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md")) if page.name != "index.md"]

    assert [] == [page for page in missing if f"]({page}" not in index]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_path_of_a_developers_machine(page: Path) -> None:
    assert [] == re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users)/\w+", text_of(page))


# --- commands -----------------------------------------------------------------------------------


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize(
    ("page", "words"), commands(), ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_a_command_exists_with_its_options(page: str, words: list[str]) -> None:
    words = words[: next((at for at, word in enumerate(words) if word in ("|", "&&", ">")), len(words))]

    context = click.Context(cli)
    name, command, rest = cli.resolve_command(context, words)

    assert command is not None, f"{page}: smsfleet {name}"
    command.make_context(name, rest, parent=context)  # raises UsageError for an unknown option


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_is_told_of(name: str) -> None:
    assert f"smsfleet {name}" in "".join(map(text_of, PAGES))


@pytest.mark.parametrize(
    ("page", "block"), blocks("console"), ids=lambda value: value.name if isinstance(value, Path) else ""
)
def test_make_knows_every_target(page: Path, block: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\s*\$ make (\w+)", block, re.MULTILINE)

    assert [] == [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


def test_every_exit_code_is_explained() -> None:
    table = text_of(DOCS / "operations.md").partition("## Exit codes")[2].partition("\n## ")[0]

    assert {0, 1, 2, NOT_YET, *(code for _, code in EXIT_CODES)} == {
        int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    }


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "docker-compose.yml", ROOT / "Dockerfile"], ids=lambda page: page.name
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


# --- Python -------------------------------------------------------------------------------------


def test_there_is_python_to_check() -> None:
    assert len(blocks("python")) >= 4


@pytest.mark.parametrize(
    ("page", "block"), blocks("python"), ids=lambda value: value.name if isinstance(value, Path) else ""
)
def test_python_compiles_and_imports_what_exists(page: Path, block: str) -> None:
    compile(block, page.name, "exec")

    for module, names in re.findall(r"^from (smsfleet[\w.]*) import (.+)$", block, re.MULTILINE):
        imported = importlib.import_module(module)
        assert [] == [name for name in names.split(", ") if not hasattr(imported, name)]
