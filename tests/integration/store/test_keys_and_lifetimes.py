"""Every key of an account is in one slot, and has a lifetime or a reason for none."""

from __future__ import annotations

import re

from tests.integration.store.steps import JOB_TTL_S, NO_CREDIT, PACE, TEMPORARY, TEXT_TTL_S, Fleet

from smsfleet.store.campaigns import Campaigns, Common, Row
from smsfleet.store.capture import CaptureBox, CaptureRequest
from smsfleet.store.facts import DeliveryFact
from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.queries import Heard, Queries, Query
from smsfleet.store.status_counts import StatusCounts
from smsfleet.store.walks import Walks

KEPT = re.compile(
    rb"fence|lease:number|journal|outbound:(high|normal|bulk)|responses|deliveries|answers|status|mo|receipts|dead|strays"
    rb"|intake:\w+|scheduled|aside|watermark:\w+|inflight|waiting|delayed|held|collecting|routing|parts:\w+|orphans"
    rb"|doubts|doubted|status:counts|rate|credits|pause|optedout(:\w+)?|bind|outbox|undelivered|hooks|hooked|hook:.*"
    rb"|campaigns(:\w+)?"
)
"""The keys that store/keys.py lists as without a lifetime."""


def a_busy_day(fleet: Fleet) -> None:
    """Something of everything."""
    for lane in ("high", "normal", "bulk"):
        fleet.take_in(f"waits-{lane}", lane, key=f"key-{lane}")
    fleet.run(fleet.jobs.next_references(["27999100001"], 256))
    fleet.run(fleet.wire.report("{}", 5.0))
    fleet.run(JournalLog(fleet.keys).append(JournalEntry(1, "run", 1, "start")))
    box, wanted = CaptureBox(fleet.keys), CaptureRequest("reply", 1)
    fleet.run(box.ask(wanted))
    fleet.run(box.reply(wanted, "[]"))
    accepted, delayed, held, credit, flying = (
        fleet.send(f"j{number}", lane=lane)[0]
        for number, lane in enumerate(("high", "normal", "bulk", "high", "high"))
    )
    fleet.answer(accepted)
    fleet.receipt(4)
    fleet.receipt(4, b"orphaned")
    fleet.answer(delayed, TEMPORARY)
    fleet.lost(held)
    fleet.answer(credit, NO_CREDIT)
    assert fleet.in_flight() == {flying}
    fleet.run(fleet.wire.deliver(b"a", 1))
    fleet.run(fleet.wire.deliver(b"b", 1))
    mo, dead = fleet.run(fleet.facts.read("relay", 10, 1))[1]
    known = {"from": "27999100001"}
    word, _ = fleet.run(fleet.mo.collect(mo, "waits", number=1, total=2, part=b"0,a", known=known))
    assert word == "kept"
    fleet.run(fleet.mo.keep(mo, known, ["task:any@app"]))
    fleet.run(fleet.mo.keep(DeliveryFact(fleet.deliver(), b"c", 1), known, ["task:any@app"]))
    fleet.run(fleet.facts.keep_raw(dead, b"M1", "why"))
    fleet.run(fleet.facts.bury(dead, "why"))
    fleet.run(fleet.opt_outs.add([OptedOut("27999100009")]))
    fleet.run(fleet.facts.give_up_orphans([b"orphaned"], 0))
    fleet.receipt(4, b"orphaned again")
    fleet.run(fleet.ledger.pause())
    fleet.take_in_later("later", idempotency_key="key-later", fingerprint="x")
    fleet.take_in("aside")
    fleet.run(fleet.lifecycle.set_aside("aside", "normal", "poison: 3"))
    queries, walks = Queries(fleet.keys, text_ttl_s=60), Walks(fleet.keys, text_ttl_s=60)
    asked = Query(b"j0#1", b"M1", reply="reply")
    fleet.run(queries.tell(asked, "answered"))
    fleet.run(queries.apply([Heard(fact, 4, " DELIVRD") for fact in fleet.run(queries.read(1))]))
    fleet.run(queries.tell(asked, "silent"))
    fleet.run(queries.ask([asked]))
    waiting = fleet.ttl_s(fleet.keys.queries)
    fleet.run(queries.switch_off("why"))
    fleet.run(queries.count_silent())
    assert waiting > 0
    for walk in (fleet.keys.walk_query, fleet.keys.walk_settle):
        turn = fleet.run(walks.turn(walk))
        assert turn is not None
        fleet.run(walks.end_turn(walk, turn, 1_000))
    fleet.run(StatusCounts(fleet.keys).count())
    a_campaign(fleet)


def a_campaign(fleet: Fleet) -> None:
    """One row is parked, one refused, one waits in its chunk; one is tried again."""
    campaigns = Campaigns(fleet.keys, job_ttl_s=JOB_TTL_S, now_ms=fleet.now_ms)
    campaign = "Cabcdefghij"
    given = {"lane": "bulk", "content": "{}", "fingerprint": "f", "chunk_rows": 3, "idempotency_key": "key"}
    fleet.run(campaigns.open(campaign, **given))
    fleet.run(campaigns.put(campaign, 1, 3, "rows", kind="last"))
    fleet.run(campaigns.put(campaign, 2, 1, "rows", kind="retry", tries=[(1, 2)]))
    common = Common(campaign, "bulk", "fail", None, True, "", None, "", 0, "")
    rows = [Row("1", "27999100001", "7", 7, "", 0, [b"body"]), Row("2", "", "invalid-text", 0, "why")]
    fleet.run(campaigns.admit(common, 1, 0, rows, PACE, 1, last=False))
    fleet.run(campaigns.stop(campaign, "p"))
    assert fleet.begin([entry for entry in fleet.take() if entry.ref.startswith(b"C")]) == [0]


def test_every_key_has_a_lifetime_except_those_with_a_documented_reason(fleet: Fleet) -> None:
    a_busy_day(fleet)

    for key in fleet.everything():
        name = key.removeprefix(b"{main}:")
        assert (fleet.redis("PTTL", key) == -1) == bool(KEPT.fullmatch(name)), key


def test_the_documented_reasons_are_those_of_keys_py(repository) -> None:
    reasons = (repository / "store/keys.py").read_text().split('"""')[1]

    for name in (
        "fence",
        "lease:number",
        "streams",
        "status",
        "journal",
        "answers",
        "intake:",
        "watermark:",
        "scheduled",
        "aside",
        "inflight",
        "waiting",
        "delayed",
        "held",
        "doubts",
        "doubted",
        "status:counts",
        "credits",
        "rate",
        "bind",
    ):
        assert name in reasons, name


def test_all_keys_hash_to_one_slot(fleet: Fleet) -> None:
    a_busy_day(fleet)

    assert {key[: len(b"{main}:")] for key in fleet.everything()} == {b"{main}:"}


def test_two_accounts_share_a_server_and_nothing_else(fleet: Fleet) -> None:
    other = Fleet(fleet.store, keys=type(fleet.keys)("other"))
    other.create_groups()
    other.lead("A")
    before = other.everything()

    a_busy_day(fleet)

    after = {key: value for key, value in fleet.everything().items() if key.startswith(b"{other}:")}
    assert after == {key: value for key, value in before.items() if key.startswith(b"{other}:")}


def test_text_outlives_the_final_status_by_its_lifetime_only(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    open_ttl = fleet.ttl_s(fleet.keys.content("j1"))
    fleet.receipt(4)

    assert JOB_TTL_S - 60 <= open_ttl <= JOB_TTL_S
    assert TEXT_TTL_S - 60 <= fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S
    assert fleet.ttl_s(fleet.keys.job("j1")) > TEXT_TTL_S


def test_a_job_that_is_written_again_and_again_keeps_its_lifetime(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    fleet.receipt(3)

    assert JOB_TTL_S - 60 <= fleet.ttl_s(fleet.keys.job("j1")) <= JOB_TTL_S
