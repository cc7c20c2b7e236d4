"""Asking the gateway what became of a message (query_sm): from whoever wants to know to the binder, and back.

The binder takes a question out of the list before it asks: one that is lost with the link is asked again at
its segment's next age, and one that ends the link cannot end the next one too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from smsfleet.config.days import UTC_DAYS, AccountDays
from smsfleet.config.errors import RecordError
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.credits import BOOK_TTL_S, day_of_entry
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

LIST_TTL_S = 86_400
"""Questions that no binder has taken for a day are forgotten."""

OFF_S = 7 * 86_400
"""How long the gateway's refusal of query_sm counts: then it is tried again, with one question."""

SILENT_TTL_S = 86_400
REPLY_TTL_S = 60

ANSWERED, NACKED, SILENT = "answered", "nacked", "silent"
"""How a query_sm ended."""

UNREADABLE = "unreadable"
"""An answer that another version has written."""


class Query(NamedTuple):
    """One question. The source must be that of the submit_sm (SMPP 3.4 §4.8.1)."""

    ref: bytes
    message_id: bytes
    source: str = ""
    source_ton: int = 0
    source_npi: int = 0
    reply: str = ""
    """the name under which a command waits for the answer"""

    def to_json(self) -> str:
        """The form in the list."""
        ref, message_id, *rest = self
        return json.dumps([ref.decode(), message_id.decode("latin-1"), *rest])


class QueryFact(NamedTuple):
    """How one query_sm ended, as the binder heard it."""

    entry_id: bytes
    ref: bytes
    kind: str
    """ANSWERED, NACKED, SILENT or UNREADABLE"""
    command_status: int
    message_state: int | None
    error_code: int | None
    reply: str


class Heard(NamedTuple):
    """One answer, read: what it means for its segment."""

    fact: QueryFact
    status: int | None
    """Appendix B number; None when none was told"""
    said: str
    """for the history"""


class Queries:
    """The calls about query_sm of one account."""

    def __init__(self, keys: Keys, *, text_ttl_s: int, days: AccountDays = UTC_DAYS, now_ms: int = 0) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._days = days
        self._now_ms = now_ms

    # --- whoever asks --------------------------------------------------------------------------

    def ask(self, queries: Sequence[Query], *, first: bool = False) -> Call[int]:
        """Put questions into the list, `first` before all others; reply: how many, -1 when switched off."""
        keys = [self._keys.queries, self._keys.query_off]
        entries = [query.to_json() for query in queries]
        return eval_call(script("ask"), keys, (LIST_TTL_S, int(first), *entries), int)

    def waiting(self) -> Call[int]:
        """How many questions the binder has not taken."""
        return Call(("LLEN", self._keys.queries), int)

    def replies(self, name: str) -> Call[list[tuple[int, str]]]:
        """What the gateway has told so far: segment number and words."""
        return Call(("LRANGE", self._keys.queried(name), 0, -1), _replies)

    # --- whether anything is asked -------------------------------------------------------------

    def off(self) -> Call[str | None]:
        """Why nothing is asked; None when it is."""
        return Call(("GET", self._keys.query_off), lambda reply: reply.decode() if reply else None)

    def switch_off(self, reason: str) -> Call[bool]:
        """Ask no more for `OFF_S`; reply: whether this switched it off."""
        keys = [self._keys.query_off, self._keys.queries, self._keys.query_silent]
        return eval_call(script("ask_no_more"), keys, (reason, OFF_S), bool)

    def resume(self) -> Call[bool]:
        """Ask again; reply: whether it was off."""
        return Call(("DEL", self._keys.query_off), bool)

    def count_silent(self) -> Call[int]:
        """One more query_sm had no answer; how many one after the other."""
        return eval_call(script("count"), [self._keys.query_silent], (SILENT_TTL_S,), int)

    def not_silent(self) -> Call[bool]:
        """A query_sm was answered."""
        return Call(("DEL", self._keys.query_silent), bool)

    # --- the binder ----------------------------------------------------------------------------

    def take(self) -> Call[Query | None]:
        """The next question, which only one binder gets; None when there is none. Raises RecordError."""
        return Call(("LPOP", self._keys.queries), _query)

    def tell(
        self,
        query: Query,
        kind: str,
        command_status: int = 0,
        message_state: int | None = None,
        error_code: int | None = None,
    ) -> Call[bytes]:
        """Persist how a query_sm ended, as it was heard."""
        heard = [kind, command_status, message_state, error_code, query.reply]
        command = ("XADD", self._keys.answers, "*", "r", query.ref, "a", json.dumps(heard))
        return Call(command, bytes)

    # --- the duties ----------------------------------------------------------------------------

    def read(self, count: int) -> Call[list[QueryFact]]:
        """The oldest answers that nobody has applied."""
        return Call(("XRANGE", self._keys.answers, "-", "+", "COUNT", count), _facts)

    def apply(self, answers: Sequence[Heard]) -> Call[list[str]]:
        """Join answers to their segments; reply: a word for each, see apply_query.lua."""
        keys = self._keys
        book = keys.credits_of(day_of_entry(answers[0].fact.entry_id, self._days))
        script_keys = [keys.answers, keys.status, keys.outbox, book, keys.credits, keys.campaigns_tally]
        arguments: list[Any] = [self._now_ms, self._text_ttl_s, REPLY_TTL_S, BOOK_TTL_S]
        for fact, status, said in answers:
            job_id, _, number = fact.ref.rpartition(b"#")
            script_keys += (keys.job(job_id), keys.content(job_id), keys.queried(fact.reply))
            shown = "" if status is None else status
            arguments += (fact.entry_id, fact.ref, number, shown, said, int(bool(fact.reply)))
        return eval_call(
            script("apply_query"), script_keys, arguments, lambda reply: [word.decode() for word in reply]
        )


def _query(reply: Any) -> Query | None:
    if not reply:
        return None
    try:
        ref, message_id, source, ton, npi, name = json.loads(reply)
        return Query(ref.encode(), message_id.encode("latin-1"), source, ton, npi, name)
    except (AttributeError, TypeError, ValueError) as error:
        raise RecordError("a question for query_sm is not of the form of this version") from error


def _facts(reply: Any) -> list[QueryFact]:
    facts = []
    for entry_id, fields in reply:
        ref, heard = fields[1], fields[3]
        try:
            facts.append(QueryFact(entry_id, ref, *json.loads(heard)))
        except (TypeError, ValueError):  # it must not hold up those behind it
            facts.append(QueryFact(entry_id, ref, UNREADABLE, 0, None, None, ""))
    return facts


def _replies(reply: Any) -> list[tuple[int, str]]:
    parted = (row.decode("utf-8", "replace").partition(" ") for row in reply)
    return [(int(number), said) for number, _, said in parted]
