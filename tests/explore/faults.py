"""Seeded faults: each breaks one thing that the promises must notice.

A fault in a script is a replacement of its text, and says so loudly when the text is not there any more.
A fault in the binder is a word that `moves.py` knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.explore.model import Budget, Configuration

from smsfleet.store.scripts import FOLDER, Script


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the smallest world that shows it."""

    name: str
    shown_by: Configuration
    file: str = ""
    """the Lua file, without its suffix; empty for a fault of the binder"""
    old: str = ""
    new: str = ""
    only_in: str = ""
    """the one script that gets the fault, when the file is a library"""
    mistakes: frozenset[str] = field(default=frozenset())

    def applied_to(self, script: Script) -> Script:
        """This script with the fault; itself when the fault is elsewhere."""
        if not self.file:
            return script
        text = (FOLDER / f"{self.file}.lua").read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise AssertionError(
                f"fault {self.name!r}: {self.old!r} is not (once) in {self.file}.lua: adapt the fault"
            )
        if self.only_in not in ("", script.name) or text not in script.source:
            return script
        return Script.of(script.name, script.source.replace(text, text.replace(self.old, self.new)))


def _world(
    policy: str,
    *,
    segments: int = 1,
    receipts: tuple[int, ...] = (4,),
    answers: tuple[int, ...] = (),
    **budget: int,
) -> Configuration:
    return Configuration(policy, policy, segments, receipts, answers=answers, budget=Budget(**budget))


_FENCE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end"

FAULTS = (
    Fault("begin without fence", _world("resend", pauses=1), "begin", _FENCE, ""),
    Fault("lost without fence", _world("hold", pauses=1, link_losses=1), "lost", _FENCE, ""),
    Fault("recover without fence", _world("hold", pauses=1), "recover", _FENCE, ""),
    Fault(
        "join without rank", _world("hold", receipts=(3, 4)), "lib_job",
        "if (RANK[status] or 0) > (RANK[segment.status] or 0) then", "if status ~= segment.status then",
    ),
    Fault(
        "always resend", _world("hold", kills=1), "lib_outbound",
        "if policy == 'R' and s.ambiguous <= limit and not expired then", "if true then",
    ),
    Fault(
        "no bound on resends", _world("resend", link_losses=2), "lib_outbound",
        "s.ambiguous <= limit and not expired", "not expired",
    ),
    Fault(
        "the hold timer sends again without bound", _world("hold_then_resend", receipts=(), link_losses=2),
        "release_held", "(decision == 'timer' and job.segment.ambiguous <= limit)", "decision == 'timer'",
    ),
    Fault(
        "orphans ignored by the response", _world("hold"), "lib_accept",
        "at.any_orphans and redis.call('EXISTS', orphan) == 1", "false",
    ),
    Fault(
        "receipts without a response dropped", _world("hold"), "apply_receipt",
        "redis.call('RPUSH', orphan, said)", "",
    ),
    Fault(
        "late response not looked for", _world("hold", stalls=1), "apply_receipt",
        "elseif redis.call('HEXISTS'", "elseif false and redis.call('HEXISTS'",
    ),
    Fault(
        "errors of any attempt count", _world("resend", receipts=(), pauses=1, permanent=1), "apply_response",
        "if s.attempt ~= attempt or (", "if (",
    ),
    Fault(
        "a repeated fact without its body rejects", _world("hold", receipts=(), temporary=1, unheard=1, stalls=1),
        "apply_response", "if state == 'S' and outcome ~= 'reject' and body == '' then return 'stale' end", "",
    ),
    Fault(
        "settle ignores the attempt", _world("resend", pauses=1), "settle",
        "if of == attempt then", "if of then",
    ),
    Fault(
        "settle drops the body", _world("hold", temporary=1), "settle",
        "if code ~= '0' then body =", "if false then body =",
    ),
    Fault(
        "late acceptance leaves the hold", _world("hold", pauses=1), "lib_accept",
        "if s.state == 'W' or s.state == 'H' then unpark(job, at) end", "",
    ),
    Fault(
        "recover forgets a segment", _world("hold", kills=1), "recover",
        "for a = 5, #ARGV, 2 do", "for a = 5, #ARGV - 2, 2 do",
    ),
    Fault(
        "begin leaves the entry of an accepted segment", _world("resend", receipts=(), pauses=1), "begin",
        "drop_entry(KEYS[3 + lane], entry)", "",
    ),
    Fault(
        "counts forget the old label", _world("hold", segments=2), "lib_job",
        "counts[job.label] = counts[job.label] - 1", "",
    ),
    Fault(
        "promote leaves the body", _world("hold", temporary=1), "promote",
        "redis.call('HDEL', KEYS[1], ref)", "",
    ),
    Fault(
        "matches although two are in doubt", _world("hold", segments=2, kills=1), "lib_doubt",
        "if ref and of ~= ref then return nil end", "",
    ),
    Fault(
        "a lost attempt is not in doubt", _world("hold", kills=1), "recover",
        "if job then doubt(job, attempt, now, KEYS[9], KEYS[10]) end", "",
    ),
    Fault(
        "does not wait for answers on their way", _world("hold", segments=2, link_losses=1),
        mistakes=frozenset({"matches what may be on its way"}),
    ),
    Fault(
        "begin does not see a pause", _world("hold", orders=1), "begin",
        "return orders[4] or orders[lane] or", "return orders[lane] or",
    ),
    Fault(
        "everything is a probe", _world("hold", segments=2, receipts=(), account=2), "begin",
        "probing = false\n", "",
    ),
    Fault(
        "an error of the account uses up a try", _world("hold", receipts=(), account=1), "apply_response",
        "if outcome == 'retry' or outcome == 'slow' then s.tries", "if outcome ~= 'reject' then s.tries",
    ),
    Fault(
        "a pause drops the entry", _world("hold", receipts=(), orders=1), "begin",
        "    results[#results + 1] = -2\n",
        "    drop_entry(KEYS[3 + tonumber(ARGV[a + 2])], entry)\n    results[#results + 1] = -2\n",
    ),
    Fault(
        "what was held back is forgotten", _world("hold", receipts=(), orders=1),
        mistakes=frozenset({"forgets what it held back"}),
    ),
    Fault(
        "begin sends what was cancelled", _world("resend", receipts=(), link_losses=1, cancels=1), "begin",
        "if state == 'Q' and lapse(job, now) then", "if state == 'Q' and job.deadline ~= 0 and lapse(job, now) then",
    ),
    Fault(
        "begin does not see a cancelled campaign", _world("resend", receipts=(), ends=1), "begin",
        "elseif state == 'Q' and campaign == 'c' then", "elseif state == 'Q' and campaign == '-' then",
    ),
    Fault(
        "begin does not see a paused campaign", _world("resend", receipts=(), halts=1), "begin",
        "local campaign = campaign_state(ref)", "local campaign = nil",
    ),
    Fault(
        "what is parked is nowhere", _world("resend", receipts=(), halts=1), "begin",
        "redis.call('ZADD', KEYS[13], 0, job.ref)", "",
    ),
    Fault(
        "a parked segment that is cancelled stays parked", _world("resend", receipts=(), halts=1, cancels=1), "cancel",
        "redis.call('ZREM', KEYS[14], job.ref)", "",
    ),
    Fault(
        "a campaign does not count what is refused", _world("resend", receipts=(), permanent=1), "lib_job",
        "if campaign then tally(campaign, class_of(job.label), class_of(label)) end", "",
    ),
    Fault(
        "cancel forgets what is on its way", _world("hold", receipts=(), temporary=1, cancels=1), "cancel",
        "redis.call('HSET', KEYS[1], 'x', 0)", "",
    ),
    Fault(
        "what may have been delivered counts as cancelled", _world("resend", receipts=(), kills=1, cancels=1),
        "lib_job", "return segment.ambiguous > 0 and 'F' or 'C'", "return 'C'",
    ),
    Fault(
        "cancel leaves the body", _world("hold", receipts=(), temporary=1, cancels=1), "cancel",
        "redis.call('HDEL', KEYS[9], job.ref)", "",
    ),
    Fault(
        "an answer is taken out and not joined", _world("hold", receipts=(), answers=(4,), queries=1),
        "apply_query", "result = join(job.segment, status) and 'applied' or 'unchanged'", "result = 'unchanged'",
    ),
    Fault(
        "answers are applied as they come, without rank", _world("hold", receipts=(), answers=(4, 7), queries=2),
        "lib_job", "if (RANK[status] or 0) > (RANK[segment.status] or 0) then", "if status ~= segment.status then",
        only_in="apply_query",
    ),
    Fault(
        "an answer stays", _world("hold", receipts=(), answers=(4,), queries=1), "apply_query",
        "redis.call('XDEL', KEYS[1], ARGV[a]) == 1", "redis.call('XLEN', KEYS[1]) > 0",
    ),
    Fault(
        "questions are asked although it is off", _world("hold", receipts=(), queries=2, nacks=1), "ask",
        "if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end", "",
    ),
    Fault(
        "what waited to be asked is kept", _world("hold", receipts=(), queries=2, nacks=1), "ask_no_more",
        "redis.call('DEL', KEYS[2], KEYS[3])", "",
    ),
    Fault(
        "closes whatever is open", _world("fail", segments=2, receipts=(), closes=1), "close_unconfirmed",
        "'^A%d*,3,'", "'^A%d*,'",
    ),
    Fault(
        "what was closed is not opened again", _world("hold", receipts=(3, 4), closes=1), "lib_job",
        "if segment.state == 'N' then segment.state = 'A' end", "",
    ),
    Fault(
        "a close is not counted", _world("fail", segments=2, receipts=(3,), closes=1), "close_unconfirmed",
        "job.segment.state = 'N'", "job.segment.state, job.label = 'N', 'N'",
    ),
    Fault(
        "a message that was accepted twice is charged once", _world("resend", receipts=(), pauses=1), "lib_accept",
        "result, charged = 'duplicate', one_more(job, message_id)", "result, charged = 'duplicate', 0",
    ),
    Fault(
        "what its early receipt says is not given back", _world("hold", receipts=(10,)), "lib_accept",
        "return is_first and given_back('', s.status) or back", "return back",
    ),
    Fault(
        "a repeated receipt gives back again", _world("hold", receipts=(10,), duplicates=1), "apply_receipt",
        "enter_job(job, KEYS[7], 0, told_of_segment(job, before, message_id, status))", "enter_job(job, KEYS[7], 0, 1)",
    ),
    Fault("octets before the intent", _world("hold", kills=1), mistakes=frozenset({"writes before begin"})),
    Fault("receipt acked before it is kept", _world("hold"), mistakes=frozenset({"acks before persisting"})),
    Fault("never reads from the start", _world("resend", kills=1), mistakes=frozenset({"reads new entries only"})),
)  # fmt: skip
