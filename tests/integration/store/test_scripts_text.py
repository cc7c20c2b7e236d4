"""What every script must look like: a header that names its keys, arguments and returns, and no key of its own making."""

from __future__ import annotations

import re

import pytest

from smsfleet.store.scripts import FOLDER, script

FILES = sorted(path.stem for path in FOLDER.glob("*.lua"))
SCRIPTS = [name for name in FILES if not name.startswith("lib_")]
NAMED = re.compile(r"\b(KEYS|ARGV)\[(\d+)(?:\.\.(\d+)?)?\]")
BUILDS_A_KEY = re.compile(r"""['"]\{|['"][a-z_]{2,}:[^'"]*['"]\s*\.\.|\.\.\s*['"]:?[a-z_]{2,}:?['"]""")
CALLS = re.compile(r"redis\.p?call\('([A-Z]+)'(?:, ('[A-Z]+'))?, ([^,)]+)")
NAMES_OF_KEYS = re.compile(
    r"KEYS\[|job\.key$|key$|keys$|stream$|streams$|index$|orphan$|job$|intake$|watermark$|outbound$|waiting$|held$|"
    r"status_stream$|content_key$|content$|alias$|stream_of\(job|stopped$|numbers$|chunks$|doubts$|doubted$|outbox$|hooks$|queue$|at\.\w+$|'[A-Z]+'$"
)


def header(name: str) -> str:
    lines = []
    for line in (FOLDER / f"{name}.lua").read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    return "\n".join(lines)


def code(name: str) -> str:
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    return "\n".join(line.partition("-- ")[0] for line in text.splitlines())


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_header_names_the_script_its_keys_arguments_and_returns(name: str) -> None:
    assert header(name).startswith(f"-- {name}.lua: ")
    assert "KEYS" in header(name)
    assert "ARGV" in header(name)
    assert "returns" in header(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_key_and_argument_with_a_number_is_in_the_header(name: str) -> None:
    documented: set[tuple[str, int]] = set()
    for kind, first, last in NAMED.findall(header(name)):
        documented |= {(kind, number) for number in range(int(first), int(last or first) + 1)}

    used = {(kind, int(number)) for kind, number in re.findall(r"\b(KEYS|ARGV)\[(\d+)\]", code(name))}

    assert used <= documented, used - documented


@pytest.mark.parametrize("name", FILES)
def test_no_script_builds_a_key(name: str) -> None:
    assert BUILDS_A_KEY.findall(code(name)) == []


@pytest.mark.parametrize("name", FILES)
def test_what_a_command_touches_was_given_as_a_key(name: str) -> None:
    for command, sub, key in CALLS.findall(code(name)):
        assert command in ("TIME", "PUBLISH") or sub or NAMES_OF_KEYS.search(key.strip()), (command, key)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("lib_")])
def test_a_library_says_what_it_is_for(name: str) -> None:
    assert header(name).startswith(f"-- {name}.lua: ")


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_library_that_is_used_is_named(name: str) -> None:
    source, own = script(name).source, code(name)

    for library in (file for file in FILES if file.startswith("lib_")):
        for function in re.findall(r"^local function (\w+)", code(library), re.MULTILINE):
            if re.search(rf"\b{function}\(", own) and f"function {function}" not in own:
                assert f"local function {function}(" in source, f"{function} of {library}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_changes_a_job_counts_it_for_its_campaign(name: str) -> None:
    own = code(name)

    if "save_job(" in own or "tally(" in own:
        assert own.count("write_tallies(KEYS[") == 1


@pytest.mark.parametrize("name", ["begin", "lost", "recover", "bind_ask", "bind_lift"])
def test_a_command_asks_for_the_fence_before_anything_else(name: str) -> None:
    first = next(line for line in code(name).splitlines() if line.strip() and not line.startswith("--"))

    assert first.strip() == "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_has_a_test_file_that_names_it(name: str, repository) -> None:
    tests = "".join(path.read_text() for path in (repository / "tests/integration/store").glob("test_*.py"))

    assert f"{name}.lua" in tests
