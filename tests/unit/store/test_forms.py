"""Which type each key has: every key of keys.py, every row of the contract, every header of a script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.store.test_keys import every_key

from smsfleet.config.errors import RecordError, StoreError, WrongType
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.forms import FORMS, WORDS, form_of, is_of_the_account, keys_of, refusal, shown
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import FOLDER, forms, script

KEYS = Keys("main")
ROW = re.compile(r"^\| (`.+?`) \| ([^|]+) \|", re.MULTILINE)


def test_every_key_has_a_type() -> None:
    channel = KEYS.channel("order:7.a_b-c")  # no key

    assert [b"{main}:"] == [key for key in every_key(KEYS) if not form_of(key) and key != channel]


def test_every_type_is_that_of_a_key() -> None:
    names = {key.partition(b"}:")[2].decode("latin-1") for key in every_key(KEYS)}

    assert [] == [name for name in FORMS if not any(key.startswith(name) for key in names)]


def test_the_contract_in_the_documentation_says_the_same(repository: Path) -> None:
    text = (
        (repository / "docs" / "semantics.md")
        .read_text(encoding="utf-8")
        .partition("## The Redis contract")[2]
    )
    told = {}
    for names, kinds in ROW.findall(text):
        words = [word.strip() for word in kinds.split(",")]
        for number, name in enumerate(re.findall(r"`([^`]+)`", names)):
            kind = words[min(number, len(words) - 1)].removesuffix("s").replace("hashe", "hash")
            told["{main}:" + re.sub(r"<.*?>", "7", name)] = WORDS.get(kind, kind)

    found = {key: form_of(key.encode()) for key in told if "smsfleet.bell" not in key}

    assert found == {key: kind for key, kind in told.items() if "smsfleet.bell" not in key}
    assert len(found) > 60


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.lua")))
def test_a_script_that_looks_at_its_keys_knows_the_type_of_each(name: str) -> None:
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    if "lib_form" not in text or name.startswith("lib_"):
        assert name.startswith("lib_") or "FORMS" not in script(name).source
        return
    named = text.partition("ARGV[")[0]
    numbers = {
        number
        for first, last, said in re.findall(r"KEYS\[(\d+)(?:\.\.(\d+))?\](?=\s+(.*))", named)
        for number in range(int(first), int(last or first) + 1)
        if not said.startswith(("job ", "content ", "redelivered counter"))
    }

    assert numbers == set(forms(text))
    assert script(name).source.startswith("local FORMS = { [")


def test_a_record_of_many_is_not_the_account() -> None:
    assert [True] * 5 == [
        is_of_the_account(key)
        for key in (
            KEYS.rate, KEYS.outbound["high"], KEYS.opted_out_recently, KEYS.quota(7), KEYS.credits_of("20261128")
        )
    ]  # fmt: skip
    assert [False] * 4 == [
        is_of_the_account(key)
        for key in (KEYS.job("rate"), KEYS.parts("x"), KEYS.opted_out_bucket(1), KEYS.chunk("Cabcdefghij", 1))
    ]


def test_the_keys_of_a_script_and_of_a_command_are_found() -> None:
    by_script = eval_call(script("standing"), [KEYS.rate, KEYS.pause], (b"{main}:live",), list)
    plain = Call((b"XREAD", b"STREAMS", KEYS.outbound["high"], b"0-0"), list)

    assert [[KEYS.rate, KEYS.pause], [KEYS.outbound["high"]]] == [keys_of(by_script), keys_of(plain)]


@pytest.mark.parametrize(
    ("key", "error"),
    [(KEYS.rate, WrongType), (KEYS.job("j1"), RecordError), (KEYS.index(b"x", 1), RecordError)],
)
def test_a_refusal_is_of_the_account_or_of_a_record(key: bytes, error: type[StoreError]) -> None:
    raised = refusal([KEYS.pause, key], [b"hash", b"list"])

    assert error is type(raised)
    assert f"the key {key.decode()} is a list, not a hash" in str(raised)


def test_who_may_not_ask_for_types_is_told_the_keys() -> None:
    raised = refusal([KEYS.rate, KEYS.pause], [StoreError("NOPERM"), StoreError("NOPERM")])

    assert "among these: {main}:rate, {main}:pause" in str(raised)


def test_no_number_is_shown() -> None:
    assert "{main}:reference:..." == shown(KEYS.reference("27999100001"))
