"""Messages from handsets: decoded, put together from their parts, and kept in the stream `mo`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidDestination, RecordError
from smsfleet.config.logs import logger
from smsfleet.config.mo_routes import STREAM, target_of
from smsfleet.config.opt_out import Wish, wish_of
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.facts import DeliveryFact
from smsfleet.store.keys import DAY_MS
from smsfleet.store.mo import Collected, name_of
from smsfleet.store.opt_out import Granting, OptedOut
from smsfleet.workers.addresses import destination
from smsfleet.workers.incoming import Decoded, Piece, decode, is_acknowledgement, keyword, piece_of
from smsfleet.workers.runtime import Runtime

REPLY = "reply:"
"""In place of a route: the person is told that the wish, which follows, is granted."""

BATCH = 100
MOST_BATCHES = 50


class Inbox:
    """Keeps messages for one runtime. Everything may be done twice: a message is kept once."""

    def __init__(self, runtime: Runtime, *, clock_ms: Callable[[], int] = epoch_ms) -> None:
        self._runtime = runtime
        self._clock_ms = clock_ms
        self._log = logger(__name__)

    def take(self, fact: DeliveryFact, deliver: DeliverSm) -> None:
        """Keep a message, or put a part of one to the others; either way the fact is done then."""
        piece = piece_of(deliver)
        known = {
            "from": _address(deliver.source_addr),
            "to": _address(deliver.destination_addr),
            "received": _time(fact.received_ms),
            "kind": "acknowledgement" if is_acknowledgement(deliver) else "message",
            "header": piece.header.hex() or None,
        }
        if piece.part is None:
            values = self._values(known, [piece])
            self._runtime.store.run(self._runtime.mo.keep(fact, values, *self._targets(values)))
        else:
            self._collect(fact, piece, known)

    def _collect(self, fact: DeliveryFact, piece: Piece, known: dict[str, Any]) -> None:
        store, mo, part = self._runtime.store, self._runtime.mo, piece.part
        assert part is not None
        name = name_of(known["from"], known["to"], part.kind, part.reference, part.total)
        known = {**known, "reference": part.reference, "parts": part.total}
        packed = b"%d,%s" % (piece.data_coding, piece.octets)
        call = mo.collect(fact, name, number=part.number, total=part.total, part=packed, known=known)
        word, collected = store.run(call)
        if word == "clash" and collected is not None:
            # The reference is used again, for another message: what came of the older one is all of it.
            self._keep(collected)
            word, collected = store.run(call)
        if word == "complete" and collected is not None:
            self._keep(collected)

    def keep_overdue(self) -> int:
        """Keep what came of messages whose other parts are waited for no longer; how many."""
        store, mo = self._runtime.store, self._runtime.mo
        kept = 0
        for _ in range(MOST_BATCHES):
            names = store.run(mo.overdue(BATCH))
            for name in names:
                try:
                    collected = store.run(mo.collected(name))
                except RecordError as error:
                    self._log.error("parts of a message are lost: their record is damaged", error=error)
                    collected = None
                if collected is None:
                    store.run(mo.forget(name))
                elif self._keep(collected) not in {"stale", "repeated"}:
                    kept += 1
            if len(names) < BATCH:
                break
        if kept:
            self._log.warning("messages from handsets kept without all of their parts", messages=kept)
        return kept

    def _keep(self, collected: Collected) -> str:
        pieces = []
        for _, packed in sorted(collected.parts.items()):
            coding, octets = packed.split(b",", 1)
            pieces.append(Piece(octets, int(coding), b"", None))
        values = self._values(collected.known, pieces)
        missing = [number for number in range(1, values["parts"] + 1) if number not in collected.parts]
        values |= {"partial": bool(missing), "missing": missing}
        call = self._runtime.mo.keep_parts(collected, values, *self._targets(values), partial=bool(missing))
        return self._runtime.store.run(call)

    def _values(self, known: dict[str, Any], pieces: list[Piece]) -> dict[str, Any]:
        """The message as it is kept. Parts of one alphabet are decoded as a whole."""
        octets = b"".join(piece.octets for piece in pieces)
        codings = {piece.data_coding for piece in pieces}
        alphabet = self._runtime.settings.mo_alphabet
        if len(codings) == 1:
            read = decode(octets, codings.pop(), alphabet)
        else:
            each = [decode(piece.octets, piece.data_coding, alphabet) for piece in pieces]
            texts = [part.text for part in each if part.text is not None]
            read = Decoded("mixed", "".join(texts), exact=False)
        return {
            "from": known["from"],
            "to": known["to"],
            "text": read.text,
            "data": None if read.exact else octets.hex(),
            "encoding": read.encoding,
            "data_coding": pieces[0].data_coding,
            "received": known["received"],
            "kind": known["kind"],
            "header": known["header"],
            "reference": known.get("reference"),
            "parts": known.get("parts", 1),
            "partial": False,
            "missing": [],
            "reply_to": None,
            "opt_out": None,
        }

    def _targets(self, values: dict[str, Any]) -> tuple[list[str], Granting | None]:
        """Where it goes beside the stream, and what it wishes of the opt-out list."""
        values["reply_to"] = self._last_job(str(values["from"]))
        if values["kind"] != "message":
            return [], None
        settings, number = self._runtime.settings, str(values["to"]).removeprefix("+")
        wish = wish_of(self._runtime.opt_out_words, number, values["text"], settings.opt_out_match)
        granting = self._granting(wish, str(values["from"]), number) if wish else None
        if granting:
            del values["opt_out"]  # the script that grants it says what it has changed
        target = target_of(self._runtime.routes, number, keyword(values["text"]))
        return [] if target == STREAM else [target], granting

    def _last_job(self, person: str) -> str | None:
        """The last job to a person, where that is remembered."""
        ttl_s = self._runtime.settings.mo_reply_s
        if not ttl_s:
            return None
        try:
            number = destination(person)
        except InvalidDestination:
            return None
        calls = self._runtime.mo.last_jobs(number, self._clock_ms() // DAY_MS, ttl_s)
        return next(filter(None, self._runtime.store.run_all(calls)), None)

    def _granting(self, wish: Wish, person: str, number: str) -> Granting | None:
        """What a wish changes; None for whom nothing can be sent to."""
        settings = self._runtime.settings
        try:
            person = destination(person)
        except InvalidDestination:  # a short code, or a name
            return None
        if wish == "out":
            sender = number if settings.opt_out_scope == "sender" else ""
            entries: tuple[OptedOut, ...] = (OptedOut(person, sender),)
        else:  # whoever opts in wants this sender's messages, by whatever entry they were stopped
            entries = (OptedOut(person), OptedOut(person, number))
        is_told = settings.opt_out_reply if wish == "out" else settings.opt_in_reply
        return Granting(wish, entries, REPLY + wish if is_told else "", settings.job_ttl_s * 1000)


def _address(octets: bytes) -> str:
    return octets.decode("latin-1")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
